# Wrong command lines of each verb: exit 2, nothing on stdout, nothing done.
$ vyre run
! error VYRE-1002: wrong command line: a Program is missing
! Fix: Run `vyre run --help` for the options and arguments.
= 2

$ vyre run x.vyre
! error VYRE-1002: wrong command line: a file for the Program to read is missing
! Fix: *
= 2

$ vyre run --wrokers 3 x.vyre file
! error VYRE-1002: wrong command line: unknown option '--wrokers'; did you mean --workers?
! Fix: *
= 2

$ vyre run --wrokers=3 x.vyre file
! error VYRE-1002: wrong command line: unknown option '--wrokers'; did you mean --workers?
! Fix: *
= 2

$ vyre run -x x.vyre file
! error VYRE-1002: wrong command line: unknown option '-x'
! Fix: *
= 2

$ vyre run --d cpu x.vyre file
! error VYRE-1002: wrong command line: '--d' fits 2 options; write it out
! Fix: *
= 2

$ vyre run --all=yes x.vyre file
! error VYRE-1002: wrong command line: --all takes no argument
! Fix: *
= 2

$ vyre run x.vyre file --device
! error VYRE-1002: wrong command line: option --device needs an argument
! Fix: *
= 2

$ vyre run --builder fused x.vyre file
! error VYRE-1002: wrong command line: --builder fused is neither interpreted nor jit
! Fix: *
= 2

$ vyre inspect --megakernel=star
! error VYRE-1002: wrong command line: --megakernel star is neither direct nor dispatched
! Fix: *
= 2

$ vyre run --topology star x.vyre file
! error VYRE-1002: wrong command line: --topology star is neither direct nor dispatched
! Fix: *
= 2

$ vyre run --workers 0 x.vyre file
! error VYRE-1002: wrong command line: --workers 0 is outside 1 to 4294967295
! Fix: *
= 2

$ for n in -1 +1 ' 1' 1K 0x10 two '' 1.5; do vyre run --workers "$n" x.vyre file 2>&1 | head -n 1; done
| error VYRE-1002: wrong command line: --workers takes a number, not '-1'
| error VYRE-1002: wrong command line: --workers takes a number, not '+1'
| error VYRE-1002: wrong command line: --workers takes a number, not ' 1'
| error VYRE-1002: wrong command line: --workers takes a number, not '1K'
| error VYRE-1002: wrong command line: --workers takes a number, not '0x10'
| error VYRE-1002: wrong command line: --workers takes a number, not 'two'
| error VYRE-1002: wrong command line: --workers takes a number, not ''
| error VYRE-1002: wrong command line: --workers takes a number, not '1.5'

$ for n in 4097 4095 65M 17592186044416M 99999999999999999999 0; do vyre run --chunk $n x.vyre file 2>&1 | head -n 1; done
| error VYRE-1002: wrong command line: --chunk 4097 is no multiple of 4096
| error VYRE-1002: wrong command line: --chunk 4095 is outside 4096 to 67108864
| error VYRE-1002: wrong command line: --chunk 65M is outside 4096 to 67108864
| error VYRE-1002: wrong command line: --chunk 17592186044416M is outside 4096 to 67108864
| error VYRE-1002: wrong command line: --chunk 99999999999999999999 is outside 4096 to 67108864
| error VYRE-1002: wrong command line: --chunk 0 is outside 4096 to 67108864

$ vyre run --depth 4294967296 x.vyre file
! error VYRE-1002: wrong command line: --depth 4294967296 is outside 1 to 64
! Fix: *
= 2

$ vyre run --fuel 18446744073709551616 x.vyre file
! error VYRE-1002: wrong command line: --fuel 18446744073709551616 is outside 1 to 18446744073709551615
! Fix: *
= 2

$ vyre check
! error VYRE-1002: wrong command line: a Program is missing
! Fix: Run `vyre check --help` for the options and arguments.
= 2

$ vyre check --json x
! error VYRE-1002: wrong command line: unknown option '--json'
! Fix: *
= 2

$ vyre fmt
! error VYRE-1002: wrong command line: a file is missing; - is stdin
! Fix: *
= 2

$ vyre fmt --check --write x
! error VYRE-1002: wrong command line: --check and --write exclude each other
! Fix: *
= 2

$ vyre fmt --write -
! error VYRE-1002: wrong command line: --write needs a file, not stdin
! Fix: *
= 2

$ vyre inspect
! error VYRE-1002: wrong command line: a Program is missing
! Fix: *
= 2

$ vyre inspect a b
! error VYRE-1002: wrong command line: one Program at a time
! Fix: *
= 2

$ vyre inspect --emit llm x
! error VYRE-1002: wrong command line: --emit takes text, canonical, fingerprint, wire, wire-stripped, llvm, llvm-opt, asm, obj, ptx or ptx-sm_80, not 'llm'; did you mean llvm?
! Fix: *
= 2

$ vyre inspect --megakernel x
! error VYRE-1002: wrong command line: --megakernel takes no Program
! Fix: *
= 2

$ vyre inspect --megakernel --emit asm
! error VYRE-1002: wrong command line: --megakernel is shown as text only; leave out --emit
! Fix: *
= 2

$ vyre doctor now
! error VYRE-1002: wrong command line: doctor takes no arguments
! Fix: *
= 2
