# Files that may not be read or written. $DROP runs a command as somebody whom the mode of a file concerns: root
# without capabilities, or whoever runs the tests.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } }
> END
> cp lines.vyre secret.vyre; cp lines.vyre fixed.vyre; echo data >secret.txt; chmod 000 secret.*; chmod 444 fixed.vyre
> mkdir closed; cp lines.vyre closed; chmod 555 closed

$ $DROP vyre check secret.vyre
! secret.vyre: error VYRE-6002: permission denied*
! Fix: Run `ls -ld` *
= 3

$ $DROP vyre fmt secret.vyre
! secret.vyre: error VYRE-6002: permission denied: open: Permission denied
! Fix: *
= 3

$ $DROP vyre fmt --write fixed.vyre
! *fixed.vyre: error VYRE-6002: permission denied: open for writing: Permission denied
! Fix: Run `chmod u+w` on the file, or run as its owner.
= 3

$ $DROP vyre fmt --write closed/lines.vyre
! *closed/lines.vyre: error VYRE-6002: permission denied: create a file beside it: Permission denied
! Fix: *
= 3

$ cmp fixed.vyre lines.vyre && cmp closed/lines.vyre lines.vyre; ls -A closed
| lines.vyre

$ $DROP vyre inspect lines.vyre -o closed/out
! closed/out: error VYRE-6002: permission denied: create a file beside it: Permission denied
! Fix: *
= 3
