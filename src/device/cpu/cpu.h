/* Compiling one Program for this process, for tests and benchmarks that call it without a session. */
#ifndef VYRE_DEVICE_CPU_CPU_H
#define VYRE_DEVICE_CPU_CPU_H

#include "codegen/codegen.h"
#include "device/cpu/loader.h"
#include "ir/frame.h"
#include "ir/program.h"

/* `is_unchecked` leaves out bounds checks, fuel and stop: for measuring their cost. The caller destroys the object when
 * nothing runs in it. */
vyre_status_t vyre_cpu_compile(const vyre_program_t *program, bool is_unchecked, vyre_loaded_t **out_object,
                               vyre_entry_t *out_entry);

/* The same with all options; the form is OBJECT. */
vyre_status_t vyre_cpu_compile_as(const vyre_program_t *program, const vyre_codegen_options_t *options,
                                  vyre_loaded_t **out_object, vyre_entry_t *out_entry);

/* runtime.c: what machine code calls by name. */
extern const vyre_loader_symbol_t vyre_cpu_runtime[];
extern const size_t vyre_cpu_runtime_count;

#endif
