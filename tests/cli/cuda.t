# A GPU that is not there, is refused or is lost, on the fake driver (tests/fake_cuda/fake_cuda.h).
$ seq 1 1000 >numbers; mkdir none; echo 'no library' >none/libcuda.so.1
> cat >lines.vyre <<'END'
> program count_lines
> stream data : u8
> output lines : u64 sum
> foreach i in 0 .. len(data) { if data[i] == 10 { lines += 1 } }
> END
> cat >gpu <<'END'
> #!/bin/sh
> # gpu STEER COMMAND...: as with the fake driver, steered so
> VYRE_FAKE_CUDA=$1 LD_LIBRARY_PATH=${FAKE-${VYRE%/bin/vyre}/fake}; export VYRE_FAKE_CUDA LD_LIBRARY_PATH; shift; exec "$@"
> END
> chmod +x gpu

# The library.
$ FAKE=$PWD/none ./gpu '' vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4004: no usable NVIDIA driver: *libcuda.so.1: *
! Fix: Install the NVIDIA driver (libcuda.so.1) and check that `nvidia-smi` lists a GPU, or choose --device cpu.
= 3

$ FAKE=${VYRE%/bin/vyre}/older ./gpu '' vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4004: no usable NVIDIA driver: libcuda.so.1 has no cuMemAddressReserve
! Fix: Install the NVIDIA driver 525 or later.
= 3

$ ./gpu fail=cuInit:100 vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4004: no usable NVIDIA driver: cuInit gives 100, CUDA_ERROR_NO_DEVICE: *
! Fix: Install the NVIDIA driver *
= 3

$ ./gpu version=11040 vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4004: no usable NVIDIA driver: the driver is for CUDA 11.4; 12.0 is needed
! Fix: Install the NVIDIA driver 525 or later.
= 3

# The GPU.
$ ./gpu '' vyre run --device cuda:1 lines.vyre numbers
! error VYRE-4001: no such device: cuda:1; this machine has 1 GPUs
! Fix: Choose one of the devices that `vyre doctor` lists, for example --device cpu.
= 3

$ ./gpu cc=7.5 vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4001: no such device: cuda:0 is a Fake GPU 0, compute capability 7.5
!   while opening cuda:0
! Fix: Use a GPU of compute capability 8.0 or later, or choose --device cpu.
= 3

$ ./gpu memory=1 vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4006: the memory of the device is full: no room for what was asked for, 2 MiB: 1 of 1 MiB are free on cuda:0
! caused by: error VYRE-4006: *cuMemCreate gives 2, *
! Fix: Close other programs on the GPU (`nvidia-smi` lists them), or lower --chunk and --depth.
= 3

$ ./gpu ptx=refused vyre run --device cuda:0 lines.vyre numbers
! error VYRE-3002: the compiler refused the Program: ptxas fake, line 1; fatal : this text is refused
!   while linking the megakernel for sm_90
! caused by: error VYRE-4005: *cuLinkAddData gives 218, *
! Fix: Report the Program with *
= 3

# A GPU's kernel has its Programs in it.
$ ./gpu '' vyre run --device cuda:0 --builder interpreted lines.vyre numbers
! error VYRE-*: the builder 'interpreted' on device cuda:0
! Fix: Choose the builder 'jit', *
= 3

$ ./gpu '' vyre run --device cuda:0 --topology direct lines.vyre numbers
! error VYRE-*: the topology 'direct' on device cuda:0
! Fix: Choose the topology 'dispatched', *
= 3

$ ./gpu '' vyre run --device cuda:0 --workers 20 lines.vyre numbers
! error VYRE-4003: the device cannot hold what was asked for: 20 workers and the dispatcher; 8 blocks *
!   while launching the megakernel on cuda:0
! Fix: Lower the number of workers, *
= 3

# `auto` says what it takes, and why.
$ ./gpu '' vyre doctor | grep -e '^device ' -e '^device.cuda'
| device * auto takes cuda:0 (auto: the first GPU)
| device.cuda:0 * Fake GPU 0, 4 multiprocessors, 1 GiB; target sm_90; 3 workers, at most 512

$ ./gpu devices=2,watchdog=1 vyre doctor | grep -A 1 -e '^device ' -e '^device.cuda' | grep -v -e '^--' -e device.cpu -e '^compiler'
| device * auto takes cpu (auto: no GPU (cuda:0 drives a display: *))
| device.cuda:0 * VYRE-4001: no such device: cuda:0 drives a display: *
|  * Fix: Stop the display server on this GPU, or choose another one.
| device.cuda:1 * VYRE-4001: no such device: cuda:1 drives a display: *
|  * Fix: Stop the display server on this GPU, or choose another one.

$ FAKE=$PWD/none ./gpu '' vyre doctor | grep -e '^device ' -e '^device.cuda'
| device * auto takes cpu (auto: no GPU (*libcuda.so.1: *))

$ ./gpu cc=7.5 vyre run lines.vyre numbers 2>err; grep -c 'auto: no GPU (cuda:0 is a Fake GPU 0, compute capability 7.5)' err
| lines 1000
| 1

# The kernel.
$ for s in kernel=crashes kernel=crashes@1,programs=wait; do ./gpu $s vyre run --device cuda:0 lines.vyre numbers; done
! error VYRE-4005: the NVIDIA driver reports an error: cuStreamQuery gives 700, CUDA_ERROR_ILLEGAL_ADDRESS: *
!   while running the megakernel on cuda:0
! ...
! Fix: Look into the kernel's log *
! error VYRE-4005: the NVIDIA driver reports an error: cuStreamQuery gives 700, CUDA_ERROR_ILLEGAL_ADDRESS: *
!   while running the megakernel on cuda:0
! ...
! Fix: Look into the kernel's log *
= 3

$ ./gpu programs=interrupt timeout 60 vyre run --device cuda:0 lines.vyre numbers
! error VYRE-5002: the session is stopped: interrupted by SIGINT after 0 of 3893 bytes
! Fix: *
= 3

# One that does not stop is left behind.
$ ./gpu programs=interrupt,kernel=never-ends timeout 60 vyre run --device cuda:0 lines.vyre numbers
! error VYRE-4002: a worker did not leave its slot in time: dispatcher, worker 0: * rounds, in the loop; worker 1: *
! Fix: Wait longer in another stop; *restart the process, and report the Program.
= 3

# Little lockable memory: workers lock nothing there, so lowering their number is no advice.
$ (ulimit -l 64; $DROP ./gpu '' vyre run --device cuda:0 lines.vyre numbers) 2>err; grep -e VYRE- -e '^Fix' err
| error VYRE-7002: too little lockable memory *RLIMIT_MEMLOCK is 64 KiB, *
| Fix: Raise the limit to 320 KiB, as root since the hard limit is lower (`ulimit -l 320`, *), or lower --chunk or --depth.

$ (ulimit -l 8192; $DROP ./gpu '' vyre doctor) | grep -A 1 '^memlock'
| memlock * 8 MiB, small buffers only: 256 MiB allow those of the default size
|  *Fix: Raise the * 262144*, or lower --depth or --chunk.

# Machine code of a Program by itself, as the driver's linker makes it: the fake's is the PTX.
$ ./gpu '' vyre inspect --emit cubin lines.vyre | grep -c 'target sm_90'
| 1

$ ./gpu '' vyre inspect --emit ptx-sm_86 lines.vyre | grep -c 'target sm_86'; ./gpu '' vyre inspect --emit ptx-sm_89 lines.vyre | grep -c 'target sm_89'
| 1
| 1

$ FAKE=$PWD/none ./gpu '' vyre inspect --emit cubin lines.vyre
! error VYRE-4004: no usable NVIDIA driver: *libcuda.so.1: *
! Fix: Install the NVIDIA driver (libcuda.so.1) and check that `nvidia-smi` lists a GPU, or choose --device cpu.
= 3

$ ./gpu fail=cuLinkComplete:2 vyre inspect --emit cubin -o out.cubin lines.vyre
! error VYRE-4006: the memory of the device is full: no room for the linker: *
!   while linking count_lines for sm_90
! caused by: error VYRE-4006: *cuLinkComplete gives 2, *
! Fix: Close other programs on the GPU *
= 3

$ ls out.cubin 2>&1 | grep -c 'No such'
| 1
