/* vyre/program.h: a Program, the unit of work that a session runs.
 *
 * A Program is text (docs/formats/text.md) or bytes, its wire form (docs/formats/wire.md). What it means is
 * docs/language.md.
 *
 * Owns:    a program owns everything it holds and is the caller's. Sessions keep a form of their own, so that it may be
 *          destroyed once it is registered.
 * Threads: a program is immutable; any thread may read it, one destroys it, when nobody reads any more.
 * Strings: text and bytes given through `char **` are the caller's, released with vyre_text_free.
 * Errors:  those named here, and VYRE_E_MEMORY from whatever allocates. What is given comes on success only. */
#ifndef VYRE_PROGRAM_H
#define VYRE_PROGRAM_H

#include <vyre/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vyre_program vyre_program_t;

/* Parses and validates `length` bytes; NULL is an empty text. `source_name` stands in messages (a path, or ""). Errors:
 * VYRE_E_SYNTAX, _TYPE, _NAME, _INVALID_PROGRAM, _PRIVILEGED, _LIMIT with line, column and the line itself. */
VYRE_API vyre_status_t vyre_program_parse(const char *text, size_t length, const char *source_name,
                                          vyre_program_t **out_program);
/* A Program from its wire form. Any bytes are safe. Errors: VYRE_E_WIRE, and those of a text but for VYRE_E_SYNTAX. */
VYRE_API vyre_status_t vyre_program_decode(const void *bytes, size_t size, const char *source_name,
                                           vyre_program_t **out_program);
/* Either: what begins with the four letters of a wire form is one, everything else is text. */
VYRE_API vyre_status_t vyre_program_read(const void *bytes, size_t size, const char *source_name,
                                         vyre_program_t **out_program);
/* The same from a file (a text of at most 16 MiB, a wire form of at most 64 MiB). Errors besides: VYRE_E_NOT_FOUND,
 * _PERMISSION, _IO and others of files, VYRE_E_TOO_LARGE. */
VYRE_API vyre_status_t vyre_program_load(const char *path, vyre_program_t **out_program);
/* Sets *program to NULL. Accepts NULL and a pointer to NULL. */
VYRE_API void vyre_program_destroy(vyre_program_t **program);

/* Lent by the program. */
VYRE_API const char *vyre_program_name(const vyre_program_t *program);

/* The outputs, in the order of their declaration. */
typedef struct vyre_output_info {
  const char *name;       /* lent by the program */
  const char *type;       /* "u64"; lives as long as the library */
  const char *reducer;    /* "sum"; likewise */
  bool is_signed;         /* a signed integer */
  bool is_float;          /* f32, f64 */
  uint32_t element_bytes; /* 4 or 8; of combine, per_chunk and append 1 to 16 */
  uint32_t count;         /* elements of an array, most records of a call; 1 for a scalar */
  bool is_array;          /* append too */
} vyre_output_info_t;
VYRE_API uint32_t vyre_program_output_count(const vyre_program_t *program);
/* VYRE_E_ARGUMENT for an index that is not below the count. */
VYRE_API vyre_status_t vyre_program_output_info(const vyre_program_t *program, uint32_t index,
                                                vyre_output_info_t *out_info);

/* What is given to it besides its stream: scalar parameters, constants, state and windows, in the order of their
 * declaration. */
typedef struct vyre_input_info {
  const char *name;       /* lent by the program */
  const char *role;       /* "param", "constant", "state", "window"; lives as long as the library */
  const char *type;       /* "u32"; likewise */
  uint32_t element_bytes; /* 1 .. 16 */
  uint32_t count;         /* elements; 1 for a scalar, 0 where the length comes with the value */
} vyre_input_info_t;
VYRE_API uint32_t vyre_program_input_count(const vyre_program_t *program);
/* VYRE_E_ARGUMENT for an index that is not below the count. */
VYRE_API vyre_status_t vyre_program_input_info(const vyre_program_t *program, uint32_t index,
                                               vyre_input_info_t *out_info);

/* The program as text in the canonical layout. */
VYRE_API vyre_status_t vyre_program_print(const vyre_program_t *program, char **out_text);
/* A source text in that layout, its comments kept: what `vyre fmt` prints. Errors of vyre_program_parse; text that is
 * well formed and no valid Program is one of them. */
VYRE_API vyre_status_t vyre_text_format(const char *text, size_t length, const char *source_name, char **out_text);
VYRE_API void vyre_text_free(char *text);

/* The canonical form (docs/formats/canonical.md): one for all Programs that differ in spelling only. VYRE_E_LIMIT, here
 * and for the fingerprint, for a Program that has none within the limits: of nearly as many nodes as are allowed, or
 * with a source name over 4096 bytes. */
VYRE_API vyre_status_t vyre_program_canonicalize(const vyre_program_t *program, vyre_program_t **out_program);

/* The name of what a Program does: the BLAKE3 of the wire form of its canonical form. */
#define VYRE_FINGERPRINT_BYTES 32
VYRE_API vyre_status_t vyre_program_fingerprint(const vyre_program_t *program, uint8_t out[VYRE_FINGERPRINT_BYTES]);

/* The wire form of the Program as it is, *out_size bytes. VYRE_E_ARGUMENT for unknown flags, VYRE_E_LIMIT for a source
 * name over 4096 bytes. */
enum {
  VYRE_ENCODE_DEBUG = 1, /* with names and places in the source, which messages and faults name */
};
VYRE_API vyre_status_t vyre_program_encode(const vyre_program_t *program, uint32_t flags, char **out_bytes,
                                           size_t *out_size);

/* What the compiler makes of it, for people to read. */
typedef enum vyre_emit {
  VYRE_EMIT_LLVM,      /* LLVM IR as lowered, before optimization */
  VYRE_EMIT_LLVM_OPT,  /* LLVM IR after optimization for this machine's CPU */
  VYRE_EMIT_ASSEMBLY,  /* x86-64 assembly */
  VYRE_EMIT_OBJECT,    /* an ELF relocatable object: bytes, not text */
  VYRE_EMIT_PTX_SM_80, /* PTX for NVIDIA GPUs of this architecture and later */
  VYRE_EMIT_PTX_SM_90,
  VYRE_EMIT_PTX_SM_86,
  VYRE_EMIT_PTX_SM_89,
  VYRE_EMIT_CUBIN, /* machine code for the first GPU of this machine, by its driver's linker: bytes, not text */
} vyre_emit_t;
/* Of its canonical form, as sessions compile it. A text has a NUL behind its *out_size bytes. Errors: VYRE_E_ARGUMENT,
 * _COMPILER_MISSING, _COMPILER, _LIMIT; cubin, too: _NO_DRIVER, _NO_DEVICE, _DRIVER, and as _COMPILER what the linker says. */
VYRE_API vyre_status_t vyre_program_emit(const vyre_program_t *program, vyre_emit_t form, char **out_bytes,
                                         size_t *out_size);

#ifdef __cplusplus
}
#endif
#endif
