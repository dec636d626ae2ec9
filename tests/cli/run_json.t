# vyre run --json: one object, stable keys, exact integers.
$ cat >all.vyre <<'END'
> program all
> stream data : u8
> output total : u64 sum
> output counts : u32[3] sum
> output minus : i64 sum
> output top : u64 sum
> foreach i in 0 .. len(data) {
>   counts[1] += 2147483648
>   total += 1
>   minus += -9223372036854775807
> }
> if is_last() { top += 18446744073709551615 }
> END
> printf x >one; vyre run --json --quiet --device cpu --workers 1 all.vyre one >out.json; sed -E 's/[0-9]+\.[0-9]+/S/' out.json
| {"program": "all", "fingerprint": "*", "device": "cpu", "device_reason": "*", "workers": 1, "builder": "interpreted", "topology": "direct", "ingest": [{"path": "fixed", "reason": "*", "bytes": 1, "bytes_cpu_copied": 1}], "bytes": 1, "seconds": S, "outputs": {"total": 1, "counts": [0, 2147483648, 0], "minus": -9223372036854775807, "top": 18446744073709551615}, "slots": 1, "faults": 0, "launches": 1, "swaps": 0}

$ json-check fingerprint <out.json >of_run; vyre inspect --emit fingerprint all.vyre | cmp - of_run

$ json-check program outputs.total outputs.counts.1 ingest.0.path <out.json
| all
| 1*
| 2147483648*
| fixed

# A million slots later it is still one launch.
$ truncate -s 64M big; vyre run --json --quiet --chunk 4K all.vyre big | json-check launches swaps slots bytes
| 1*
| 0*
| 16384*
| 67108864*

# Errors: the object on stdout, the text on stderr.
$ vyre run --json all.vyre none | json-check error.code error.name error.where
| 6001
| VYRE_E_NOT_FOUND
| none
! none: error VYRE-6001: no such file*
! Fix: *

$ vyre run --json all.vyre none 2>err >out.json
= 3

$ sed 's/"detail": "[^"]*"/D/; s/"fix": "[^"]*"/F/' out.json
| {"error": {"code": 6001, "name": "VYRE_E_NOT_FOUND", D, "where": "none", "while": "*", F}}

$ echo 'program "x' >wrong.vyre; vyre run --json wrong.vyre one 2>err | json-check error.code error.where
| 2001
| wrong.vyre:1:*

# A name that is no UTF-8 still makes valid JSON.
$ name=$(printf 'a"\377\\'); vyre run --json all.vyre "$name" 2>err | json-check error.where
| a"*\

$ vyre run --json all.vyre one >/dev/full
! stdout: error VYRE-6005: *
! Fix: *
! ...
= 3
