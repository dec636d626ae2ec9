# vyre fmt: prints, checks, rewrites; comments stay.
$ cat >good.vyre <<'END'
> # Counts lines.
> program count_lines
> stream data : u8
> output lines : u64 sum
>
> foreach i in 0 .. len(data) {
>   if data[i] == 10 {
>     lines += 1 # one more
>   }
> }
> END
> vyre fmt good.vyre >good.out; cmp good.vyre good.out

# What it prints is its own fixed point and the same Program.
$ sed -e 's/^ */\t/' -e 's/ += /+=/' -e 's/ == /==/' good.vyre >bad.vyre; cmp -s good.vyre bad.vyre && echo equal
= 1

$ vyre fmt bad.vyre >bad.out; cmp bad.out good.vyre

$ vyre fmt <bad.vyre - >bad.out; cmp bad.out good.vyre

$ vyre fmt good.vyre bad.vyre | cmp - good.vyre 2>&1 | grep -c EOF
| 1

$ vyre fmt --check good.vyre

$ vyre fmt --check good.vyre bad.vyre - <bad.vyre
| bad.vyre
| <stdin>
= 1

# An error prints nothing of the others.
$ vyre inspect good.vyre >canonical.vyre; sed 's/==/=!/' good.vyre >wrong.vyre; vyre fmt good.vyre wrong.vyre
! wrong.vyre:7:*: error VYRE-2001: syntax error*
! ...
! Fix: *
= 3

$ vyre fmt --check good.vyre bad.vyre wrong.vyre
| bad.vyre
! wrong.vyre:7:*: error VYRE-2001: syntax error*
! ...
! Fix: *
= 3

# Rewriting: the mode stays, the link stays a link, a file in good layout is not touched.
$ cp bad.vyre target.vyre; chmod 751 target.vyre; ln -s target.vyre link.vyre
> touch -d 2001-01-01 good.vyre; vyre fmt --write good.vyre link.vyre
> cmp target.vyre good.vyre; stat -c '%A %F' target.vyre; stat -c %F link.vyre; stat -c %y good.vyre | cut -c 1-10; ls -A | grep -c '^\.'
| -rwxr-x--x regular file
| symbolic link
| 2001-01-01
| 0
= 1

# One wrong file does not keep the others from being written, and is not written itself.
$ cp bad.vyre one.vyre; cp wrong.vyre two.vyre; vyre fmt --write two.vyre one.vyre
! two.vyre:7:*: error VYRE-2001: *
! ...
! Fix: *
= 3

$ cmp one.vyre good.vyre && cmp two.vyre wrong.vyre

$ vyre fmt none.vyre
! none.vyre: error VYRE-6001: no such file: open: No such file or directory
! Fix: *
= 3

$ vyre fmt --write .
! .: error VYRE-6003: not a regular file: read: Is a directory
! Fix: *
= 3

$ ln -s nothing broken.vyre; vyre fmt --write broken.vyre
! broken.vyre: error VYRE-6001: no such file: *
! Fix: *
= 3

$ ln -s loop.vyre loop.vyre; vyre fmt --write loop.vyre
! loop.vyre: error VYRE-6*
! Fix: *
= 3

$ vyre fmt good.vyre >/dev/full
! stdout: error VYRE-6005: *
! Fix: *
= 3

$ : >empty.vyre; vyre fmt empty.vyre
! empty.vyre:1:1: error VYRE-2001: *
! ...
! Fix: *
= 3

# A full disk while rewriting leaves the file as it was.
$ cp bad.vyre small.vyre; (ulimit -f 0; trap '' XFSZ; vyre fmt --write small.vyre 2>&1; echo $?) | cat
| *small.vyre: error VYRE-6005: input or output failed: write: File too large
| Fix: *
| 3

$ cmp small.vyre bad.vyre; ls -A | grep '^\.'
= 1
