/* Functions and switch; and how deep calls nest, and how many run at once. */
#include <pthread.h>

#include "interp/fixture.h"
#include "interp/interp.h"

/* function power(base : u64, n : u32) : u64, by a loop and an early return */
static vyre_function_id_t build_power(vyre_builder_t *b) {
  static const char *const names[] = {"base", "n"};
  static const vyre_type_t types[] = {VYRE_TYPE_U64, VYRE_TYPE_U32};
  vyre_var_id_t args[2];
  vyre_function_id_t power = vyre_build_function(b, "power", VYRE_TYPE_U64, names, types, 2, args);
  vyre_var_id_t product = vyre_build_let(b, "product", u64(b, 1), true);
  vyre_build_range(b, VYRE_STMT_FOR, "i", u32(b, 0), get(b, args[1]));
  vyre_build_assign(b, product, op2(b, VYRE_EXPR_MUL, get(b, product), get(b, args[0])));
  when(b, VYRE_EXPR_GT, get(b, product), u64(b, 1000));
  vyre_build_return(b, u64(b, 1000));
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_return(b, get(b, product));
  vyre_build_end(b);
  return power;
}

static vyre_expr_id_t call_power(vyre_builder_t *b, vyre_function_id_t power, vyre_expr_id_t base, vyre_expr_id_t n) {
  vyre_expr_id_t arguments[] = {base, n};
  return vyre_build_call(b, power, arguments, 2);
}

static void functions_give_values(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_function_id_t power = build_power(b);
  add_sum(&f, call_power(b, power, u64(b, 3), u32(b, 4))); /* 81 */
  add_sum(&f, call_power(b, power, u64(b, 3), u32(b, 9))); /* 1000 */
  /* A call in each of its own arguments: power(power(2, 2), 4 of 2 ^ 2) = 256 */
  vyre_expr_id_t n = to(b, VYRE_TYPE_U32, call_power(b, power, u64(b, 2), u32(b, 2)));
  add_sum(&f, call_power(b, power, call_power(b, power, u64(b, 2), u32(b, 2)), n));
  /* A function's value in the middle of an expression that holds another. */
  add_sum(&f, op2(b, VYRE_EXPR_SUB, call_power(b, power, u64(b, 5), u32(b, 3)),
                  call_power(b, power, u64(b, 2), u32(b, 3))));
  fixture_expect_sum(&f, 81 + 1000 + 256 + 125 - 8);
  fixture_close(&f);
}

/* Stores of a function are seen; a fault in it ends the call, named where it stands. */
static void functions_have_effects_and_faults(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t s = vyre_build_memory(b, VYRE_ROLE_STATE, "s", VYRE_TYPE_U32, 2);
  static const char *const names[] = {"at"};
  static const vyre_type_t types[] = {VYRE_TYPE_U64};
  vyre_var_id_t at;
  vyre_function_id_t put = vyre_build_function(b, "put", VYRE_TYPE_VOID, names, types, 1, &at);
  fixture_line(&f, 3);
  vyre_build_store(b, s, get(b, at), u32(b, 7));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  vyre_build_end(b);
  vyre_var_id_t k = vyre_build_range(b, VYRE_STMT_FOR, "k", u64(b, 0), vyre_build_len(b, f.data));
  fixture_line(&f, 5);
  vyre_expr_id_t argument = get(b, k);
  vyre_build_eval(b, vyre_build_call(b, put, &argument, 1));
  add_sum(&f, u64(b, 1));
  vyre_build_end(b);
  f.input.data = "abc";
  f.input.data_bytes = 2;
  fixture_expect_sum(&f, 2);
  assert_int_equal(run_result_element(f.program, &f.result, "s", 1), 7);
  f.input.data_bytes = 3;
  fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 3, 0);
  fixture_close(&f);
}

static void switch_takes_one_case(void **state) {
  (void)state;
  for (unsigned has_default = 0; has_default < 2; has_default++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_I8);
    vyre_builder_t *b = &f.builder;
    vyre_var_id_t k = vyre_build_range(b, VYRE_STMT_FOR, "k", u64(b, 0), vyre_build_len(b, f.data));
    vyre_build_switch(b, vyre_build_load(b, f.data, get(b, k)));
    vyre_expr_id_t first[] = {vyre_build_const(b, VYRE_TYPE_I8, 1), vyre_build_const(b, VYRE_TYPE_I8, 0xFE)};
    vyre_build_case(b, first, 2);
    add_sum(&f, u64(b, 1));
    vyre_build_end(b);
    if (has_default) {
      vyre_build_default(b);
      add_sum(&f, u64(b, 100));
      vyre_build_end(b);
    }
    vyre_expr_id_t last = vyre_build_const(b, VYRE_TYPE_I8, 9);
    vyre_build_case(b, &last, 1);
    vyre_build_plain(b, VYRE_STMT_BREAK); /* out of the for */
    vyre_build_end(b);
    vyre_build_end(b);
    add_sum(&f, u64(b, 10));
    vyre_build_end(b);
    static const int8_t data[] = {1, -2, 2, 1, 9, 1};
    f.input.data = data;
    f.input.data_bytes = sizeof data;
    fixture_expect_sum(&f, 3 + 40 + (has_default ? 100 : 0));
    fixture_close(&f);
  }
}

/* ---- depth ---- */

/* `blocks` ifs around a sum of `terms`, and the call of the function before. */
static vyre_function_id_t build_deep(vyre_builder_t *b, const char *name, vyre_function_id_t callee, uint32_t blocks,
                                     uint32_t terms) {
  static const char *const names[] = {"x"};
  static const vyre_type_t types[] = {VYRE_TYPE_U64};
  vyre_var_id_t x;
  vyre_function_id_t function = vyre_build_function(b, name, VYRE_TYPE_U64, names, types, 1, &x);
  for (uint32_t i = 0; i < blocks; i++) vyre_build_if(b, truth(b, true));
  vyre_expr_id_t value = get(b, x);
  if (callee != VYRE_FUNCTION_NONE) value = vyre_build_call(b, callee, &value, 1);
  for (uint32_t i = 0; i < terms; i++) value = op2(b, VYRE_EXPR_ADD, value, u64(b, 1));
  vyre_build_return(b, value);
  for (uint32_t i = 0; i < blocks; i++) vyre_build_end(b);
  vyre_build_return(b, u64(b, 0));
  vyre_build_end(b);
  return function;
}

enum { BLOCKS = 190, TERMS = 190 };

static void *call_on_thread(void *argument) {
  fixture_run(argument);
  return NULL;
}

static void open_deep(fixture_t *f, unsigned count) {
  static const char *const names[] = {"f0", "f1", "f2", "f3", "f4", "f5"};
  fixture_open(f, VYRE_TYPE_U8);
  vyre_function_id_t deep = VYRE_FUNCTION_NONE;
  for (unsigned i = 0; i < count; i++) deep = build_deep(&f->builder, names[i], deep, BLOCKS, TERMS);
  vyre_expr_id_t argument = u64(&f->builder, 0);
  add_sum(f, vyre_build_call(&f->builder, deep, &argument, 1));
}

/* What is allowed fits into the stack that interp.h asks for; more is refused. */
static void depth_is_bounded(void **state) {
  (void)state;
  fixture_t f;
  open_deep(&f, 6);
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_builder_finish(&f.builder, &program);
  assert_int_equal(vyre_status_code(status), VYRE_E_LIMIT);
  assert_null(program);
  vyre_status_destroy(&status);
  fixture_close(&f);

  open_deep(&f, 5);
  fixture_finish(&f);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
#ifdef VYRE_SANITIZED
  pthread_attr_setstacksize(&attributes, 32 << 20); /* frames have fences around what is in them */
#else
  pthread_attr_setstacksize(&attributes, 1 << 20); /* no variables to speak of */
#endif
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, &attributes, call_on_thread, &f), 0);
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
  assert_int_equal(f.result.fault, VYRE_FAULT_NONE);
  assert_int_equal(run_result_output(f.program, &f.result, "sum", 0), 5 * TERMS);
  fixture_close(&f);
}

/* ---- at once ---- */

enum { THREADS = 4, CALLS = 50 };

typedef struct shared {
  const vyre_program_t *program;
  vyre_interp_t *interp;
} shared_t;

static void *call_again_and_again(void *argument) {
  const shared_t *shared = argument;
  for (unsigned i = 0; i < CALLS; i++) {
    run_result_t result;
    run_entry(shared->program, (vyre_entry_t){vyre_interp_call, shared->interp}, &(run_input_t){.fuel = 1000}, &result);
    bool is_right = !result.fault && run_result_output(shared->program, &result, "sum", 0) == 64 * 64 * 20;
    run_result_deinit(&result);
    if (!is_right) return argument;
  }
  return NULL;
}

/* Workgroups take their memory from one pool. */
static void calls_at_once_have_their_own_lanes(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  lanes(&f, 64);
  range(b, VYRE_STMT_FOR, "i", 20);
  vyre_var_id_t all = together(b, "all", VYRE_EXPR_WORKGROUP_ADD, u64(b, 1), 0);
  add_sum(&f, get(b, all));
  vyre_build_end(b);
  fixture_finish(&f);
  shared_t shared = {.program = f.program};
  assert_null(vyre_interp_create(f.program, &shared.interp));
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, call_again_and_again, &shared), 0);
  for (unsigned i = 0; i < THREADS; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  vyre_interp_destroy(shared.interp);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_give_values),
      cmocka_unit_test(functions_have_effects_and_faults),
      cmocka_unit_test(switch_takes_one_case),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(calls_at_once_have_their_own_lanes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
