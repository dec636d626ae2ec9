/* Random Programs: the cpu device's machine code gives the same outputs, state, windows and the same fault as the
 * interpreter, for the body and for `finish`.
 *
 * Arguments: [group] [first seed] [count] [differences]: so many end the run. `group`: not the cpu device's code, but
 * that of a group of threads, which is emulated (support/group.h). In the environment, VYRE_LACKS is a number of
 * VYRE_NEEDS_* and GENERATE_LACKS_* that the Programs do without, VYRE_SHRINK=0 leaves them as they are. A difference
 * prints the seed, the shrunken Program and its results. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/cpu/cpu.h"
#include "ir/text.h"
#include "support/generate.h"
#include "support/group.h"
#include "support/inputs.h"
#include "support/pair.h"
#include "support/random.h"
#include "support/shrink.h"

static uint64_t first_seed = 1;
static uint64_t program_count = 300;
static uint64_t differences_max = 2;
static bool is_group;

/* What the code generator lacks. */
enum { LACKS = 0 };
enum { INPUTS = 12, KINDS = 8, PROGRAM_SECONDS_MAX = 60 };

typedef enum end { END_SAME, END_OTHER, END_REFUSED, END_CRASHED } end_t;

typedef struct differs {
  uint64_t seed;
  bool no_faults;
  uint32_t large_nodes;  /* see vyre_codegen_options_t */
  end_t end;             /* while it is shrunk: what must stay */
  vyre_loaded_t *object; /* NULL: none */
  group_t group;         /* the same for a group */
  vyre_entry_t entry;
  pair_t pair; /* of the input that differs */
} differs_t;

/* Inputs differ in length (across strips of the counted loops), fuel (from hardly any to plenty) and contents. */
static bool differ_on(const vyre_program_t *program, uint32_t index, differs_t *d) {
  static const uint32_t lengths[] = {0, 1, 7, 64, 255, 1000, 4095, 4096, 4097, 8193, 12345, 20000};
  random_t random = {d->seed * 64 + index};
  inputs_options_t options = {.no_faults = d->no_faults, .data_bytes = lengths[index]};
  if (index % 3 == 1 && index > 3) options.data_bytes = random_below(&random, 300);
  if (program->workgroup_size > 1 && options.data_bytes > 1000) options.data_bytes = random_below(&random, 700);
  inputs_t inputs;
  inputs_init(&inputs, program, random_next(&random), &options);
  bool result = pair_differs(&d->pair, program, d->entry, &inputs.input);
  inputs_deinit(&inputs);
  return result;
}

/* ---- crashes ---- */

/* Machine code that goes astray, and assertions in what made it, are differences like others: so that they can be
 * shrunk, the process goes on behind them, with what they leave behind. */
static sigjmp_buf before_crash;
static volatile sig_atomic_t is_armed;

static void on_signal(int number) {
  if (is_armed) siglongjmp(before_crash, number);
  signal(number, SIG_DFL);
  raise(number);
}

static void catch_signals(void) {
  static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

/* As many threads as lanes, fewer and more of them; known to the code and not. */
static vyre_status_t compile_group(const vyre_program_t *program, differs_t *d) {
  static const uint32_t threads[] = {32, 64, 96, 128, 256, 64};
  uint32_t wanted = threads[d->seed % (sizeof threads / sizeof *threads)];
  return group_init(&d->group, program, wanted, d->seed % 4 != 3, d->seed, &d->entry);
}

static vyre_status_t compile(const vyre_program_t *program, differs_t *d) {
  if (is_group) return compile_group(program, d);
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_OBJECT, .large_nodes = d->large_nodes};
  return vyre_cpu_compile_as(program, &options, &d->object, &d->entry);
}

/* The first input on which they differ decides. */
static end_t compile_and_compare(const vyre_program_t *program, differs_t *d) {
  vyre_status_t status = compile(program, d);
  bool is_refused = status != NULL;
  vyre_status_destroy(&status);
  if (is_refused) return END_REFUSED;
  bool found = false;
  for (uint32_t i = 0; i < INPUTS && !found; i++) found = differ_on(program, i, d);
  vyre_loaded_destroy(d->object);
  d->object = NULL;
  group_deinit(&d->group);
  return found ? END_OTHER : END_SAME;
}

/* A crash is also what does not end in time. */
static end_t end_of(const vyre_program_t *program, differs_t *d) {
  volatile end_t end = END_CRASHED;
  if (sigsetjmp(before_crash, 1) == 0) {
    is_armed = 1;
    alarm(PROGRAM_SECONDS_MAX);
    end = compile_and_compare(program, d);
  }
  is_armed = 0;
  alarm(0);
  return end;
}

static bool ends_so(const vyre_program_t *program, void *context) {
  differs_t *d = context;
  return end_of(program, d) == d->end;
}

static void explain(const vyre_program_t *program, differs_t *d) {
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(program, &text);
  fprintf(stderr, "%s\n", text.text);
  vyre_strbuf_deinit(&text);
  if (d->end == END_OTHER) run_results_explain(stderr, program, &d->pair.reference, &d->pair.machine);
  if (d->end != END_REFUSED) return;
  char message[2000];
  vyre_status_t status = compile(program, d);
  vyre_status_format(status, message, sizeof message);
  fprintf(stderr, "%s", message);
  vyre_status_destroy(&status);
}

static void report(vyre_program_t *program, differs_t *d) {
  static const char *const texts[] = {"is the same", "differs", "does not compile", "crashes"};
  const char *shrink = getenv("VYRE_SHRINK");
  uint32_t changes = shrink && *shrink == '0' ? 0 : shrink_program(program, ends_so, d);
  (void)ends_so(program, d); /* the results are those of the Program that is left */
  fprintf(stderr, "seed %llu %s (shrunk by %u changes):\n", (unsigned long long)d->seed, texts[d->end], changes);
  explain(program, d);
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
  /* What is compiled as a large Program. */
  if (seed % 16 == 9) kind.statements = 120;
  /* Deep nesting is slow to compile. */
  kind.deep_nesting = seed % 37 == 5;
  kind.lacks |= generate_lacks_given(LACKS);
  return kind;
}

static void machine_code_equals_the_interpreter(void **state) {
  (void)state;
  uint64_t runs = 0, faults = 0, differences = 0;
  catch_signals();
  uint64_t seed = first_seed;
  for (; seed < first_seed + program_count && differences < differences_max; seed++) {
    generate_options_t kind = kind_of(seed);
    vyre_program_t *program = generate_program(seed, &kind);
    differs_t d = {.seed = seed, .no_faults = kind.no_faults};
    /* A quarter as large Programs are compiled, which only few are. */
    if (seed / KINDS % 4 == 3) d.large_nodes = 1 + (uint32_t)(seed % 97);
    d.end = end_of(program, &d);
    if (d.end != END_SAME) {
      report(program, &d);
      differences++;
    }
    runs += d.pair.runs;
    faults += d.pair.faults;
    pair_deinit(&d.pair);
    vyre_program_destroy(&program);
  }
  print_message("seeds %llu to %llu: %llu runs, %llu of them faults, %llu differences\n",
                (unsigned long long)first_seed, (unsigned long long)(seed - 1), (unsigned long long)runs,
                (unsigned long long)faults, (unsigned long long)differences);
  assert_true(differences == 0);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "group") == 0) {
    is_group = true;
    argc--;
    argv++;
  }
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) program_count = strtoull(argv[2], NULL, 0);
  if (argc > 3) differences_max = strtoull(argv[3], NULL, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(machine_code_equals_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
