# vyre run: values of parameters and constants.
$ cat >given.vyre <<'END'
> program given
> stream data : u8
> param k : u8
> param i : i32
> param f : f32
> param b : bool
> constant c : u16[2]
> constant any : u64
> output o : u64[6] sum
> o[0] += u64(k)
> o[1] += u64(bitcast.u32(i))
> o[2] += u64(bitcast.u32(f))
> o[3] += u64(b)
> o[4] += u64(c[0]) + u64(c[1])
> o[5] += len(any)
> END
> cat >real.vyre <<'END'
> program real
> stream data : u8
> param f : f32
> param d : f64
> output o : u64[2] sum
> o[0] += u64(bitcast.u32(f))
> o[1] += bitcast.u64(d)
> END
> printf x >data; printf '\001\000\002\000' >c; head -c 16 /dev/zero >any; : >empty; mkdir directory

$ vyre run --quiet --param k=0xff --param i=-1 --param f=-0.0 --param b=true --constant c=c --constant any=any given.vyre data
| o[0] 255
| o[1] 4294967295
| o[2] 2147483648
| o[3] 1
| o[4] 3
| o[5] 2

# What is given last counts; an empty constant has no elements, an array its number.
$ vyre run --quiet --param k=1 --param k=2 --param i=0 --param f=inf --param b=false --constant c=c --constant any=empty given.vyre data
| o[0] 2
| o[2] 2139095040
| o[4] 3

# Each number is rounded once, and one that is too large is none.
$ vyre run --quiet --param f=1.00000017881393432617187499 --param d=1e308 real.vyre data
| o[0] 1065353217
| o[1] 9214871658872686752

$ vyre run --quiet --param f=1e39 --param d=1 real.vyre data
! error VYRE-1002: wrong command line: '1e39' is no value for f : f32
! Fix: Write --param f=NUMBER, in the type's range, or inf.
= 2

$ vyre run --quiet --param f=-1 --param d=-1e309 real.vyre data
! error VYRE-1002: wrong command line: '-1e309' is no value for d : f64
! Fix: Write --param d=NUMBER, in the type's range, or inf.
= 2

$ vyre run --quiet --param f=' 1' --param d=1 real.vyre data
! error VYRE-1002: wrong command line: ' 1' is no value for f : f32
! Fix: *
= 2

$ vyre run --quiet --param f=1 real.vyre data
! error VYRE-1002: wrong command line: the Program real needs a value for d : f64
! Fix: Add --param d=VALUE.
= 2

$ vyre run --quiet --param k=256 given.vyre data
! error VYRE-1002: wrong command line: '256' is no value for k : u8
! Fix: Write --param k=NUMBER, in the type's range.
= 2

$ vyre run --quiet --param nosuch=1 given.vyre data
! error VYRE-2003: unknown or duplicate name: the Program given has no `param nosuch`
! Fix: Name one of: k, i, f, b.
= 3

# Constants are as long as their limit, which is not that of a text.
$ cat >long.vyre <<'END'
> program long
> stream data : u8
> constant any : u64
> output o : u64 sum
> o += len(any) + any[len(any) - 1]
> END
> truncate -s 20M twenty; truncate -s 257M more

$ vyre run --quiet --constant any=twenty long.vyre data
| o 2621440

$ vyre run --quiet --constant any=more long.vyre data
! more: error VYRE-6008: the file is too large for this use: a constant has at most 268435456 bytes
! Fix: Name a smaller file*
= 3

$ vyre run --quiet --constant any=c long.vyre data
! long.vyre:3:10: error VYRE-1001: invalid argument: 4 bytes for the constant 'any'
! Fix: Give whole elements of 8 bytes, at most 268435456 bytes.
= 3

$ vyre run --quiet --constant any=directory long.vyre data
! directory: error VYRE-6003: not a regular file*
! Fix: *
= 3

$ vyre run --quiet --constant any=none long.vyre data
! none: error VYRE-6001: no such file*
! Fix: *
= 3

$ vyre run --quiet long.vyre data
! long.vyre:3:10: error VYRE-1001: invalid argument: the constant 'any' has no value
! Fix: Give it with vyre_session_set_param before start, or with `--constant any=FILE`.
= 3
