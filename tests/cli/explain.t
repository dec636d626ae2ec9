# vyre explain: codes in three spellings, the list, and what is no code.
$ vyre explain 2001
| VYRE-2001  VYRE_E_SYNTAX  (PROGRAM)
|   syntax error
|   Retry: after the Fix
|   Fix: Correct the source at the marked place; docs/formats/text.md has the grammar.

$ vyre explain 2001 >a; vyre explain VYRE-2001 >b; vyre explain vyre_e_syntax >c; cmp a b && cmp b c

$ vyre explain 6006 VYRE-5001
| VYRE-6006  VYRE_E_PIPE  (IO)
|   the reader of the output went away
|   Retry: the same call fails again
|   Fix: Keep the reading end of the pipe open until vyre has finished.
| 
| VYRE-5001  VYRE_E_RING_FULL  (SESSION)
|   no free cell, or fewer than the batch needs: the others hold slots in flight or unread
|   Retry: the same call may succeed later
|   Fix: *

# The list holds every code of the catalogue, and each of its lines can be explained.
$ grep -c '^VYRE_ERROR(' $SOURCE/include/vyre/error_codes.def >a; vyre explain | wc -l >b; cmp a b

$ vyre explain | while read code name summary; do vyre explain $code || exit 1; done | grep -c 'Fix: [A-Z]' >b; cmp a b

$ vyre explain 9999
! error VYRE-1004: no such error code: '9999'
! Fix: Run `vyre explain` without a code for the whole list.
= 2

$ vyre explain VYRE_E_SYNTX
! error VYRE-1004: no such error code: 'VYRE_E_SYNTX'; did you mean VYRE_E_SYNTAX?
! Fix: *
= 2

$ for word in '' 02001 2001x VYRE- -- 99999999999999999999; do vyre explain -- "$word" 2>&1 | head -n 1; done
| error VYRE-1004: no such error code: ''
| error VYRE-1004: no such error code: '02001'
| error VYRE-1004: no such error code: '2001x'
| error VYRE-1004: no such error code: 'VYRE-'
| error VYRE-1004: no such error code: '--'
| error VYRE-1004: no such error code: '99999999999999999999'
