/* Files that the verbs read and write whole. "-" names stdin where a verb reads. */
#ifndef VYRE_CLI_FILE_H
#define VYRE_CLI_FILE_H

#include <stddef.h>
#include <sys/stat.h>
#include <vyre/program.h>

/* Source texts and wire forms are at most this long, as in vyre_program_load. */
#define CLI_SOURCE_BYTES_MAX ((size_t)16 << 20)
#define CLI_WIRE_BYTES_MAX ((size_t)64 << 20)
#define CLI_CONSTANT_BYTES_MAX ((size_t)256 << 20)

typedef struct cli_file {
  char *bytes; /* NUL-terminated behind `length`; cli_file_free */
  size_t length;
  struct stat stat; /* as it was when it was read */
} cli_file_t;

/* How messages call it: the path, or "<stdin>". */
const char *cli_file_label(const char *path);
vyre_status_t cli_file_read(const char *path, cli_file_t *out_file); /* a Program */
vyre_status_t cli_file_read_constant(const char *path, cli_file_t *out_file);
void cli_file_free(cli_file_t *file);

/* Puts `bytes` in the place of `path`: all of it or, after an error, nothing. Symbolic links are followed; the mode and
 * the owner of an existing file stay. With `expected` the file must still be as it was then (VYRE_E_FILE_CHANGED).
 * What is no regular file (a terminal, /dev/null, a pipe) is written to directly. */
vyre_status_t cli_file_replace(const char *path, const char *bytes, size_t length, const struct stat *expected);

/* A Program, text or wire form, from a path or stdin. */
vyre_status_t cli_program_load(const char *path, vyre_program_t **out_program);

/* The fingerprint in hex digits, NUL-terminated. */
enum { CLI_FINGERPRINT_CHARS = 2 * VYRE_FINGERPRINT_BYTES };
vyre_status_t cli_program_fingerprint(const vyre_program_t *program, char out_text[CLI_FINGERPRINT_CHARS + 1]);

#endif
