# vyre run: results, options, and what goes where.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } }
> END
> cat >bytes.vyre <<'END'
> program histogram
> stream data : u8
> output total : u64 sum
> output counts : u64[256] sum
> output minus : i32 sum
> output top : u64 sum
> foreach i in 0 .. len(data) {
>   counts[data[i]] += 1
>   total += 1
>   minus += -1
> }
> if is_last() { top += 18446744073709551615 }
> END
> seq 1 100000 >numbers; printf 'aab' >letters; : >empty

$ vyre run lines.vyre numbers
| lines 100000
! fixed (*) | device cpu (*) | * GB/s

$ vyre run --quiet lines.vyre numbers
| lines 100000

# Arrays: one line for each element that is not zero, all of them on request.
$ vyre run --quiet bytes.vyre letters
| total 3
| counts[97] 2
| counts[98] 1
| minus -3
| top 18446744073709551615

$ vyre run --quiet --all bytes.vyre letters | sort | uniq | wc -l
| 259

$ vyre run --quiet --all bytes.vyre letters | sed -n '1p; 2p; 100p; 257p'
| total 3
| counts[0] 0
| counts[98] 1
| counts[255] 0

# Files follow one another; a file of no bytes is one chunk; every file has its own last chunk.
$ vyre run --quiet bytes.vyre letters empty letters
| total 6
| counts[97] 4
| counts[98] 2
| minus -6
| top 18446744073709551613

$ vyre run --quiet lines.vyre empty
| lines 0

$ vyre run --quiet bytes.vyre empty
| total 0
| minus 0
| top 18446744073709551615

$ vyre run --quiet - numbers <lines.vyre
| lines 100000

# However it is cut and whoever works, the answer is the same.
$ for d in cpu ref auto; do for c in 4096 12K 1M; do for w in 1 2; do
>   vyre run --quiet --device $d --chunk $c --workers $w --depth $w lines.vyre numbers empty letters
> done; done; done | sort | uniq -c | tr -s ' '
|  18 lines 100000

$ vyre run --device ref --ingest fixed lines.vyre numbers
| lines 100000
! fixed (named) | device ref (named) | * GB/s

$ vyre run --quiet --fuel 1000000 --no-progress lines.vyre numbers
| lines 100000

# Both builders and topologies, on both host devices.
$ for d in cpu ref; do for b in interpreted jit; do for t in direct dispatched; do
>   o="--quiet --device $d --builder $b --topology $t"
>   vyre run $o bytes.vyre letters; vyre run --json $o lines.vyre numbers | json-check builder topology outputs.lines
> done; done; done | sort | uniq -c | tr -s ' '
|  8 100000*
|  8 counts[97] 2
|  8 counts[98] 1
|  4 direct
|  4 dispatched
|  4 interpreted
|  4 jit
|  8 minus -3
|  8 top 18446744073709551615
|  8 total 3

# Names that look like options.
$ cp numbers ./--json; vyre run --quiet -- lines.vyre --json
| lines 100000

# The bar: on a terminal only, in colour unless asked not to, gone at the end.
# The interpreter is slow enough for it to be drawn, on any machine. TERM may be unset here.
$ truncate -s 16M big; TERM=xterm script -qec 'vyre run --device ref --chunk 16K lines.vyre big' /dev/null >bar; grep -c '% ' bar; tail -c 300 bar | tr '\r\033' '\n@' | tail -n 4
| 1
| @[Klines 0
| 
| * (auto: *) | device ref (*) | * GB/s
| 

$ tr '\033' '@' <bar | grep -c '@\[32m'; TERM=xterm NO_COLOR=1 script -qec 'vyre run --device ref --chunk 16K lines.vyre big' /dev/null | tr '\033' '@' >plain
> grep -c '@\[32m' plain; grep -c '% ' plain
| 1
| 0
| 1

$ for o in --no-progress --quiet; do TERM=xterm script -qec "vyre run $o lines.vyre big" /dev/null | grep -c '% '; done
| 0
| 0
= 1

$ TERM=dumb script -qec 'vyre run --device ref lines.vyre big' /dev/null | grep -c '% '
| 0
= 1
