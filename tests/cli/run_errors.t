# vyre run: everything that can be wrong with a Program, a file, a device or stdout. No case prints a result.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } }
> END
> seq 1 1000 >numbers; : >empty; mkdir directory; mkfifo fifo; cp lines.vyre broken.vyre; echo '}' >>broken.vyre

$ vyre run broken.vyre numbers
! broken.vyre:5:1: error VYRE-2001: *
! ...
! Fix: *
= 3

$ vyre run none.vyre numbers
! none.vyre: error VYRE-6001: no such file*
! Fix: *
= 3

$ vyre run lines.vyre numbers none
! none: error VYRE-6001: no such file*
! Fix: *
= 3

$ ln -s ring1 ring2; ln -s ring2 ring1; vyre run lines.vyre ring1
! ring1: error VYRE-6001: no such file: open: Too many levels of symbolic links
! Fix: Check the path in the message*
= 3

$ vyre run lines.vyre $(printf 'x%.0s' $(seq 300))
! x*: error VYRE-6001: no such file: open: File name too long
! Fix: Check the path in the message*
= 3

$ vyre fmt ring1
! ring1: error VYRE-6001: no such file: open: Too many levels of symbolic links
! Fix: Check the path in the message*
= 3

$ vyre run lines.vyre directory
! directory: error VYRE-6003: not a regular file*
! Fix: *
= 3

$ vyre run lines.vyre fifo
! fifo: error VYRE-6003: not a regular file*
! Fix: *
= 3

$ vyre run lines.vyre /dev/zero
! /dev/zero: error VYRE-6003: not a regular file*
! Fix: *
= 3

$ vyre run lines.vyre numbers/x ''
! numbers/x: error VYRE-6001: no such file*
! Fix: *
= 3

$ vyre run --device gpu lines.vyre numbers
! error VYRE-4001: no such device*gpu*
! ...
! Fix: *
= 3

$ vyre run --device '' lines.vyre numbers
! error VYRE-4001: no such device*
! ...
! Fix: *
= 3

$ vyre run --ingest mapped lines.vyre numbers
! error VYRE-1005: *mapped*
! Fix: Use --ingest fixed, direct or auto: 'mapped' is for the copy engine of a GPU.
= 3

$ vyre run --ingest quickly lines.vyre numbers
! error VYRE-1005: *quickly*
! Fix: Use --ingest fixed, direct, mapped or auto.
= 3

$ vyre run --workers 4000000000 lines.vyre numbers
! error VYRE-*
! ...
! Fix: *
= 3

# Faults name the place in the Program.
$ cat >loop.vyre <<'END'
> program loop
> stream data : u8
> output n : u64 sum
> forever {
> }
> END
> for d in cpu ref; do vyre run --device $d --fuel 1000 loop.vyre numbers; done
! ...
! loop.vyre:4:1: error VYRE-2008: the Program used up its fuel*
! ...
! Fix: *--fuel*
! loop.vyre:4:1: error VYRE-2008: the Program used up its fuel*
! ...
! Fix: *--fuel*
= 3

$ cat >range.vyre <<'END'
> program range
> stream data : u8
> output n : u64 sum
> n += u64(data[len(data)])
> END
> for d in cpu ref; do vyre run --device $d range.vyre numbers; done
! range.vyre:4:*: error VYRE-2007: the Program faulted while it ran*out of range*
! ...
! Fix: *
! range.vyre:4:*: error VYRE-2007: the Program faulted while it ran*out of range*
! ...
! Fix: *
= 3

$ cat >divide.vyre <<'END'
> program divide
> stream data : u8
> output n : u64 sum
> n += 1 / (len(data) - len(data))
> END
> for d in cpu ref; do vyre run --device $d --json --quiet divide.vyre numbers 2>err; head -n 1 err; done | grep -v error.:
| divide.vyre:4:*: error VYRE-2007: the Program faulted while it ran*zero*
| divide.vyre:4:*: error VYRE-2007: the Program faulted while it ran*zero*

$ cat >trap.vyre <<'END'
> program halt
> stream data : u8
> output n : u64 sum
> n += 1
> if is_last() { trap }
> END
> vyre run --chunk 4K trap.vyre numbers
! trap.vyre:5:*: error VYRE-2007: the Program faulted while it ran*
! ...
! Fix: *
= 3

# stdout is full, closed, or gone.
$ vyre run lines.vyre numbers >/dev/full
! stdout: error VYRE-6005: input or output failed: write: No space left on device
! Fix: *
= 3

$ vyre run lines.vyre numbers >&-
! stdout: error VYRE-6005: *
! Fix: *
= 3

$ { sleep 0.2; vyre run --quiet lines.vyre numbers 2>err; echo $? >status; } | true; cat status err
| 3
| stdout: error VYRE-6006: *
| Fix: *

# stderr that nobody can read changes nothing.
$ vyre run lines.vyre numbers 2>/dev/full
| lines 1000

$ vyre run lines.vyre numbers 2>&-
| lines 1000

$ chmod 000 numbers; $DROP vyre run lines.vyre numbers
! numbers: error VYRE-6002: permission denied*
! Fix: *
= 3

$ vyre run - numbers <&-
! <stdin>: error VYRE-6005: input or output failed: read: Bad file descriptor
! Fix: Open the descriptor for reading, for example with `<FILE`.
= 3
