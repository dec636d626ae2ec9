/* Prints docs/formats/wire.md or docs/formats/canonical.md: a text in which a line {{NAME}} stands for a table of
 * types.def, ops.def, wire.def or rules.def. The target `docs` writes the files; a test compares.
 * Usage: wire-doc TEXT */
#include <stdio.h>
#include <string.h>

#include "ir/program.h"
#include "ir/wire.h"

static const char *const types[] = {
#define VYRE_TYPE(name, text, bits, kind) text,
#include "ir/types.def"
#undef VYRE_TYPE
};

typedef struct node {
  const char *name, *text, *fields;
} node_t;

static const char *const operands[] = {"", "e", "ee", "eee", "eeee"};

static node_t exprs[VYRE_EXPR_COUNT] = {
    {"", "", ""},
#define VYRE_EXPR(name, text, class, arity, on) {#name, text, NULL},
#define VYRE_STMT(name, text, privileged)
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

static const unsigned arities[VYRE_EXPR_COUNT] = {
    0,
#define VYRE_EXPR(name, text, class, arity, on) arity,
#define VYRE_STMT(name, text, privileged)
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

static node_t stmts[VYRE_STMT_COUNT] = {
    {"", "", ""},
#define VYRE_EXPR(name, text, class, arity, on)
#define VYRE_STMT(name, text, privileged) {#name, text, ""},
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

typedef struct rule {
  const char *on, *pattern, *replacement, *when;
} rule_t;

static const rule_t rules[] = {
#define VYRE_COMMUTES(name)
#define VYRE_RULE(on, pattern, replacement, when) {#on, #pattern, #replacement, #when},
#include "ir/rules.def"
#undef VYRE_COMMUTES
#undef VYRE_RULE
};

static void fill_fields(void) {
  for (unsigned i = 1; i < VYRE_EXPR_COUNT; i++) exprs[i].fields = operands[arities[i]];
#define VYRE_WIRE_EXPR(name, letters) exprs[VYRE_EXPR_##name].fields = letters;
#define VYRE_WIRE_STMT(name, letters) stmts[VYRE_STMT_##name].fields = letters;
#include "ir/wire.def"
#undef VYRE_WIRE_EXPR
#undef VYRE_WIRE_STMT
  exprs[VYRE_EXPR_LIST].fields = NULL; /* written as `c` */
}

/* A bar would end the cell. */
static void print_code(const char *text) {
  if (!*text) return;
  putchar('`');
  for (; *text; text++) fputs(*text == '|' ? "\\|" : (char[]){*text, '\0'}, stdout);
  putchar('`');
}

static void print_nodes(const node_t *nodes, unsigned count) {
  puts("| number | node | text | fields |\n|---|---|---|---|");
  for (unsigned i = 1; i < count; i++) {
    if (!nodes[i].fields) continue;
    printf("| %u | %s | ", i, nodes[i].name);
    print_code(nodes[i].text);
    fputs(" | ", stdout);
    print_code(nodes[i].fields);
    puts(" |");
  }
}

static void print_types(void) {
  puts("| number | type |\n|---|---|");
  for (unsigned i = 1; i < VYRE_TYPE_COUNT; i++) printf("| %u | `%s` |\n", i, types[i]);
}

static void print_limits(void) {
  static const struct {
    const char *what;
    unsigned limit;
  } limits[] = {
      {"bytes of a wire form", VYRE_LIMIT_WIRE_BYTES},
      {"bytes of a name", VYRE_LIMIT_NAME_BYTES},
      {"bytes of the source name", VYRE_LIMIT_SOURCE_NAME_BYTES},
      {"parameters", VYRE_LIMIT_PARAMS},
      {"functions", VYRE_LIMIT_FUNCTIONS},
      {"arguments of a function", VYRE_LIMIT_ARGUMENTS},
      {"labels of a switch", VYRE_LIMIT_LABELS},
      {"variables", VYRE_LIMIT_VARS},
      {"expressions; statements", VYRE_LIMIT_NODES},
      {"blocks inside each other; expressions inside each other", VYRE_LIMIT_DEPTH},
  };
  puts("| what | at most |\n|---|---|");
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) printf("| %s | %u |\n", limits[i].what, limits[i].limit);
}

static void print_rules(void) {
  puts("| on | node | becomes | when |\n|---|---|---|---|");
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    printf("| %s | `%s` | `%s` | %s |\n", rules[i].on, rules[i].pattern, rules[i].replacement,
           strcmp(rules[i].when, "ALWAYS") == 0 ? "" : rules[i].when);
}

static void print_commutes(void) {
#define VYRE_COMMUTES(name) puts("- " #name);
#define VYRE_RULE(on, pattern, replacement, when)
#include "ir/rules.def"
#undef VYRE_COMMUTES
#undef VYRE_RULE
}

static bool print_table(const char *name) {
  if (strcmp(name, "{{TYPES}}\n") == 0)
    print_types();
  else if (strcmp(name, "{{EXPRESSIONS}}\n") == 0)
    print_nodes(exprs, VYRE_EXPR_COUNT);
  else if (strcmp(name, "{{STATEMENTS}}\n") == 0)
    print_nodes(stmts, VYRE_STMT_COUNT);
  else if (strcmp(name, "{{LIMITS}}\n") == 0)
    print_limits();
  else if (strcmp(name, "{{RULES}}\n") == 0)
    print_rules();
  else if (strcmp(name, "{{COMMUTES}}\n") == 0)
    print_commutes();
  else
    return false;
  return true;
}

int main(int argc, char **argv) {
  char line[8192];
  FILE *text = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (!text) {
    fprintf(stderr, "usage: wire-doc TEXT\n");
    return 2;
  }
  fill_fields();
  while (fgets(line, sizeof line, text)) {
    if (strncmp(line, "{{", 2) != 0) {
      fputs(line, stdout);
    } else if (!print_table(line)) {
      fprintf(stderr, "wire-doc: no table %s", line);
      return 1;
    }
  }
  return fclose(text) == 0 && fflush(stdout) == 0 ? 0 : 1;
}
