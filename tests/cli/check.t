# vyre check: valid Programs, invalid ones, and files that are none.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
>
> foreach i in 0 .. len(data) {
>   if data[i] == 10 { lines += 1 }
> }
> END
> vyre check lines.vyre
| ok count_lines

$ vyre check - <lines.vyre
| ok count_lines

$ sed 's/== 10/==/' lines.vyre >syntax.vyre; vyre check syntax.vyre
! syntax.vyre:6:*: error VYRE-2001: syntax error*
! ...
!   |   if data[i] == { lines += 1 }
!   |                 ^
! Fix: *
= 3

$ sed 's/lines += 1/lines += data[i]/' lines.vyre >type.vyre; vyre check type.vyre
! type.vyre:6:*: error VYRE-2002: types do not fit*
! ...
! Fix: *
= 3

$ sed 's/lines += 1/liens += 1/' lines.vyre >name.vyre; vyre check name.vyre
! name.vyre:6:*: error VYRE-2003: unknown or duplicate name*
! ...
! Fix: *
= 3

$ sed 's/lines += 1/break/' lines.vyre >rule.vyre; vyre check rule.vyre
! rule.vyre:6:*: error VYRE-2004: the Program breaks a rule of the language*
! ...
! Fix: *
= 3

$ vyre check - <type.vyre 2>&1 | head -n 1
| <stdin>:6:*: error VYRE-2002: *

# All are checked; one wrong makes the whole wrong.
$ vyre check syntax.vyre lines.vyre none.vyre lines.vyre
| ok count_lines
| ok count_lines
! syntax.vyre:6:*: error VYRE-2001: *
! ...
! none.vyre: error VYRE-6001: no such file*
! Fix: *
= 3

$ vyre check .
! .: error VYRE-6003: not a regular file*
! Fix: *
= 3

$ vyre check lines.vyre/
! lines.vyre/: error VYRE-6001: no such file*
! Fix: *
= 3

$ : >empty.vyre; vyre check empty.vyre
! empty.vyre:1:1: error VYRE-2001: *
! ...
! Fix: *
= 3

# Neither binary bytes nor their length upset it.
$ LC_ALL=C awk 'BEGIN { srand(7); for (i = 0; i < 100000; i++) printf "%c", rand() * 256 }' >noise.vyre; vyre check noise.vyre
! noise.vyre:*: error VYRE-2*
! ...
! Fix: *
= 3

$ head -c 100000 /dev/zero | vyre check -
! <stdin>:1:1: error VYRE-2001: *
! ...
! Fix: *
= 3

$ truncate -s 17M large.vyre; vyre check large.vyre
! large.vyre: error VYRE-6008: the file is too large*
! Fix: *
= 3

$ vyre check - <large.vyre
! <stdin>: error VYRE-6008: the file is too large*
! Fix: *
= 3

# A deep nest is over a limit, not over the stack.
$ { cat lines.vyre; for i in $(seq 1 20000); do printf 'if true { '; done; } >deep.vyre; vyre check deep.vyre
! deep.vyre:*: error VYRE-200*
! ...
! Fix: *
= 3

$ { printf 'program x\nlet a = '; head -c 200000 /dev/zero | tr '\0' '('; } >deep.vyre; vyre check deep.vyre
! deep.vyre:*: error VYRE-200*
! ...
! Fix: *
= 3

$ vyre check lines.vyre >/dev/full
! stdout: error VYRE-6005: *
! Fix: *
= 3
