/* Prints docs/errors.md: the catalogue of errors as a page. The target `docs` writes the file; a test compares. */
#include <stdio.h>
#include <string.h>

#include <vyre/status.h>

typedef struct entry {
  int number;
  const char *name;
  const char *family;
  const char *retry;
  const char *summary;
  const char *fix;
} entry_t;

static const entry_t entries[] = {
#define VYRE_ERROR(name, number, family, retry, summary, fix) {number, "VYRE_E_" #name, #family, #retry, summary, fix},
#include "vyre/error_codes.def"
#undef VYRE_ERROR
};

static const struct family {
  const char *name;
  const char *title;
} families[] = {
    {"USAGE", "The command line and the arguments of API calls"},
    {"PROGRAM", "Programs"},
    {"COMPILE", "Compiling and loading code"},
    {"DEVICE", "Devices"},
    {"SESSION", "Sessions and slots"},
    {"IO", "Files and devices that hold bytes"},
    {"RESOURCE", "Resources of the machine"},
    {"INTERNAL", "Our own mistakes"},
};

static const char *retry_text(const char *retry) {
  if (strcmp(retry, "LATER") == 0) return "yes, later";
  return strcmp(retry, "CHANGED") == 0 ? "after the Fix" : "no";
}

/* A bar ends a cell of a table, unless it is escaped. */
static void print_cell(const char *text) {
  for (; *text; text++) {
    if (*text == '|') putchar('\\');
    putchar(*text);
  }
}

int main(void) {
  puts(
      "# Errors\n\n"
      "Made from include/vyre/error_codes.def: change that file, then run `cmake --build build/dev --target docs`.\n\n"
      "A number never changes its meaning. `vyre explain NUMBER` prints the same. \"Again?\" says whether the same "
      "call\n"
      "can succeed when it is made again.");
  size_t printed = 0;
  for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
    printf("\n## %s\n\n| code | name | what happened | again? | Fix |\n|---|---|---|---|---|\n", families[f].title);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
      const entry_t *entry = &entries[i];
      if (strcmp(entry->family, families[f].name) != 0) continue;
      printf("| VYRE-%d | `%s` | ", entry->number, entry->name);
      print_cell(entry->summary);
      printf(" | %s | ", retry_text(entry->retry));
      print_cell(entry->fix);
      puts(" |");
      printed++;
    }
  }
  if (printed == sizeof entries / sizeof *entries) return ferror(stdout) || fflush(stdout) ? 1 : 0;
  fputs("errors_doc: a family of error_codes.def has no title\nFix: Add it to `families` in tools/errors_doc.c.\n",
        stderr);
  return 1;
}
