/* Random Programs on a GPU, as finite launches of their PTX: the same outputs, state, windows and the same fault as the
 * interpreter, for the body and for `finish`; and how far the functions that are not exact are from libm's.
 *
 * Arguments: [first seed] [count]. In the environment, VYRE_LACKS as in codegen/differential_test.c. Label gpu: without
 * a GPU a skip, with VYRE_REQUIRE=gpu an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <vyre/program.h>

#include "device/cuda/driver.h"
#include "ir/text.h"
#include "support/cuda_call.h"
#include "support/expect.h"
#include "support/generate.h"
#include "support/inputs.h"
#include "support/pair.h"
#include "support/random.h"
#include "support/require.h"

enum { INPUTS = 12, KINDS = 8, TROUBLES_MAX = 3 };

static uint64_t first_seed = 1;
static uint64_t program_count = 200;
static const vyre_cuda_t *cuda;
static bool is_skipped;

static void cu(vyre_cu_result_t result, const char *what) { ok(vyre_cuda_status(cuda, result, what)); }

/* Code for exactly as many threads as a megakernel's block has, for fewer, and for any number. */
static void open_call(cuda_call_t *call, const vyre_program_t *program, uint64_t seed, vyre_entry_t *out_entry) {
  static const char *const gpus[] = {"sm_90", "sm_80", "sm_89", "sm_86"};
  static const uint32_t threads[] = {512, 256, 64, 128, 512};
  bool is_known = seed % 3 != 2;
  /* Of code for any number of threads each may take so many registers that 512 do not fit. */
  uint32_t count = is_known || threads[seed % 5] < 256 ? threads[seed % 5] : 256;
  ok(cuda_call_init(call, cuda, program, gpus[seed % 4], count, is_known, out_entry));
}

static bool differ_on(uint64_t seed, const vyre_program_t *program, bool no_faults, uint32_t index, vyre_entry_t entry,
                      pair_t *pair) {
  static const uint32_t lengths[INPUTS] = {0, 1, 31, 64, 255, 1000, 4096, 65535, 65544, 131080, 12345, 300};
  random_t random = {seed * 64 + index};
  inputs_options_t options = {.no_faults = no_faults, .data_bytes = lengths[index]};
  if (index % 3 == 1 && index > 3) options.data_bytes = random_below(&random, 300);
  if (program->workgroup_size > 1 && options.data_bytes > 1000) options.data_bytes = random_below(&random, 700);
  inputs_t inputs;
  inputs_init(&inputs, program, random_next(&random), &options);
  bool result = pair_differs(pair, program, entry, &inputs.input);
  inputs_deinit(&inputs);
  return result;
}

static void explain(uint64_t seed, const vyre_program_t *program, uint32_t index, const pair_t *pair) {
  fprintf(stderr, "seed %llu, input %u:\n", (unsigned long long)seed, index);
  run_results_explain(stderr, program, &pair->reference, &pair->machine);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(program, &text);
  fprintf(stderr, "%s\n", text.text);
  vyre_strbuf_deinit(&text);
}

static generate_options_t kind_of(uint64_t seed) {
  static const generate_options_t kinds[KINDS] = {
      {0},
      {.no_faults = true},
      {.foreach_heavy = true},
      {.foreach_heavy = true, .no_faults = true, .lacks = VYRE_NEEDS_LANES},
      {.statements = 8},
      {.lanes_heavy = true},
      {.float_heavy = true, .no_faults = true},
      {.lanes_heavy = true, .no_faults = true, .statements = 12},
  };
  generate_options_t kind = kinds[seed % KINDS];
  kind.lacks |= generate_lacks_given(0) | GENERATE_LACKS_LIBM;
  return kind;
}

/* Whether the Program of the seed is the same on both. */
static bool compare(uint64_t seed, pair_t *pair) {
  generate_options_t kind = kind_of(seed);
  vyre_program_t *program = generate_program(seed, &kind);
  cuda_call_t call;
  vyre_entry_t entry;
  open_call(&call, program, seed, &entry);
  bool found = false;
  for (uint32_t i = 0; i < INPUTS && !found; i++) {
    found = differ_on(seed, program, kind.no_faults, i, entry, pair);
    if (call.trouble) fail_msg("seed %llu, input %u: %s", (unsigned long long)seed, i, call.trouble);
    if (found) explain(seed, program, i, pair);
  }
  cuda_call_deinit(&call);
  vyre_program_destroy(&program);
  return !found;
}

/* ---- a context ---- */

static vyre_cu_context_t context;

static int open_gpu(void **state) {
  (void)state;
  vyre_status_t status = vyre_cuda_load(&cuda);
  if (status) {
    char text[600];
    vyre_status_format(status, text, sizeof text);
    is_skipped = vyre_status_code(status) == VYRE_E_NO_DRIVER;
    print_message("%s\n", text);
    vyre_status_destroy(&status);
    return is_skipped && !vyre_test_required("gpu") ? 0 : -1;
  }
  vyre_cu_device_t device;
  char name[100];
  ok(vyre_cuda_device(cuda, 0, &device));
  cu(cuda->DeviceGetName(name, sizeof name, device), "cuDeviceGetName");
  cu(cuda->CtxCreate(&context, 0, device), "cuCtxCreate");
  print_message("%s\n", name);
  return 0;
}

static int close_gpu(void **state) {
  (void)state;
  if (!context) return 0;
  cuda_call_free_memory(cuda);
  cu(cuda->CtxDestroy(context), "cuCtxDestroy");
  return 0;
}

static void what_is_not_there_is_refused(void **state) {
  (void)state;
  if (is_skipped) skip();
  vyre_cu_device_t device;
  vyre_status_t none = vyre_cuda_device(cuda, 1000, &device);
  assert_int_equal(vyre_status_code(none), VYRE_E_NO_DEVICE);
  vyre_status_destroy(&none);
  void *cubin;
  size_t cubin_size;
  vyre_status_t refused = vyre_cuda_link(cuda, "this is no PTX", 14, &cubin, &cubin_size);
  assert_int_equal(vyre_status_code(refused), VYRE_E_COMPILER);
  vyre_status_destroy(&refused);
}

static void gpu_equals_the_interpreter(void **state) {
  (void)state;
  if (is_skipped) skip();
  pair_t pair = {0};
  unsigned differences = 0;
  uint64_t seed = first_seed;
  for (; seed < first_seed + program_count && differences < TROUBLES_MAX; seed++) differences += !compare(seed, &pair);
  print_message("%llu Programs, %llu calls, %llu of them faults, %u differences\n",
                (unsigned long long)(seed - first_seed), (unsigned long long)pair.runs, (unsigned long long)pair.faults,
                differences);
  pair_deinit(&pair);
  assert_int_equal(differences, 0);
}

/* tests/codegen/corners, but for what compares results of libm. On a machine without the sources VYRE_CORNERS names the
 * folder. */
static void corners_are_the_same(void **state) {
  (void)state;
  if (is_skipped) skip();
  const char *folder = getenv("VYRE_CORNERS");
  char pattern[600];
  snprintf(pattern, sizeof pattern, "%s/*.vyre", folder ? folder : VYRE_SOURCE_DIR "/tests/codegen/corners");
  glob_t files;
  assert_int_equal(glob(pattern, 0, NULL, &files), 0);
  pair_t pair = {0};
  unsigned differences = 0;
  for (size_t i = 0; i < files.gl_pathc; i++) {
    if (strstr(files.gl_pathv[i], "libm") || strstr(files.gl_pathv[i], "pow_of_nan")) continue;
    vyre_program_t *program;
    ok(vyre_program_load(files.gl_pathv[i], &program));
    cuda_call_t call;
    vyre_entry_t entry;
    open_call(&call, program, i, &entry);
    bool found = false;
    for (uint32_t k = 0; k < INPUTS && !found; k++) {
      found = differ_on(i, program, false, k, entry, &pair);
      if (call.trouble) fail_msg("%s, input %u: %s", files.gl_pathv[i], k, call.trouble);
      if (found) explain(i, program, k, &pair);
    }
    differences += found;
    cuda_call_deinit(&call);
    vyre_program_destroy(&program);
  }
  assert_true(files.gl_pathc > 10);
  assert_int_equal(differences, 0);
  globfree(&files);
  pair_deinit(&pair);
}

/* ---- functions that are not exact ---- */

/* Distance of two numbers in units of the last place of the wider one, by their bits. */
static double ulps(double got, double exact, bool is_f32) {
  if (isnan(got) || isnan(exact)) return isnan(got) && isnan(exact) ? 0 : HUGE_VAL;
  if (got == exact) return 0;
  if (isinf(got) || isinf(exact)) {
    /* Next to the largest number infinity is the number behind it. */
    double largest = is_f32 ? 3.40282346638528859812e38 : 1.79769313486231570815e308;
    double finite = isinf(got) ? exact : got;
    return fabs(finite) >= largest * (1 - 1e-6) ? 1 : HUGE_VAL;
  }
  int exponent;
  frexp(exact, &exponent);
  int least = is_f32 ? -125 : -1021, digits = is_f32 ? 24 : 53;
  if (exponent < least) exponent = least;
  return fabs(got - exact) / ldexp(1, exponent - digits);
}

typedef struct math {
  const char *name;
  double (*exact)(double);
  double low, high;
} math_t;

static double random_argument(random_t *random, const math_t *f, unsigned index) {
  static const double corners[] = {0.0,   -0.0,   1,     -1,    INFINITY, -INFINITY, NAN, 1e-310,
                                   1e-40, 5e-324, 1e300, -1e30, 700,      88,        0.5};
  if (index < sizeof corners / sizeof *corners) return corners[index];
  double unit = (double)(random_next(random) >> 11) * 0x1p-53;
  if (index % 4 == 0) return ldexp(unit + 1, (int)random_below(random, 200) - 100);
  return f->low + unit * (f->high - f->low);
}

/* The results of one function over many arguments: the Program stores them to a window. */
static double worst_of(const math_t *f, bool is_f32, bool is_pow, double *out_at) {
  enum { COUNT = 1 << 16 };
  static double x[COUNT], y[COUNT], got[COUNT];
  static float x32[COUNT], y32[COUNT], got32[COUNT];
  random_t random = {is_f32 + 7u * (unsigned)f->name[0]};
  for (unsigned i = 0; i < COUNT; i++) {
    x[i] = random_argument(&random, f, i);
    y[i] = ((double)(random_next(&random) >> 11) * 0x1p-53 - 0.5) * 40;
    if (!is_f32) continue;
    x[i] = x32[i] = (float)x[i];
    y[i] = y32[i] = (float)y[i];
  }
  const char *type = is_f32 ? "f32" : "f64";
  char text[400];
  snprintf(text, sizeof text,
           "program math\nwindow x : %s read\nwindow y : %s read\nwindow z : %s read_write\n"
           "foreach i in 0 .. len(z) { z[i] = %s(x[i]%s) }\n",
           type, type, type, f->name, is_pow ? ", y[i]" : "");
  vyre_program_t *program;
  ok(vyre_program_parse(text, strlen(text), "math.vyre", &program));
  run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
  size_t bytes = COUNT * (is_f32 ? 4u : 8u);
  bindings[0] = (run_binding_t){.bytes = is_f32 ? (void *)x32 : (void *)x, .size = bytes};
  bindings[1] = (run_binding_t){.bytes = is_f32 ? (void *)y32 : (void *)y, .size = bytes};
  bindings[2] = (run_binding_t){.size = bytes};
  run_input_t input = {.fuel = UINT64_C(1) << 40, .bindings = bindings};
  cuda_call_t call;
  vyre_entry_t entry;
  open_call(&call, program, 0, &entry);
  run_result_t result;
  run_entry(program, entry, &input, &result);
  if (call.trouble) fail_msg("%s: %s", f->name, call.trouble);
  assert_int_equal(result.fault, 0);
  memcpy(is_f32 ? (void *)got32 : (void *)got, result.buffers[2], bytes);
  double worst = 0;
  for (unsigned i = 0; i < COUNT; i++) {
    double exact = is_pow ? (x[i] == 1 || y[i] == 0 ? 1 : pow(x[i], y[i])) : f->exact(x[i]);
    double distance = ulps(is_f32 ? (double)got32[i] : got[i], exact, is_f32);
    if (distance <= worst) continue;
    worst = distance;
    *out_at = x[i];
  }
  run_result_deinit(&result);
  cuda_call_deinit(&call);
  vyre_program_destroy(&program);
  return worst;
}

/* What docs/language.md promises. libm itself is within one unit. */
static void math_is_near_libm(void **state) {
  (void)state;
  if (is_skipped) skip();
  static const math_t functions[] = {{"exp", exp, -100, 90},  {"exp2", exp2, -150, 130}, {"log", log, 0, 4},
                                     {"log2", log2, 0, 4},    {"sin", sin, -1e5, 1e5},   {"cos", cos, -1e5, 1e5},
                                     {"pow", NULL, -0.1, 300}};
  unsigned bad = 0;
  for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++)
    for (unsigned is_f32 = 0; is_f32 < 2; is_f32++) {
      double at = 0, limit = functions[i].exact ? 4 : 16;
      double worst = worst_of(&functions[i], is_f32, !functions[i].exact, &at);
      print_message("%-5s %s: %.2f ulp at most, at %a\n", functions[i].name, is_f32 ? "f32" : "f64", worst, at);
      bad += worst > limit + 1;
    }
  assert_int_equal(bad, 0);
}

int main(int argc, char **argv) {
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) program_count = strtoull(argv[2], NULL, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(corners_are_the_same),
                                     cmocka_unit_test(what_is_not_there_is_refused),
                                     cmocka_unit_test(math_is_near_libm), cmocka_unit_test(gpu_equals_the_interpreter)};
  int failed = cmocka_run_group_tests(tests, open_gpu, close_gpu);
  return !failed && is_skipped ? 77 : failed;
}
