/* The names that can be seen at a place of the text: parameters and variables, by block. A name is declared once among
 * those that can be seen (no shadowing); it goes with its block.
 *
 * Owns:   its table; lends the bytes of the names.
 * Errors: declare gives NULL when memory is out. */
#ifndef VYRE_IR_NAMES_H
#define VYRE_IR_NAMES_H

#include "ir/program.h"

typedef struct vyre_name {
  const char *text; /* not NUL-terminated */
  uint32_t length;  /* bytes */
  uint32_t hash;
  uint32_t next;   /* in its bucket, 0 at the end */
  uint32_t id;     /* a parameter or a variable */
  uint32_t suffix; /* the printer's: last number tried to make a clashing name unique */
  bool is_param;
} vyre_name_t;

enum { VYRE_NAMES_BUCKETS = 4096 };

typedef struct vyre_names {
  vyre_name_t *names; /* names[0] is reserved; innermost last */
  size_t capacity;
  uint32_t count;
  uint32_t buckets[VYRE_NAMES_BUCKETS]; /* index of the innermost name, 0 for none */
} vyre_names_t;

void vyre_names_init(vyre_names_t *names);
void vyre_names_deinit(vyre_names_t *names);

/* NULL when the name cannot be seen. Lent until the next declare. */
vyre_name_t *vyre_names_find(const vyre_names_t *names, const char *text, size_t length);
vyre_name_t *vyre_names_declare(vyre_names_t *names, const char *text, size_t length, bool is_param, uint32_t id);

/* Around a block: leave forgets what was declared since the mark. */
static inline uint32_t vyre_names_mark(const vyre_names_t *names) { return names->count; }
void vyre_names_leave(vyre_names_t *names, uint32_t mark);

#endif
