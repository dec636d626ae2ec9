#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "device/cuda_fixture.h"

#include "base/memory.h"
#include "codegen/codegen.h"

vyre_status_t cuda_fixture_open(cuda_fixture_t *f) {
  *f = (cuda_fixture_t){0};
  VYRE_TRY(vyre_device_open("cuda:0", &f->device));
  return cuda_fixture_start(f);
}

vyre_status_t cuda_fixture_start(cuda_fixture_t *f) {
  vyre_session_params_t params = {.workers = CUDA_WORKERS, .ring_slots = 16, .windows = 8};
  VYRE_TRY(vyre_session_create(f->device, &params, &f->session));
  VYRE_TRY(vyre_session_start(f->session));
  return vyre_session_window_create(f->session, CUDA_WINDOW_BYTES, &f->window, (void **)&f->words);
}

void cuda_fixture_close(cuda_fixture_t *f) {
  vyre_session_destroy(&f->session);
  vyre_device_close(&f->device);
}

vyre_slot_t cuda_slot_store(const cuda_fixture_t *f, uint32_t offset, uint32_t value) {
  return (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {f->window, offset, value}};
}

vyre_slot_t cuda_slot_load(const cuda_fixture_t *f, uint32_t offset) {
  return (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {f->window, offset}};
}

vyre_completion_t cuda_fixture_run(cuda_fixture_t *f, vyre_slot_t slot) {
  vyre_ticket_t ticket;
  vyre_completion_t completion;
  ok(vyre_session_submit(f->session, &slot, VYRE_NS_PER_S, &ticket));
  ok(vyre_session_wait(f->session, ticket, 5 * VYRE_NS_PER_S, &completion));
  return completion;
}

void cuda_expect(vyre_status_t status, vyre_code_t code, const char *words) {
  char text[4000], word[200];
  vyre_status_format(status, text, sizeof text);
  if (vyre_status_code(status) != code) fail_msg("expected VYRE-%d, got: %s", (int)code, text);
  while (*words) {
    size_t length = strcspn(words, "|");
    assert_true(length < sizeof word);
    memcpy(word, words, length);
    word[length] = '\0';
    if (!strstr(text, word)) fail_msg("'%s' is not in: %s", word, text);
    words += length + (words[length] == '|');
  }
  vyre_status_destroy(&status);
}

void cuda_expect_nothing_left(void) {
  fake_cuda_stats_t stats = fake_cuda_look();
  assert_int_equal(stats.alive, 0);
  assert_int_equal(stats.left_behind, 0);
}

/* ---- the loop is compiled once, and once with a Program: what is tested is what comes after ---- */

static char *loop_text[2]; /* by the number of Programs */
static size_t loop_size[2];
static const vyre_codegen_table_t *compiler;

__attribute__((destructor)) static void forget(void) {
  for (int i = 0; i < 2; i++) vyre_free(loop_text[i]);
}

static vyre_status_t compile(const vyre_program_t *program, const vyre_codegen_options_t *options, char **out_bytes,
                             size_t *out_size) {
  assert_int_equal(options->form, VYRE_CODEGEN_ASSEMBLY);
  assert_non_null(options->gpu);
  uint32_t which = options->handler_count;
  assert_true(which < 2);
  if (!loop_text[which]) VYRE_TRY(compiler->compile(program, options, &loop_text[which], &loop_size[which]));
  *out_size = loop_size[which];
  *out_bytes = vyre_alloc(*out_size + 1);
  if (!*out_bytes) return vyre_out_of_memory(*out_size + 1);
  memcpy(*out_bytes, loop_text[which], *out_size + 1);
  return NULL;
}

vyre_status_t __real_vyre_codegen_load(const vyre_codegen_table_t **out_table);
vyre_status_t __wrap_vyre_codegen_load(const vyre_codegen_table_t **out_table);
vyre_status_t __wrap_vyre_codegen_load(const vyre_codegen_table_t **out_table) {
  static vyre_codegen_table_t table;
  VYRE_TRY(__real_vyre_codegen_load(&compiler));
  table = *compiler;
  table.compile = compile;
  *out_table = &table;
  return NULL;
}
