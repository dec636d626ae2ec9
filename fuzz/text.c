/* Any bytes through the text form; privileged nodes are allowed when the first byte is 'p', as texts begin. What parses
 * must survive printing and formatting; what does not must say where and what to do. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/program_equal.h"
#include <vyre/program.h>

#include "ir/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static vyre_program_t *parse_again(const char *text, size_t length) {
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_text_parse(text, length, "again", true, &program);
  VYRE_ASSERT(status == NULL);
  return program;
}

static void check_printing(const vyre_program_t *program) {
  vyre_strbuf_t text, second;
  vyre_strbuf_init(&text);
  vyre_strbuf_init(&second);
  vyre_text_print(program, &text);
  VYRE_ASSERT(!text.failed);
  vyre_program_t *again = parse_again(text.text, text.length);
  VYRE_ASSERT(vyre_program_equal(program, again, true));
  vyre_text_print(again, &second);
  VYRE_ASSERT(strcmp(text.text, second.text) == 0);
  vyre_program_destroy(&again);
  vyre_strbuf_deinit(&text);
  vyre_strbuf_deinit(&second);
}

static void check_formatting(const vyre_program_t *program, const char *text, size_t length) {
  char *once = NULL, *twice = NULL;
  VYRE_ASSERT(vyre_text_format(text, length, "f", &once) == NULL);
  VYRE_ASSERT(vyre_text_format(once, strlen(once), "f", &twice) == NULL);
  VYRE_ASSERT(strcmp(once, twice) == 0);
  vyre_program_t *same = parse_again(once, strlen(once));
  VYRE_ASSERT(vyre_program_equal(program, same, true));
  vyre_program_destroy(&same);
  vyre_free(once);
  vyre_free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_text_parse(text, size, "f", size > 0 && data[0] == 'p', &program);
  if (status) {
    VYRE_ASSERT(strncmp(vyre_status_where(status), "f:", 2) == 0);
    VYRE_ASSERT(strlen(vyre_status_fix(status)) > 8 && *vyre_status_detail(status));
    vyre_status_destroy(&status);
  } else {
    check_printing(program);
    check_formatting(program, text, size);
    vyre_program_destroy(&program);
  }
  return 0;
}
