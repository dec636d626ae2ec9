#include "ir/golden_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <cmocka.h>

#define FOLDER VYRE_SOURCE_DIR "/tests/ir/golden/"

char *vyre_golden_read(const char *name, const char *extension, size_t *out_length) {
  char path[512];
  snprintf(path, sizeof path, FOLDER "%s.%s", name, extension);
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long bytes = ftell(file);
  rewind(file);
  char *text = malloc((size_t)bytes + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, (size_t)bytes, file), bytes);
  text[bytes] = '\0';
  fclose(file);
  if (out_length) *out_length = (size_t)bytes;
  return text;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const vyre_golden_t *)a)->name, ((const vyre_golden_t *)b)->name);
}

size_t vyre_golden_load(vyre_golden_t golden[VYRE_GOLDEN_MAX]) {
  DIR *folder = opendir(FOLDER);
  if (!folder) fail_msg("cannot read %s", FOLDER);
  size_t count = 0;
  for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    char *dot = strrchr(entry->d_name, '.');
    if (!dot || strcmp(dot, ".vyre") != 0) continue;
    assert_true(count < VYRE_GOLDEN_MAX);
    vyre_golden_t *g = &golden[count++];
    g->name = strndup(entry->d_name, (size_t)(dot - entry->d_name));
    g->text = vyre_golden_read(g->name, "vyre", &g->length);
    assert_non_null(g->text);
    /* err_privileged alone is parsed without permission. */
    g->is_privileged = strncmp(g->name, "privileged", 10) == 0 || strncmp(g->name, "err_privileged_", 15) == 0;
  }
  closedir(folder);
  assert_true(count > 20); /* an emptied folder must not pass */
  qsort(golden, count, sizeof *golden, by_name);
  return count;
}

void vyre_golden_unload(vyre_golden_t *golden, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(golden[i].name);
    free(golden[i].text);
  }
}

void vyre_golden_expect(const char *name, const char *extension, const char *text) {
  if (getenv("VYRE_UPDATE_GOLDEN")) {
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s.%s", name, extension);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return;
  }
  char *expected = vyre_golden_read(name, extension, NULL);
  if (!expected) fail_msg("%s.%s is missing; run with VYRE_UPDATE_GOLDEN=1 and read what it writes", name, extension);
  if (strcmp(expected, text) != 0) fail_msg("%s.%s differs; now it is:\n%s", name, extension, text);
  free(expected);
}
