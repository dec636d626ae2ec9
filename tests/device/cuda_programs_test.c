/* Random Programs on a GPU, as finite launches of their PTX: the same outputs and the same fault as the interpreter.
 *
 * Arguments: [first seed] [count]. Each Program is linked to a cubin, then one launch runs all its inputs, a block per
 * input. Label gpu: without a GPU a skip, with VYRE_REQUIRE=gpu an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/cuda/driver.h"
#include "ir/layout.h"
#include "ir/text.h"
#include "support/expect.h"
#include "support/generate.h"
#include "support/random.h"
#include "support/require.h"
#include "support/run.h"

enum { INPUTS = 24, DATA_BYTES_MAX = 140000, THREADS = 256 };

static uint64_t first_seed = 1;
static uint64_t program_count = 200;
static const vyre_cuda_t *cuda;
static bool is_skipped;

static void cu(vyre_cu_result_t result, const char *what) { ok(vyre_cuda_status(cuda, result, what)); }

/* What one launch works on: a frame, an output block and a scratch per input, the inputs' bytes one after another. */
typedef struct device_side {
  vyre_cu_address_t frames, outputs, scratch, data, stop;
} device_side_t;

static vyre_cu_address_t upload(const void *bytes, size_t size) {
  vyre_cu_address_t address;
  cu(cuda->MemAlloc(&address, size ? size : 1), "cuMemAlloc");
  if (size && bytes) cu(cuda->MemcpyHtoD(address, bytes, size), "cuMemcpyHtoD");
  return address;
}

static run_input_t input_of(uint64_t seed, uint32_t index, uint8_t *data) {
  static const uint32_t lengths[] = {0, 1, 31, 64, 255, 1000, 4096, 65535, 65536, 65544, 131080, 12345};
  random_t random = {seed * 64 + index};
  run_input_t input = {.data = data, .output_fill = (uint8_t)random_below(&random, 256)};
  input.data_bytes = (index < 12 ? lengths[index] : random_below(&random, 300)) & ~7u;
  for (size_t i = 0; i < input.data_bytes; i++)
    data[i] = (uint8_t)(random_below(&random, 4) ? random_below(&random, 256) : random_below(&random, 3));
  static const uint64_t fuels[] = {50000, 3, 1000, 200000, 60, 20000};
  input.fuel = fuels[random_below(&random, 6)] + random_below(&random, 50);
  input.stream_offset = random_next(&random) >> random_below(&random, 64);
  input.is_last = random_below(&random, 2);
  return input;
}

static vyre_cu_function_t load_program(const vyre_program_t *program, const char *gpu, vyre_cu_module_t *out_module) {
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  char *ptx;
  size_t size, cubin_size;
  void *cubin;
  ok(compiler->compile(program, &(vyre_codegen_options_t){.form = VYRE_CODEGEN_ASSEMBLY, .gpu = gpu}, &ptx, &size));
  ok(vyre_cuda_link(cuda, ptx, size, &cubin, &cubin_size));
  cu(cuda->ModuleLoadData(out_module, cubin), "cuModuleLoadData");
  vyre_cu_function_t function;
  cu(cuda->ModuleGetFunction(&function, *out_module, VYRE_CODEGEN_SYMBOL), "cuModuleGetFunction");
  vyre_free(cubin);
  vyre_free(ptx);
  return function;
}

/* Runs all inputs in one launch and compares each with the interpreter. Gives the number of faults seen. */
static uint32_t compare(uint64_t seed, const vyre_program_t *program, vyre_cu_function_t function) {
  static uint8_t data[INPUTS][DATA_BYTES_MAX];
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  run_input_t inputs[INPUTS];
  vyre_frame_t frames[INPUTS];
  size_t out_bytes = layout.output_bytes, scratch_bytes = layout.scratch_bytes;
  uint8_t *outputs = vyre_calloc(INPUTS, out_bytes);
  assert_non_null(outputs);
  uint32_t stop = 0, faults = 0;
  for (uint32_t i = 0; i < INPUTS; i++) {
    inputs[i] = input_of(seed, i, data[i]);
    memset(outputs + i * out_bytes, inputs[i].output_fill, out_bytes);
  }
  device_side_t d = {.outputs = upload(outputs, INPUTS * out_bytes),
                     .scratch = upload(NULL, INPUTS * scratch_bytes),
                     .data = upload(data, sizeof data),
                     .stop = upload(&stop, sizeof stop)};
  for (uint32_t i = 0; i < INPUTS; i++)
    frames[i] = (vyre_frame_t){.data = d.data + i * DATA_BYTES_MAX,
                               .data_bytes = inputs[i].data_bytes,
                               .stream_offset = inputs[i].stream_offset,
                               .output = d.outputs + i * out_bytes,
                               .scratch = d.scratch + i * scratch_bytes,
                               .fuel = inputs[i].fuel,
                               .stop = d.stop,
                               .flags = inputs[i].is_last ? VYRE_FRAME_IS_LAST : 0,
                               .fault = 0xFFFF};
  d.frames = upload(frames, sizeof frames);
  uint64_t stride = sizeof(vyre_frame_t);
  void *arguments[] = {&d.frames, &stride};
  cu(cuda->LaunchKernel(function, INPUTS, 1, 1, THREADS, 1, 1, 0, NULL, arguments, NULL), "cuLaunchKernel");
  cu(cuda->CtxSynchronize(), "cuCtxSynchronize");
  cu(cuda->MemcpyDtoH(frames, d.frames, sizeof frames), "cuMemcpyDtoH");
  cu(cuda->MemcpyDtoH(outputs, d.outputs, INPUTS * out_bytes), "cuMemcpyDtoH");
  for (uint32_t i = 0; i < INPUTS; i++) {
    run_result_t reference, gpu = {.outputs = outputs + i * out_bytes,
                                   .output_bytes = layout.output_bytes,
                                   .fault = frames[i].fault,
                                   .fault_position = vyre_program_node_position(program, frames[i].fault_node),
                                   .fault_iteration = frames[i].fault_iteration};
    run_reference(program, &inputs[i], &reference);
    faults += reference.fault != 0;
    if (!run_results_equal(&reference, &gpu)) {
      fprintf(stderr, "seed %llu, input %u of %zu bytes, fuel %llu:\n", (unsigned long long)seed, i,
              inputs[i].data_bytes, (unsigned long long)inputs[i].fuel);
      run_results_explain(stderr, program, &reference, &gpu);
      vyre_strbuf_t text;
      vyre_strbuf_init(&text);
      vyre_text_print(program, &text);
      fprintf(stderr, "%s\n", text.text);
      fail();
    }
    run_result_deinit(&reference);
  }
  vyre_cu_address_t all[] = {d.frames, d.outputs, d.scratch, d.data, d.stop};
  for (unsigned i = 0; i < 5; i++) cu(cuda->MemFree(all[i]), "cuMemFree");
  vyre_free(outputs);
  return faults;
}

static void gpu_equals_the_interpreter(void **state) {
  (void)state;
  vyre_status_t status = vyre_cuda_load(&cuda);
  if (status) {
    char text[600];
    vyre_status_format(status, text, sizeof text);
    assert_int_equal(vyre_status_code(status), VYRE_E_NO_DRIVER);
    vyre_status_destroy(&status);
    is_skipped = true;
    VYRE_TEST_SKIP("gpu", "%s", text);
  }
  vyre_cu_device_t device;
  vyre_cu_context_t context;
  ok(vyre_cuda_device(cuda, 0, &device));
  vyre_status_t none = vyre_cuda_device(cuda, 1000, &device);
  assert_int_equal(vyre_status_code(none), VYRE_E_NO_DEVICE);
  vyre_status_destroy(&none);
  ok(vyre_cuda_device(cuda, 0, &device));
  char name[100];
  cu(cuda->DeviceGetName(name, sizeof name, device), "cuDeviceGetName");
  cu(cuda->CtxCreate(&context, 0, device), "cuCtxCreate");
  void *cubin;
  size_t cubin_size;
  vyre_status_t refused = vyre_cuda_link(cuda, "this is no PTX", 14, &cubin, &cubin_size);
  char words[2000];
  vyre_status_format(refused, words, sizeof words);
  print_message("%s", words);
  assert_int_equal(vyre_status_code(refused), VYRE_E_COMPILER);
  vyre_status_destroy(&refused);
  uint64_t faults = 0;
  for (uint64_t seed = first_seed; seed < first_seed + program_count; seed++) {
    static const generate_options_t kinds[] = {{0},
                                               {.no_faults = true},
                                               {.foreach_heavy = true},
                                               {.foreach_heavy = true, .no_faults = true},
                                               {.statements = 8}};
    generate_options_t options = kinds[seed % 5];
    options.lacks = VYRE_CODEGEN_GPU_LACKS;
    vyre_program_t *program = generate_program(seed, &options);
    vyre_cu_module_t module;
    /* sm_80 code is PTX for every later GPU; sm_90 needs one. */
    vyre_cu_function_t function = load_program(program, seed % 2 ? "sm_90" : "sm_80", &module);
    faults += compare(seed, program, function);
    cu(cuda->ModuleUnload(module), "cuModuleUnload");
    vyre_program_destroy(&program);
  }
  print_message("%s: %llu Programs, %u inputs each, %llu of the calls faulted\n", name,
                (unsigned long long)program_count, INPUTS, (unsigned long long)faults);
  cu(cuda->CtxDestroy(context), "cuCtxDestroy");
}

int main(int argc, char **argv) {
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) program_count = strtoull(argv[2], NULL, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(gpu_equals_the_interpreter)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return !failed && is_skipped ? 77 : failed;
}
