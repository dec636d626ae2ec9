/* Puts x86-64 machine code from an ELF relocatable object into memory, as LLVM or a C compiler emits it (relocation
 * model PIC, small code model). Needs neither LLVM nor the system's linker.
 *
 * Owns:    vyre_loaded_t owns one anonymous mapping: code (read, execute), constants (read), data (read, write), each
 *          on its own pages. No page is ever writable and executable at once. The object's bytes may go after the load.
 * Threads: load from any thread; a loaded object is immutable to lookups. Destroy it when no code of it can run.
 * Limits:  object and image at most VYRE_LOADER_BYTES_MAX bytes each, alignment of a section at most a page.
 * Errors:  VYRE_E_OBJECT with the section, symbol or relocation at fault. A damaged object is refused or loads; the
 *          loader itself never reads or writes outside the object and the image. Whether to trust the code is the
 *          caller's business. Not here: thread-local storage, constructors, common symbols, indirect functions: refused
 *          where they are used.
 * Source:  System V ABI, AMD64 supplement, sections 4.4.1 (relocation types) and 5.2 (procedure linkage). */
#ifndef VYRE_DEVICE_CPU_LOADER_H
#define VYRE_DEVICE_CPU_LOADER_H

#include <stddef.h>

#include "base/status.h"

#define VYRE_LOADER_BYTES_MAX ((size_t)64 << 20)

typedef struct vyre_loaded vyre_loaded_t;

/* A function of no particular type: cast it to its own before the call. */
typedef void (*vyre_loader_fn_t)(void);

/* A function that the object calls and does not define. memcpy, memmove, memset and the divisions of 128 bits of the
 * compiler's own library are known without being listed. */
typedef struct vyre_loader_symbol {
  const char *name;
  vyre_loader_fn_t function;
} vyre_loader_symbol_t;

vyre_status_t vyre_loader_load(const void *object, size_t size, const vyre_loader_symbol_t *externals,
                               size_t external_count, vyre_loaded_t **out_loaded);

/* A global function that the object defines, or NULL. Lent: valid until destroy. */
vyre_loader_fn_t vyre_loaded_symbol(const vyre_loaded_t *loaded, const char *name);

/* Accepts NULL. */
void vyre_loaded_destroy(vyre_loaded_t *loaded);

#endif
