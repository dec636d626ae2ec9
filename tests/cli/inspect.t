# vyre inspect: the canonical text, what the compiler makes of it, and where it goes.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } } # a comment
> END
> vyre inspect lines.vyre
| program count_lines
| stream data : u8
| output lines : u64 sum
| ...
| foreach i in 0 .. len(data) {
|   if data[i] == 10 {
|     lines += 1
|   }
| }

# Printed text is the same Program again.
$ vyre inspect lines.vyre >a.vyre; vyre inspect --emit text - <a.vyre | cmp - a.vyre; vyre fmt --check a.vyre

$ vyre inspect --emit llvm lines.vyre | grep -c '^define.*vyre_entry'
| 1

$ vyre inspect --emit llvm-opt lines.vyre >opt.ll; grep -c '^define.*vyre_entry' opt.ll; grep -q '<[0-9]* x i' opt.ll
| 1

$ vyre inspect --emit asm lines.vyre | grep -c '^vyre_entry:'
| 1

$ vyre inspect --emit obj lines.vyre | head -c 4 | od -An -c | tr -d ' '
| 177ELF

$ vyre inspect --emit obj -o lines.o lines.vyre; nm lines.o 2>/dev/null | grep -c ' T vyre_entry' ; stat -c %A lines.o
| 1
| -rw-r--r--

# The loop of the kernel, a Program as any other but for its privileged nodes.
$ vyre inspect --megakernel | head -n 1
| program *

$ vyre inspect --megakernel --output loop.vyre; vyre inspect --megakernel -o - | cmp - loop.vyre; vyre check loop.vyre
! loop.vyre:*: error VYRE-2005: the Program uses a node reserved for the megakernel*
! ...
! Fix: *
= 3

# An existing file keeps its mode; something special is written to as it is.
$ touch old; chmod 640 old; vyre inspect lines.vyre -o old; stat -c %A old; vyre inspect lines.vyre -o /dev/null
| -rw-r-----

$ vyre inspect lines.vyre -o .
! .: error VYRE-6003: not a regular file: write: Is a directory
! Fix: *
= 3

$ vyre inspect lines.vyre -o none/out
! none/out: error VYRE-6001: no such file: create a file beside it: No such file or directory
! Fix: *
= 3

$ vyre inspect lines.vyre -o /dev/full
! /dev/full: error VYRE-6005: input or output failed: write: No space left on device
! Fix: *
= 3

$ ln -s nothing broken; vyre inspect lines.vyre -o broken
! broken: error VYRE-6001: no such file: a symbolic link to nothing
! Fix: Remove the symbolic link or create the file that it names.
= 3

$ echo 'program' >wrong.vyre; vyre inspect wrong.vyre -o out
! wrong.vyre:*: error VYRE-2001: *
! ...
! Fix: *
= 3

$ ls out
! ls: *
= 2

# An object file is nothing for a terminal.
$ script -qec 'vyre inspect --emit obj lines.vyre' /dev/null | tr -d '\r'
| error VYRE-1002: wrong command line: an object file is no text for a terminal; name a file with -o
| Fix: Run `vyre inspect --help` for the options and arguments.

$ vyre inspect lines.vyre >/dev/full
! stdout: error VYRE-6005: *
! Fix: *
= 3

# The canonical form: what differs in spelling only is one Program.
$ cat >spelled.vyre <<'END'
> program other_name
> stream data : u8
> output lines : u64 sum
> let unused = 3 * 4
> foreach j in 1 - 1 .. len(data) {
>   if !(10 != data[j]) { lines += u64(u8(1)) } else { }
> }
> END
> vyre inspect --emit canonical spelled.vyre
| program other_name
| stream data : u8
| output lines : u64 sum
| ...
| foreach j in 0 .. len(data) {
|   if data[j] == 10 {
|     lines += 1
|   }
| }

$ vyre inspect --emit fingerprint lines.vyre >a; vyre inspect --emit fingerprint spelled.vyre | cmp - a; wc -c <a
| 65

# The wire form stands in for the text; names and places go with it, or do not.
$ vyre inspect --emit wire -o lines.wire lines.vyre; vyre inspect lines.wire | cmp - a.vyre; vyre check - <lines.wire
| ok count_lines

$ vyre inspect --emit wire lines.vyre | cmp - lines.wire; vyre inspect --emit fingerprint lines.wire | cmp - a

$ vyre inspect --emit wire-stripped spelled.vyre -o bare.wire; vyre check bare.wire; vyre inspect --emit fingerprint bare.wire | cmp - a
| ok unnamed

# Its hash is the fingerprint when the Program is in canonical form.
$ vyre inspect --emit canonical spelled.vyre | vyre inspect --emit wire-stripped - >same.wire
$ (tail -c +7 same.wire | head -c 32 | od -An -v -tx1 | tr -d ' \n'; echo) | cmp - a

$ head -c 50 lines.wire >cut.wire; vyre check cut.wire
! cut.wire: error VYRE-2009: the wire form of the Program cannot be read: *
! Fix: Run `vyre inspect --emit wire*
= 3

$ printf 'VYRE' | vyre check -
! <stdin>: error VYRE-2009: *: the bytes end in the middle at byte 4
! Fix: *
= 3

$ script -qec 'vyre inspect --emit wire lines.vyre' /dev/null | tr -d '\r'
| error VYRE-1002: wrong command line: the wire form is no text for a terminal; name a file with -o
| Fix: *
