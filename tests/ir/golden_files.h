/* The texts of tests/ir/golden: NAME.vyre, and beside it NAME.print (its canonical text), NAME.fmt (formatted, where
 * that differs from the printed text) or NAME.err (the error it gives). Names that begin with "privileged" may use
 * privileged nodes. */
#ifndef VYRE_TESTS_IR_GOLDEN_FILES_H
#define VYRE_TESTS_IR_GOLDEN_FILES_H

#include <stdbool.h>
#include <stddef.h>

enum { VYRE_GOLDEN_MAX = 1024 };

typedef struct vyre_golden {
  char *name; /* without folder and extension */
  char *text;
  size_t length;
  bool is_privileged;
} vyre_golden_t;

/* In the order of their names. Fails the test when the folder cannot be read. */
size_t vyre_golden_load(vyre_golden_t golden[VYRE_GOLDEN_MAX]);
void vyre_golden_unload(vyre_golden_t *golden, size_t count);

/* NULL when there is no such file. */
char *vyre_golden_read(const char *name, const char *extension, size_t *out_length);
/* Compares with NAME.extension; with VYRE_UPDATE_GOLDEN=1 in the environment writes the file instead. */
void vyre_golden_expect(const char *name, const char *extension, const char *text);

#endif
