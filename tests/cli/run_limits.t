# vyre run where the machine refuses something.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } }
> END
> seq 1 1000 >numbers

$ forbid-uring vyre run lines.vyre numbers
! error VYRE-7003: io_uring is not available*
! ...
! Fix: *
= 3

$ forbid-uring vyre doctor | grep -A 1 '^io_uring'
| io_uring *VYRE-7003: io_uring is not available*
|  *Fix: *

# 64 KiB of lockable memory do not hold buffers of 16 MiB.
$ ulimit -l 64; $DROP vyre run --workers 1 --depth 1 --chunk 16M lines.vyre numbers
! error VYRE-7002: too little lockable memory for the I/O buffers*
! ...
! Fix: *
= 3

$ ulimit -n 12; vyre run lines.vyre numbers numbers numbers numbers numbers numbers numbers numbers numbers numbers numbers numbers
! *error VYRE-7005: too many open files*
! ...
! Fix: *
= 3
