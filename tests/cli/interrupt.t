# SIGINT and SIGTERM while vyre runs: an orderly end, exit 3, nothing on stdout.
$ cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } }
> END
> cat >loop.vyre <<'END'
> program loop
> stream data : u8
> output n : u64 sum
> forever { }
> END
> truncate -s 2T big; seq 1 1000 >numbers

$ timeout --preserve-status -s INT 1 vyre run lines.vyre big
! error VYRE-5002: the session is stopped: interrupted by SIGINT after * of 2199023255552 bytes
! Fix: Run it again and let it finish; no results were printed.
= 3

$ timeout --preserve-status -s TERM 1 vyre run --json lines.vyre big >out.json
! error VYRE-5002: the session is stopped: interrupted by SIGTERM after *
! Fix: *
= 3

$ json-check error.code <out.json
| 5002

# A Program that does not end by itself is cancelled.
$ timeout --preserve-status -k 10 -s INT 1 vyre run --fuel 18446744073709551615 loop.vyre numbers
! error VYRE-5002: the session is stopped: interrupted by SIGINT after 0 of 3893 bytes
! Fix: *
= 3

# A second signal ends it at once, the way the system does it.
$ vyre run --fuel 18446744073709551615 loop.vyre numbers & sleep 1; kill -TERM $!; sleep 0.2; kill -TERM $!; wait $! 2>/dev/null
= 143

# The same while a long Program is compiled.
$ { printf 'program slow\nstream data : u8\noutput n : u64 sum\n'; for i in $(seq 4000); do echo "foreach a$i in 0 .. len(data) { if data[a$i] == $((i % 250)) { n += $i } }"; done; } >slow.vyre
$ vyre run slow.vyre numbers & sleep 1; kill -TERM $!; sleep 0.3; kill -TERM $!; wait $! 2>/dev/null
= 143

# What was told to ignore SIGINT (a background job of a script) goes on ignoring it.
$ vyre run --quiet lines.vyre big & sleep 0.5; kill -INT $!; sleep 0.2; kill -TERM $!; wait $!
! error VYRE-5002: the session is stopped: interrupted by SIGTERM after *
! Fix: *
= 3

# A signal while the Program is still to come.
$ sleep 5 | timeout --preserve-status -s INT 1 vyre run - numbers
! error VYRE-5002: the session is stopped: interrupted by SIGINT after 0 of 0 bytes
! Fix: *
= 3

$ mkfifo fifo; timeout --preserve-status -s INT 1 vyre run fifo numbers
! error VYRE-5002: the session is stopped: interrupted by SIGINT after 0 of 0 bytes
! Fix: *
= 3
