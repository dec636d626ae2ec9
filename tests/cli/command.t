# The command itself: verbs, help, versions, streams that are closed or full.
$ vyre
! error VYRE-1002: wrong command line: a verb is missing
! Fix: Run `vyre help` for the verbs.
= 2

$ vyre --version
| vyre 0.1.0

$ vyre -V
| vyre 0.1.0

$ vyre help
| usage: vyre VERB [OPTION...] [ARGUMENT...]
| 
| Runs small typed Programs over files, on a kernel that is launched once.
| 
|   run      *
|   check    *
|   fmt      *
|   inspect  *
|   explain  *
|   doctor   *
|   bench    *
|   help     *
| 
| ...
| Exit status: 0 success, 1 a question answered no, 2 wrong command line, 3 failure.
| ...

$ vyre help >a; vyre --help >b; vyre -h >c; cmp a b && cmp a c

# A page for every verb, by both ways.
$ for v in run check fmt inspect explain doctor bench help; do
>   vyre help $v >a; vyre $v --help >b; vyre $v -h >c; cmp a b; cmp a c; head -n 1 a; done
| usage: vyre run [OPTION...] PROGRAM FILE...
| usage: vyre check PROGRAM...
| usage: vyre fmt [--check | --write] FILE...
| usage: vyre inspect [--emit FORM] [-o FILE] PROGRAM
| usage: vyre explain [CODE...]
| usage: vyre doctor [--json]
| usage: vyre bench [OPTION...]
| usage: vyre help [VERB]

# Pages fit a terminal of 120 columns.
$ for v in run check fmt inspect explain doctor bench help; do vyre help $v; done | awk 'length > 120'

$ vyre help run check
! error VYRE-1002: wrong command line: one verb at a time
! Fix: Run `vyre help --help` for the options and arguments.
= 2

$ vyre rnu
! error VYRE-1002: wrong command line: unknown verb 'rnu'; did you mean run?
! Fix: Run `vyre help` for the verbs.
= 2

$ vyre help inspct
! error VYRE-1002: wrong command line: unknown verb 'inspct'; did you mean inspect?
! Fix: *
= 2

$ vyre frobnicate
! error VYRE-1002: wrong command line: unknown verb 'frobnicate'
! Fix: *
= 2

$ vyre --frobnicate
! error VYRE-1002: wrong command line: unknown option '--frobnicate'
! Fix: *
= 2

$ vyre ''
! error VYRE-1002: wrong command line: unknown verb ''
! Fix: *
= 2

# A word of any length gets an answer.
$ vyre "$(head -c 100000 /dev/zero | tr '\0' x)" 2>err; echo $?; head -c 60 err
| 2
| error VYRE-1002: wrong command line: unknown verb 'xxxxxxxxx(no newline)

$ vyre explain --frobnicate
! error VYRE-1002: wrong command line: unknown option '--frobnicate'
! Fix: Run `vyre explain --help` for the options and arguments.
= 2

$ vyre help >/dev/full
! stdout: error VYRE-6005: input or output failed: write: No space left on device
! Fix: Free space on the file system, or write to another one.
= 3

# The reader is gone before the first byte.
$ { sleep 0.2; vyre help 2>err; echo $? >status; } | true; cat err status
| stdout: error VYRE-6006: the reader of the output went away: write: Broken pipe
| Fix: Keep the reading end of the pipe open until vyre has finished.
| 3

# A closed stdout does not turn into a file that is opened later.
$ vyre help >&-
! stdout: error VYRE-6005: input or output failed: write: Bad file descriptor
! Fix: *
= 3

$ vyre help 2>&- | head -n 1
| usage: vyre VERB [OPTION...] [ARGUMENT...]

$ vyre frobnicate 2>&-
= 2
