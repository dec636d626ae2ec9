# vyre doctor: one page of facts, and the same for machines.
$ vyre doctor >page; awk '$1 != "Fix:" { print $1 }' page | grep -v -e All -e '^[0-9]' | tr '\n' ' '
| version cpu cpu_features processors memory page_size kernel huge_pages cgroup device device.cpu device.ref compiler io_uring memlock open_files (no newline)

$ wc -l <page | awk '$1 > 50'

$ vyre doctor --json >out.json; json-check version facts.0.key facts.0.advice <out.json | head -n 2
| 0.1.0
| cpu

$ vyre doctor | grep -A 1 -e '^compiler' -e '^device '
| device * auto takes cpu (*)
| device.cpu *
| --
| compiler * LLVM 19*
| io_uring *

# Limits that are too small get advice, which names the limit.
$ (ulimit -n 256; vyre doctor) | grep -A 1 '^open_files'
| open_files *256
|  *Fix: Raise the limit with `ulimit -n 1024`*

$ taskset -c 0 vyre doctor | grep '^processors'
| processors * 1 in the affinity mask*

$ (ulimit -l 64; $DROP vyre doctor) >page; grep -A 1 '^memlock' page
| memlock * 64 KiB, too little for any buffers: * allow those of the default size
|  *Fix: Raise the hard limit as root *

# (Who may not raise the hard limit hears of that one first.)
$ (ulimit -l unlimited 2>/dev/null; ulimit -S -l 64; $DROP vyre doctor) | grep -A 1 '^memlock'
| memlock * 64 KiB, too little for any buffers: * allow those of the default size
|  *Fix: Raise the *limit *

$ vyre doctor >/dev/full
! stdout: error VYRE-6005: *
! Fix: *
= 3
