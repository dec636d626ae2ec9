/* What the parts of the printer share: print.c (names, the order of a text), print_stmt.c, print_expr.c. */
#ifndef VYRE_IR_PRINTER_H
#define VYRE_IR_PRINTER_H

#include "ir/lexer.h"
#include "ir/names.h"
#include "ir/text.h"

typedef struct vyre_printer {
  const vyre_program_t *program;
  vyre_strbuf_t *out;
  vyre_names_t scope;
  const char *param_names[VYRE_LIMIT_PARAMS]; /* as printed; lent by the program or kept in `made` */
  const char **var_names;
  const char **function_names;
  char **made; /* names that had to be changed */
  size_t made_capacity, made_count;
  uint32_t reserved_suffix; /* last number given to a name that is a word of the language */
  uint32_t depth;
} vyre_printer_t;

static inline const vyre_expr_t *vyre_print_node(const vyre_printer_t *p, uint32_t id) {
  return &p->program->exprs[id];
}

/* print.c: gives the name as it is printed, and remembers it. */
const char *vyre_print_declare(vyre_printer_t *p, uint32_t var);

/* print_stmt.c */
void vyre_print_block(vyre_printer_t *p, uint32_t first);
void vyre_print_body(vyre_printer_t *p, uint32_t first); /* " { ... }" without the newline behind */

/* print_expr.c. Literals: `expected` is what the parser expects there, `literals` what it then gives to literals without
 * suffix. */
void vyre_print_in(vyre_printer_t *p, uint32_t id, vyre_type_t expected);
void vyre_print_expr(vyre_printer_t *p, uint32_t id, vyre_type_t literals);
/* That of a value that stands alone; of two that have one type. */
vyre_type_t vyre_print_settled(const vyre_printer_t *p, uint32_t id, vyre_type_t expected);
vyre_type_t vyre_print_settled_both(const vyre_printer_t *p, uint32_t a, uint32_t b, vyre_type_t expected);
void vyre_print_order(vyre_printer_t *p, uint8_t order, uint8_t scope, vyre_scope_t unwritten);

#endif
