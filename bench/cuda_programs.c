/* The shipped Programs on data that lies in GPU memory already, as finite launches: what the code of a handler can do,
 * without ring or stream. A block per chunk; the result is compared with a loop on the host.
 *
 * gpu-bench-programs [rounds]; needs a GPU, so `make bench` leaves it out. */
#include <string.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/cuda/driver.h"
#include "ir/frame.h"
#include "ir/layout.h"
#include "ir/program.h"
#include "measure.h"
#include "ok.h"

enum { CHUNK_BYTES = 1 << 20, CHUNKS = 1056, ROUNDS_MAX = 32 };

static const vyre_cuda_t *cuda;
#define CU(name, arguments) ok(vyre_cuda_status(cuda, cuda->name arguments, "cu" #name))

static vyre_cu_function_t load(const vyre_program_t *program) {
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  char *ptx;
  size_t size, cubin_size;
  void *cubin;
  ok(compiler->compile(program, &(vyre_codegen_options_t){.form = VYRE_CODEGEN_ASSEMBLY, .gpu = "sm_90"}, &ptx, &size));
  ok(vyre_cuda_link(cuda, ptx, size, &cubin, &cubin_size));
  vyre_cu_module_t module;
  vyre_cu_function_t function;
  CU(ModuleLoadData, (&module, cubin));
  CU(ModuleGetFunction, (&function, module, VYRE_CODEGEN_SYMBOL));
  vyre_free(cubin);
  vyre_free(ptx);
  return function;
}

static void run(const char *path, const uint8_t *data, vyre_cu_address_t device_data, unsigned threads, int rounds) {
  vyre_program_t *program;
  ok(vyre_program_load(path, &program));
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  vyre_cu_function_t function = load(program);
  static uint64_t wanted[256], got[256];
  memset(wanted, 0, sizeof wanted);
  memset(got, 0, sizeof got);
  size_t values = layout.output_bytes / 8;
  for (size_t i = 0; i < (size_t)CHUNKS * CHUNK_BYTES; i++)
    if (layout.output_bytes > 64)
      wanted[data[i]]++;
    else
      wanted[0] += data[i] == '\n';
  static vyre_frame_t frames[CHUNKS];
  vyre_cu_address_t output, scratch, stop, device_frames;
  uint32_t zero = 0;
  CU(MemAlloc, (&output, layout.output_bytes));
  CU(MemAlloc, (&scratch, (size_t)CHUNKS * layout.scratch_bytes + 64));
  CU(MemAlloc, (&stop, sizeof zero));
  CU(MemAlloc, (&device_frames, sizeof frames));
  CU(MemcpyHtoD, (stop, &zero, sizeof zero));
  for (uint32_t i = 0; i < CHUNKS; i++)
    frames[i] = (vyre_frame_t){.data = device_data + (uint64_t)i * CHUNK_BYTES,
                               .data_bytes = CHUNK_BYTES,
                               .output = output,
                               .scratch = scratch + (uint64_t)i * layout.scratch_bytes,
                               .fuel = UINT64_C(1) << 40,
                               .stop = stop};
  double rates[ROUNDS_MAX];
  for (int round = -1; round < rounds; round++) {
    memset(got, 0, sizeof got);
    CU(MemcpyHtoD, (output, got, layout.output_bytes));
    CU(MemcpyHtoD, (device_frames, frames, sizeof frames));
    CU(CtxSynchronize, ());
    uint64_t stride = sizeof(vyre_frame_t);
    void *arguments[] = {&device_frames, &stride};
    double start = bench_now();
    CU(LaunchKernel, (function, CHUNKS, 1, 1, threads, 1, 1, 0, NULL, arguments, NULL));
    CU(CtxSynchronize, ());
    double seconds = bench_now() - start;
    if (round >= 0) rates[round] = (double)CHUNKS * CHUNK_BYTES / seconds * 1e-9;
    CU(MemcpyDtoH, (got, output, layout.output_bytes < sizeof got ? layout.output_bytes : sizeof got));
    for (size_t i = 0; i < values && i < 256; i++)
      if (layout.output_bytes > 64 ? got[i] != wanted[i] : got[0] != wanted[0]) bench_wrong(path);
  }
  char name[100];
  snprintf(name, sizeof name, "%s, %u threads a block", vyre_program_name(program), threads);
  bench_report(name, "GB/s", rates, (size_t)rounds);
  vyre_program_destroy(&program);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 9;
  if (rounds < 1 || rounds > ROUNDS_MAX) rounds = 9;
  vyre_cu_device_t device;
  vyre_cu_context_t context;
  ok(vyre_cuda_load(&cuda));
  ok(vyre_cuda_device(cuda, 0, &device));
  CU(CtxCreate, (&context, 0, device));
  size_t bytes = (size_t)CHUNKS * CHUNK_BYTES;
  uint8_t *data = vyre_alloc(bytes);
  if (!data) bench_wrong("memory");
  uint64_t random = 1;
  for (size_t i = 0; i < bytes; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    data[i] = (random >> 33) % 40 ? (uint8_t)('a' + (random >> 40) % 26) : '\n';
  }
  vyre_cu_address_t device_data;
  CU(MemAlloc, (&device_data, bytes));
  CU(MemcpyHtoD, (device_data, data, bytes));
  static const unsigned threads[] = {128, 256, 512, 1024};
  for (unsigned i = 0; i < 4; i++) run("programs/count_lines.vyre", data, device_data, threads[i], rounds);
  for (unsigned i = 0; i < 4; i++) run("programs/histogram.vyre", data, device_data, threads[i], rounds);
  CU(CtxDestroy, (context));
  vyre_free(data);
  return 0;
}
