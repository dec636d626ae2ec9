/* Compiling a Program. The compiler is a library of its own, libvyre-codegen, which brings libLLVM along; it is loaded
 * when something is compiled for the first time and stays loaded.
 *
 * Threads: any function from any thread; each compilation is independent of the others.
 * Errors:  VYRE_E_COMPILER_MISSING when the library cannot be loaded, VYRE_E_COMPILER when LLVM refuses. */
#ifndef VYRE_CODEGEN_CODEGEN_H
#define VYRE_CODEGEN_CODEGEN_H

#include "base/status.h"
#include "ir/program.h"

/* The name of a compiled Program's entry in its object: a vyre_entry_fn. In PTX it is a kernel with two parameters,
 * both 64 bits: the address of block 0's frame, and how many bytes further the next block's is. */
#define VYRE_CODEGEN_SYMBOL "vyre_entry"

/* Expressions and statements together. A Program of more is compiled in time that is in proportion to them, at the cost
 * of speed (codegen/lower_part.h); from here on the full way takes over a second for some shapes of Programs. */
enum { VYRE_LARGE_NODES = 500 };

/* What is not lowered for GPUs yet. */
enum { VYRE_CODEGEN_GPU_LACKS = 0 };

typedef enum vyre_codegen_form {
  VYRE_CODEGEN_LLVM,     /* text, as lowered */
  VYRE_CODEGEN_LLVM_OPT, /* text, optimized */
  VYRE_CODEGEN_ASSEMBLY, /* text */
  VYRE_CODEGEN_OBJECT,   /* ELF relocatable */
} vyre_codegen_form_t;

/* The megakernel's loop for a host, when it is not fused, may be compiled as two objects at once: one calls the
 * functions VYRE_CODEGEN_COLD_SYMBOL, counted from 0 on, that the other has. They are the blocks of the loop that it
 * seldom runs. */
typedef enum vyre_codegen_part {
  VYRE_CODEGEN_WHOLE,
  VYRE_CODEGEN_HOT,
  VYRE_CODEGEN_COLD,
} vyre_codegen_part_t;
#define VYRE_CODEGEN_COLD_SYMBOL "vyre_cold_%u"
enum { VYRE_CODEGEN_COLD_MAX = 16 };

typedef struct vyre_codegen_options {
  vyre_codegen_form_t form;
  vyre_codegen_part_t part;
  const char *gpu; /* NULL: this process's CPU; else sm_80 or sm_90, and ASSEMBLY is PTX */
  /* Of a privileged Program: what it calls, by index, becomes part of the same code. NULL: nothing is called on a GPU,
   * and on a host what the hooks name. */
  const vyre_program_t *const *handlers;
  uint32_t handler_count;
  uint32_t threads; /* of a block, for a GPU: exactly as many are launched; 0: any number, known then */
  uint32_t
      large_nodes; /* (VYRE_LARGE_NODES) tests choose fewer, so that small Programs are compiled as large ones are */
  bool is_emulated_group; /* for tests: code for this CPU that a group of threads executes, see target_emulated.c */
  bool is_unchecked; /* leaves out bounds checks, fuel and looks at the stop word: for measuring what they cost, only */
} vyre_codegen_options_t;

/* What libvyre-codegen exports, as one table, under VYRE_CODEGEN_TABLE_SYMBOL. */
typedef struct vyre_codegen_table {
  uint32_t abi;                             /* VYRE_CODEGEN_ABI */
  const char *(*version)(void);             /* "LLVM 19.1.7" */
  vyre_status_t (*target)(char **out_text); /* "x86_64 znver4"; free with vyre_free */
  vyre_status_t (*compile)(const vyre_program_t *program, const vyre_codegen_options_t *options, char **out_bytes,
                           size_t *out_size); /* free with vyre_free; text has a final NUL beyond its size */
} vyre_codegen_table_t;
#define VYRE_CODEGEN_ABI 7u
#define VYRE_CODEGEN_TABLE_SYMBOL "vyre_codegen_table"

/* Loads the library on the first call. The table lives as long as the process. */
vyre_status_t vyre_codegen_load(const vyre_codegen_table_t **out_table);

#endif
