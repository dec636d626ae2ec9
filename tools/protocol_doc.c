/* Prints docs/protocol/megakernel.md: a text in which {{NAME}} stands for a number or a table of protocol.def. The
 * target `docs` writes the file; a test compares. Usage: protocol-doc TEXT */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <vyre/session.h>

#include "ir/frame.h"
#include "megakernel/protocol.h"

typedef struct row {
  enum { CONTROL, RECORD_WORD, OPCODE, PACKED, HANDLER_ARG, FAULT } table;
  const char *record; /* CONTROL, RECORD_WORD: of which block or record */
  const char *name;
  uint32_t number; /* offset, opcode, index, reason */
  uint32_t bits;
  const char *first, *second; /* writer and reader; arguments and results */
  const char *mirror;         /* CONTROL: the word of SHARED that tells the host the same, or "" */
  const char *meaning;
} row_t;

static const row_t rows[] = {
#define VYRE_CONTROL(name, place, offset, bits, writer, reader, mirror, meaning) \
  {CONTROL, #place, #name, offset, bits, writer, reader, mirror, meaning},
#define VYRE_RECORD_WORD(record, name, offset, bits, meaning) \
  {RECORD_WORD, #record, #name, offset, bits, "", "", "", meaning},
#define VYRE_OPCODE(name, number, arguments, results, meaning) \
  {OPCODE, "", #name, UINT32_C(number), 32, arguments, results, "", meaning},
#define VYRE_PACKED(name, words) {PACKED, "", #name, words, 32, "", "", "", ""},
#define VYRE_HANDLER_ARG(name, index, meaning) {HANDLER_ARG, "", #name, index, 32, "", "", "", meaning},
#include "megakernel/protocol.def"
#define VYRE_FAULT(name, number, text) {FAULT, "", #name, number, 32, "", "", "", text},
#include "ir/fault.def"
#undef VYRE_FAULT
#define FRAME(name, member, meaning)                                                                              \
  {                                                                                                               \
    RECORD_WORD, "FRAME", name, offsetof(vyre_frame_t, member), 8 * sizeof((vyre_frame_t){0}.member), "", "", "", \
        meaning                                                                                                   \
  }
    FRAME("DATA", data, "* address of the chunk"),
    FRAME("DATA_BYTES", data_bytes, "* its length"),
    FRAME("STREAM_OFFSET", stream_offset, "* of the chunk in its file, bytes"),
    FRAME("OUTPUT", output, "* address of the output block"),
    FRAME("SCRATCH", scratch,
          "address of memory of the worker's own, at a multiple of 64, as much as the Program needs"),
    FRAME("FUEL", fuel, "loop iterations that one call may use"),
    FRAME("STOP", stop, "address of the word STOP"),
    FRAME("FLAGS", flags, "* the slot's FLAGS"),
    FRAME("WORKER", worker, "index of the worker"),
    FRAME("CONTROL", control, "address of the control block, which only the loop uses"),
    FRAME("HOOKS", hooks, "host devices: address of what they offer to the loop; written by the device at the launch"),
    FRAME("FAULT", fault, "written by the handler: the reason, 0 for none"),
    FRAME("FAULT_NODE", fault_node, "likewise: the node"),
    FRAME("FAULT_ITERATION", fault_iteration,
          "likewise: the iteration of the outermost foreach, counted from its lower bound"),
    FRAME("BINDINGS", bindings, "address of the table of parameters (Operands), which the worker fills"),
    FRAME("HALO_LEFT", halo_left, "* bytes that can be read before the chunk"),
    FRAME("HALO_RIGHT", halo_right, "* and behind it"),
#undef FRAME
};

static const struct {
  const char *name;
  const char *format;
  uint32_t value;
} numbers[] = {
    {"SLOT_BYTES", "%u", VYRE_SLOT_BYTES},
    {"COMPLETION_BYTES", "%u", VYRE_COMPLETION_BYTES},
    {"CONTROL_BYTES", "%u", VYRE_CONTROL_BYTES},
    {"SHARED_BYTES", "%u", VYRE_SHARED_BYTES},
    {"WORKERS_MAX", "%u", VYRE_WORKERS_MAX},
    {"WORKER_BYTES", "%u", VYRE_WORKER_BYTES_EACH},
    {"DISPATCH_BATCH", "%u", VYRE_DISPATCH_BATCH},
    {"LANES", "%u", VYRE_LANES},
    {"LETTER_STEP", "%u", VYRE_LETTER_STEP},
    {"ROUND_QUARTERS", "%u", 8 * VYRE_LANES},
    {"OPCODE_HASH", "0x%08X", VYRE_OPCODE_HASH},
    {"STATE_DONE", "%u", VYRE_STATE_DONE},
    {"STATE_FAULT", "%u", VYRE_STATE_FAULT},
    {"STOP_RUN", "%u", VYRE_STOP_RUN},
    {"STOP_FINISH", "%u", VYRE_STOP_FINISH},
    {"STOP_NOW", "%u", VYRE_STOP_NOW},
    {"COPY_INLINE_BYTES", "%u", VYRE_COPY_INLINE_BYTES},
    {"HANDLER_COPY", "0x%08X", VYRE_HANDLER_COPY},
    {"FENCES_MAX", "%u", VYRE_FENCES_MAX},
    {"FENCE_BYTES", "%u", VYRE_FENCE_BYTES_EACH},
    {"WINDOW_OBSERVABLES", "%u", VYRE_WINDOW_OBSERVABLES},
    {"CLASSES", "%u", VYRE_CLASSES},
    {"FRAME_BYTES", "%u", sizeof(vyre_frame_t)},
    {"LOCAL_BYTES", "%u", VYRE_LOCAL_BYTES},
};

static const struct {
  const char *name; /* with the record's name behind it: "RECORD WINDOW" */
  int table;
  const char *head;
} tables[] = {
    {"BLOCK ", CONTROL,
     "| offset | word | bits | written by | read by | mirrored to | meaning |\n|---|---|---|---|---|---|---|\n"},
    {"RECORD ", RECORD_WORD, "| offset | word | bits | meaning |\n|---|---|---|---|\n"},
    {"OPCODES", OPCODE, "| opcode | name | ARG0, ... | result | meaning |\n|---|---|---|---|---|\n"},
    {"PACKED", PACKED, "| opcode | words of arguments |\n|---|---|\n"},
    {"HANDLER_ARGS", HANDLER_ARG, "| word | name | meaning |\n|---|---|---|\n"},
    {"FAULTS", FAULT, "| reason | name | meaning |\n|---|---|---|\n"},
};

/* A bar ends a cell of a table, unless it is escaped. */
static void print_cell(const char *text) {
  putchar(' ');
  for (; *text; text++) {
    if (*text == '|') putchar('\\');
    putchar(*text);
  }
  fputs(" |", stdout);
}

static void print_row(const row_t *row) {
  switch (row->table) {
    case CONTROL:
    case RECORD_WORD: printf("| 0x%03X | `%s` | %u |", (unsigned)row->number, row->name, (unsigned)row->bits); break;
    case OPCODE: printf("| 0x%08X | `%s` |", (unsigned)row->number, row->name); break;
    case PACKED: printf("| `%s` | %u |", row->name, (unsigned)row->number); return;
    case HANDLER_ARG: printf("| ARG%u | `%s` |", (unsigned)row->number, row->name); break;
    case FAULT: printf("| %u | `%s` |", (unsigned)row->number, row->name); break;
  }
  if (row->table == CONTROL || row->table == OPCODE) {
    print_cell(row->first);
    print_cell(row->second);
  }
  if (row->table == CONTROL) print_cell(row->mirror);
  print_cell(row->meaning);
}

/* Every mirror is a word of the shared block. */
static bool mirrors_exist(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool is_found = rows[i].mirror[0] == '\0';
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
      is_found |= strcmp(rows[k].record, "SHARED") == 0 && strcmp(rows[k].name, rows[i].mirror) == 0;
    if (is_found) continue;
    fprintf(stderr, "protocol-doc: no such word: %s\nFix: Name a word of the shared block as a mirror.\n",
            rows[i].mirror);
    return false;
  }
  return true;
}

/* False when there is no such table, or it is empty. */
static bool print_table(const char *name) {
  unsigned printed = 0;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    size_t length = strlen(tables[i].name);
    bool of_record = tables[i].table == RECORD_WORD || tables[i].table == CONTROL;
    if (of_record ? strncmp(name, tables[i].name, length) != 0 : strcmp(name, tables[i].name) != 0) continue;
    fputs(tables[i].head, stdout);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
      if ((int)rows[k].table != tables[i].table || (of_record && strcmp(rows[k].record, name + length) != 0)) continue;
      if (printed++) putchar('\n');
      print_row(&rows[k]);
    }
  }
  return printed > 0;
}

static bool print_name(const char *name) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(numbers[i].name, name) == 0) return printf(numbers[i].format, (unsigned)numbers[i].value) > 0;
  return print_table(name);
}

static bool print_line(const char *line) {
  const char *open;
  for (; (open = strstr(line, "{{")); line = strstr(open, "}}") + 2) {
    const char *close = strstr(open, "}}");
    char name[64];
    if (!close || (size_t)(close - open) >= sizeof name) return false;
    printf("%.*s", (int)(open - line), line);
    snprintf(name, sizeof name, "%.*s", (int)(close - open - 2), open + 2);
    if (!print_name(name)) return false;
  }
  fputs(line, stdout);
  return true;
}

int main(int argc, char **argv) {
  FILE *text = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (!text) {
    fputs("usage: protocol-doc TEXT\nFix: Name tools/megakernel.md.in, which must be readable.\n", stderr);
    return 2;
  }
  char line[1000];
  if (!mirrors_exist()) return 1;
  while (fgets(line, sizeof line, text))
    if (!print_line(line)) {
      fprintf(stderr, "protocol-doc: no such number or table: %sFix: Take one that tools/protocol_doc.c knows.\n",
              line);
      fclose(text);
      return 1;
    }
  bool failed = ferror(text);
  fclose(text);
  return failed || ferror(stdout) || fflush(stdout) ? 1 : 0;
}
