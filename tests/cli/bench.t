# vyre bench with tiny counts: the form of what it prints, never how large the figures are.
$ vyre bench --device cpu --rounds 2 --slots 50 --rate-slots 400 --bytes 1M --seed 3
| device cpu (named): *
| slots: 1 workers, 1024 cells
| stream: fixed, * workers, chunks of * KiB, depth *, 1048576 bytes, * lines
| median (least .. most) of 2 rounds, seed 3
| 
| latency, one slot at a time
|   inline opcode, NOP * us (*), p99 *, max *, 100 checked
|   inline opcode, LOAD_U32 * us (*), p99 *, max *, 100 checked
|   worker opcode, a Program that adds 1 * us (*), p99 *, max *, 100 checked
|  without vyre:
|   ping-pong over a flag * us (*), p99 *, max *, 100 checked
|  ratios:
|   inline NOP / ping-pong *
|   inline LOAD_U32 / ping-pong *
|   worker / ping-pong *
| 
| rate, as many slots in flight as there are cells
|   NOP, 1 producer * M/s (*), 800 checked
|   LOAD_U32, 1 producer * M/s (*), 800 checked
|   NOP, 4 producers * M/s (*), 800 checked
|   worker opcode, 1 producer * M/s (*), 800 checked
|   NOP, 1 producer, batches of 32 * M/s (*), 800 checked
|   LOAD_U32, 1 producer, batches of 32 * M/s (*), 800 checked
|   NOP, 4 producers, batches of 32 * M/s (*), 800 checked
|   worker opcode, 1 producer, batches of 32 * M/s (*), 800 checked
|  without vyre:
|   ring between two C threads * M/s (*), 800 checked
|  ratios:
|   NOP, 1 producer / C ring *
|   worker, 1 producer / C ring *
| 
| stream, lines of a warm file
|   stream, opened: lines counted * GB/s (*), 2 checked
|   stream, its opening included * GB/s (*), 2 checked
|   stream, CPU time of the process * s/GB (*), 2 checked
|   the same on the path fixed * GB/s (*), 2 checked
|   the faster of the paths that are named * GB/s (*)
|  without vyre:
|   pread and a C loop, 1 thread * GB/s (*), 2 checked
| ...
|   the best of these with pread * GB/s (*)
|  ratios:
|   stream / the best with pread *
|   stream, its path chosen / the fastest path *
| 
| start, until the first slot is answered
|   the device opened * ms (*)
|   loop and one Program compiled * ms (*)
|   from there to the first slot's answer, without compiling * ms (*), 2 checked
| 
| compile, one Program
|   a Program, from its text to machine code or PTX * ms (*)
| ...

$ vyre bench --device cpu --rounds 1 --slots 20 --rate-slots 40 --bytes 1M --json >out.json
>   json-check device rounds bytes rows.0.part rows.0.name rows.0.role rows.0.unit rows.0.samples rows.0.checked <out.json
| cpu
| 1
| 1048576
| latency
| inline_nop
| candidate
| us
| 20
| 20

# Lines are those of wc; the file is the one named; what did not run is 0.
$ seq 1 300000 >numbers; vyre bench --device cpu --rounds 1 --only stream --file numbers --chunk 64K --depth 2 --json >out.json
>   json-check lines chunk_bytes depth slot_workers rows.0.part rows.0.name <out.json; wc -l <numbers
| 300000
| 65536
| 2
| 0
| stream
| stream
| 300000

$ vyre bench --device cpu --rounds 1 --slots 10 --only latency | grep -c -e rate -e stream
| 0
= 1

# Nothing is left in the folder of temporary files.
$ mkdir tmp; TMPDIR=$PWD/tmp vyre bench --device cpu --rounds 1 --only stream --bytes 1M --quiet >/dev/null; ls tmp

$ TMPDIR=/nowhere vyre bench --device cpu --only stream --bytes 1M
! /nowhere/vyre-bench-*: error VYRE-6001: *
! Fix: Set TMPDIR to a folder that can be written, or name a file by --file.
= 3

# A name that is too long is not cut off to that of another folder.
$ mkdir -p long/$(printf '%0100d/%0100d/%0100d/%0100d' 0 0 0 0); TMPDIR=$PWD/long/$(printf '%0100d/%0100d/%0100d/%0100d' 0 0 0 0)
> export TMPDIR; vyre bench --device cpu --rounds 1 --only stream --bytes 1M --quiet >/dev/null
> TMPDIR=$(printf '/./%.0s' $(seq 2000)) vyre bench --device cpu --rounds 1 --only stream --bytes 1M
! *: error VYRE-6001: *File name too long
! Fix: Set TMPDIR to a folder that can be written, or name a file by --file.
= 3

$ ulimit -f 100; vyre bench --device cpu --only stream --bytes 1M
! */vyre-bench-*: error VYRE-6005: *File too large
! Fix: Lower --bytes, *
= 3

$ vyre bench --device cpu --only stream --file nothing
! nothing: error VYRE-6001: *
! Fix: *
= 3

$ : >empty; vyre bench --device cpu --only stream --file empty --json
| {"error": {"code": 1001, *}}
! empty: error VYRE-1001: *
! Fix: *
= 3

$ vyre bench --device cqu
! error VYRE-4001: *
! Fix: *
= 3

$ for p in '' stream, latency,,rate streams all; do vyre bench --only "$p" 2>&1 | head -n 1; done
| error VYRE-1002: wrong command line: --only takes latency, rate, stream, start, compile and cold, separated by commas, not ''
| error VYRE-1002: wrong command line: --only takes latency, rate, stream, start, compile and cold, separated by commas, not ''
| error VYRE-1002: wrong command line: --only takes latency, rate, stream, start, compile and cold, separated by commas, not ''
| error VYRE-1002: wrong command line: --only takes latency, rate, stream, start, compile and cold, separated by commas, not 'streams'
| error VYRE-1002: wrong command line: --only takes latency, rate, stream, start, compile and cold, separated by commas, not 'all'

$ vyre bench --rounds 65
! error VYRE-1002: wrong command line: --rounds 65 is outside 1 to 64
! Fix: Run `vyre bench --help` for the options and arguments.
= 2

$ vyre bench --slots 0
! error VYRE-1002: wrong command line: --slots 0 is outside 1 to 100000000
! Fix: *
= 2

$ vyre bench --rate-slots 3
! error VYRE-1002: wrong command line: --rate-slots 3 is outside 4 to 4294967295
! Fix: *
= 2

$ vyre bench --chunk 5000
! error VYRE-1002: wrong command line: --chunk 5000 is no multiple of 4096
! Fix: *
= 2

$ vyre bench --file a --bytes 1G
! error VYRE-1002: wrong command line: --file and --bytes exclude each other
! Fix: *
= 2

$ vyre bench cpu
! error VYRE-1002: wrong command line: bench takes no arguments; --file names the file of the stream
! Fix: *
= 2
