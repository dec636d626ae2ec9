/* PTX for each architecture: the shipped Programs and random ones are accepted by NVIDIA's assembler.
 *
 * ptxas is looked for in $VYRE_PTXAS, /usr/bin, /usr/local/bin and /usr/local/cuda/bin. Where there is none, what does
 * not need it is tested, and the rest is a skip, an error under VYRE_REQUIRE=ptxas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "ir/text.h"
#include "megakernel/loop.h"
#include "support/expect.h"
#include "support/generate.h"
#include "support/require.h"

enum { RANDOM_PROGRAMS = 24 };

static const char *find_ptxas(void) {
  static const char *const places[] = {"/usr/bin/ptxas", "/usr/local/bin/ptxas", "/usr/local/cuda/bin/ptxas"};
  const char *named = getenv("VYRE_PTXAS");
  if (named && access(named, X_OK) == 0) return named;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
    if (access(places[i], X_OK) == 0) return places[i];
  return NULL;
}

static char *ptx_of(const vyre_program_t *program, const char *gpu, size_t *out_size) {
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  char *text;
  ok(compiler->compile(program, &(vyre_codegen_options_t){.form = VYRE_CODEGEN_ASSEMBLY, .gpu = gpu}, &text, out_size));
  return text;
}

static void assemble(const char *ptxas, const char *gpu, const char *ptx, size_t size, const char *what) {
  char path[] = "/tmp/vyre-ptx-XXXXXX", arch[32];
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, ptx, size), (ssize_t)size);
  close(fd);
  snprintf(arch, sizeof arch, "-arch=%s", gpu);
  pid_t child = fork();
  if (child == 0) {
    execl(ptxas, ptxas, arch, path, "-o", "/dev/null", (char *)NULL);
    _exit(127);
  }
  int state = 0;
  assert_int_equal(waitpid(child, &state, 0), child);
  if (!WIFEXITED(state) || WEXITSTATUS(state)) fail_msg("ptxas refuses %s for %s: see %s", what, gpu, path);
  unlink(path);
}

static const char *const gpus[] = {"sm_80", "sm_86", "sm_89", "sm_90"};
enum { GPUS = sizeof gpus / sizeof *gpus };

static void shipped_programs(void **state) {
  (void)state;
  static const char *const names[] = {"count_lines", "histogram"};
  for (unsigned i = 0; i < 2; i++)
    for (unsigned g = 0; g < GPUS; g++) {
      char path[512], wanted[32];
      snprintf(path, sizeof path, "%s/programs/%s.vyre", VYRE_SOURCE_DIR, names[i]);
      vyre_program_t *program;
      ok(vyre_program_load(path, &program));
      size_t size;
      char *ptx = ptx_of(program, gpus[g], &size);
      snprintf(wanted, sizeof wanted, ".target %s", gpus[g]);
      assert_non_null(strstr(ptx, wanted));
      assert_non_null(strstr(ptx, ".visible .entry vyre_entry("));
      /* The chunk is rewritten while a kernel lives: no load may go past the coherent caches. */
      assert_null(strstr(ptx, ".nc."));
      assert_null(strstr(ptx, "ldu."));
      assert_true(find_ptxas() || !vyre_test_required("ptxas"));
      if (find_ptxas()) assemble(find_ptxas(), gpus[g], ptx, size, names[i]);
      vyre_free(ptx);
      vyre_program_destroy(&program);
    }
}

/* In every width: narrower ones than a register are widened before they are counted. */
static void bit_counts(void **state) {
  (void)state;
  static const char *const types[] = {"u8", "i16", "u32", "i64"};
  for (unsigned i = 0; i < 4; i++) {
    char text[400];
    snprintf(text, sizeof text,
             "program p\nstream data : %s\noutput n : u64 sum\n"
             "foreach i in 0 .. len(data) { n += u64(popcount(data[i])) + u64(ctz(data[i])) }\n",
             types[i]);
    vyre_program_t *program;
    ok(vyre_program_parse(text, strlen(text), "test.vyre", &program));
    size_t size;
    char *ptx = ptx_of(program, gpus[i % GPUS], &size);
    assert_non_null(strstr(ptx, types[i][1] == '6' ? "popc.b64" : "popc.b32"));
    assert_null(strstr(ptx, "call")); /* nothing from a library */
    if (find_ptxas()) assemble(find_ptxas(), gpus[i % GPUS], ptx, size, types[i]);
    vyre_free(ptx);
    vyre_program_destroy(&program);
  }
}

static const generate_options_t *kind_of(uint64_t seed) {
  static const generate_options_t kinds[] = {
      {0}, {.foreach_heavy = true}, {.lanes_heavy = true}, {.float_heavy = true}, {.no_faults = true}};
  return &kinds[seed % (sizeof kinds / sizeof *kinds)];
}

static void random_programs(void **state) {
  (void)state;
  const char *ptxas = find_ptxas();
  if (!ptxas) VYRE_TEST_SKIP("ptxas", "ptxas is not found (VYRE_PTXAS names one)");
  for (uint64_t seed = 1; seed <= RANDOM_PROGRAMS; seed++) {
    vyre_program_t *program = generate_program(seed, kind_of(seed));
    const char *gpu = gpus[seed % GPUS];
    size_t size;
    char *ptx = ptx_of(program, gpu, &size), name[32];
    snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
    assemble(ptxas, gpu, ptx, size, name);
    vyre_free(ptx);
    vyre_program_destroy(&program);
  }
}

/* The megakernel with handlers: what LLVM loses on this target is there as instructions of its own. */
static void megakernels(void **state) {
  (void)state;
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  vyre_program_t *loop;
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DISPATCHED}, &loop));
  enum { HANDLERS = 9 };
  vyre_program_t *programs[HANDLERS];
  const vyre_program_t *handlers[HANDLERS];
  for (uint64_t i = 0; i < HANDLERS; i++) handlers[i] = programs[i] = generate_program(100 + i, kind_of(i));
  for (unsigned count = 0; count <= HANDLERS; count += HANDLERS)
    for (unsigned g = 0; g < GPUS; g++) {
      vyre_codegen_options_t options = {
          .form = VYRE_CODEGEN_ASSEMBLY, .gpu = gpus[g], .handlers = handlers, .handler_count = count, .threads = 512};
      char *ptx;
      size_t size;
      ok(compiler->compile(loop, &options, &ptx, &size));
      static const char *const wanted[] = {"ld.relaxed.sys.v4.u32",
                                           "ld.relaxed.gpu.v4.u32",
                                           "st.relaxed.sys.v4.u32",
                                           "st.relaxed.gpu.v4.u32",
                                           "fence.acq_rel.gpu",
                                           "fence.acq_rel.sys",
                                           "atom.relaxed.gpu.cas.b32",
                                           "bar.warp.sync",
                                           "vote.sync.ballot",
                                           ".reqntid 512",
                                           ".maxnreg 128"};
      for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(ptx, wanted[i])) fail_msg("no %s for %s with %u handlers", wanted[i], gpus[g], count);
      if (find_ptxas()) assemble(find_ptxas(), gpus[g], ptx, size, "the megakernel");
      vyre_free(ptx);
    }
  for (uint64_t i = 0; i < HANDLERS; i++) vyre_program_destroy(&programs[i]);
  vyre_program_destroy(&loop);
}

/* Each privileged node in each type, order and scope it has, uniform and, where it may stand there, in a lanes block.
 */
static void privileged_nodes(void **state) {
  (void)state;
  static const char *const types[] = {"u8", "u16", "u32", "u64"}, *const scopes[] = {"", ".device", ".workgroup"};
  static const char *const ptx_scopes[] = {"sys", "gpu", "cta"};
  static char text[20000];
  for (unsigned scope = 0; scope < 3; scope++) {
    int n = snprintf(text, sizeof text, "program p\nlet a = local()\nvar mask : u32 = 0\n");
#define ADD(...) n += snprintf(text + n, sizeof text - (size_t)n, __VA_ARGS__)
    static const char *const loads[] = {"relaxed", "acquire"}, *const stores[] = {"relaxed", "release"};
    static const char *const atomics[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
    for (unsigned lanes = 0; lanes < 2; lanes++) {
      if (lanes) ADD("lanes l {\n");
      for (unsigned t = 0; t < 4; t++)
        for (unsigned o = 0; o < 2; o++)
          ADD("raw_store.%s.%s%s(a, raw_load.%s.%s%s(a))\n", types[t], stores[o], scopes[scope], types[t], loads[o],
              scopes[scope]);
      for (unsigned o = 0; o < 2; o++) {
        ADD("let x%u%u, y%u%u, z%u%u, w%u%u = load16.tag%u.%s%s(a)\n", lanes, o, lanes, o, lanes, o, lanes, o, o,
            loads[o], scopes[scope]);
        ADD("store16.tag%u.%s%s(a, x%u%u, y%u%u, z%u%u, w%u%u)\n", o, stores[o], scopes[scope], lanes, o, lanes, o,
            lanes, o, lanes, o);
      }
      if (lanes) ADD("vote(mask, raw_load.u32.relaxed(a) == l)\n}\n");
    }
    for (unsigned t = 2; t < 4; t++)
      for (unsigned o = 0; o < 5; o++) {
        ADD("let s%u%u = raw_atomic_add.%s.%s%s(a, 1)\n", t, o, types[t], atomics[o], scopes[scope]);
        ADD("let c%u%u = raw_atomic_compare_exchange.%s.%s%s(a, 1, 2)\n", t, o, types[t], atomics[o], scopes[scope]);
      }
    for (unsigned o = 1; o < 5; o++) ADD("fence.%s%s()\n", atomics[o], scopes[scope]);
    ADD("heavy_fence\npause\nprefetch(a)\nprefetch_write(a)\nsleep(a, mask)\nwake(a)\nraw_copy(a, a + 64, "
        "32)\ncall_handler(mask, frame())\n"
        "raw_store.u64.relaxed(a, control() + u64(worker()) + u64(pump()) + clock())\n");
#undef ADD
    vyre_program_t *program;
    ok(vyre_text_parse(text, (size_t)n, "privileged.vyre", true, &program));
    for (unsigned g = 0; g < GPUS; g++) {
      size_t size;
      char *ptx = ptx_of(program, gpus[g], &size), wanted[64];
      snprintf(wanted, sizeof wanted, "fence.sc.%s", ptx_scopes[scope]);
      assert_non_null(strstr(ptx, wanted));
      snprintf(wanted, sizeof wanted, "atom.acq_rel.%s.add.u64", ptx_scopes[scope]);
      assert_non_null(strstr(ptx, wanted));
      snprintf(wanted, sizeof wanted, "ld.acquire.%s.u8", ptx_scopes[scope]);
      assert_non_null(strstr(ptx, wanted));
      if (find_ptxas()) assemble(find_ptxas(), gpus[g], ptx, size, "privileged nodes");
      vyre_free(ptx);
    }
    vyre_program_destroy(&program);
  }
}

static void what_has_no_ptx_is_an_error(void **state) {
  (void)state;
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  vyre_program_t *program = generate_program(1, &(generate_options_t){.lacks = GENERATE_LACKS_ALL});
  char *text;
  size_t size;
  static const vyre_codegen_options_t refused[] = {{.form = VYRE_CODEGEN_ASSEMBLY, .gpu = "sm_70"},
                                                   {.form = VYRE_CODEGEN_ASSEMBLY, .gpu = ""},
                                                   {.form = VYRE_CODEGEN_OBJECT, .gpu = "sm_90"}};
  for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
    vyre_status_t status = compiler->compile(program, &refused[i], &text, &size);
    assert_int_equal(vyre_status_code(status), VYRE_E_UNSUPPORTED);
    vyre_status_destroy(&status);
  }
  vyre_program_destroy(&program);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shipped_programs), cmocka_unit_test(bit_counts),
                                     cmocka_unit_test(random_programs),  cmocka_unit_test(megakernels),
                                     cmocka_unit_test(privileged_nodes), cmocka_unit_test(what_has_no_ptx_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
