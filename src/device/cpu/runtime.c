/* The functions that machine code calls: libm's, under names that LLVM does not know and so does not fold, and the
 * conversions that the interpreter has, too. */
#include <math.h>

#include "device/cpu/cpu.h"
#include "ir/value.h"

#ifdef VYRE_JIT_TSAN
#include <string.h>
/* Only their addresses are used. */
#define VYRE_TSAN(name) void name(void);
#include "device/cpu/tsan.def"
#undef VYRE_TSAN
#endif

static uint64_t cast(uint32_t from, uint32_t to, uint64_t bits) {
  return vyre_value_cast((vyre_type_t)from, (vyre_type_t)to, bits);
}

#define MATH(name) \
  {"vyre_" #name "_f32", (vyre_loader_fn_t)name##f}, { "vyre_" #name "_f64", (vyre_loader_fn_t)name }

const vyre_loader_symbol_t vyre_cpu_runtime[] = {
    MATH(exp),
    MATH(exp2),
    MATH(log),
    MATH(log2),
    MATH(sin),
    MATH(cos),
    {"vyre_pow_f32", (vyre_loader_fn_t)vyre_value_pow_float},
    {"vyre_pow_f64", (vyre_loader_fn_t)vyre_value_pow_double},
    {"vyre_cast", (vyre_loader_fn_t)cast},
#ifdef VYRE_JIT_TSAN
#define VYRE_TSAN(name) {#name, (vyre_loader_fn_t)name},
#include "device/cpu/tsan.def"
#undef VYRE_TSAN
    /* LLVM 19 has names of its own for what libc's functions are in such a process; clang 14's run time lacks them. */
    {"__tsan_memcpy", (vyre_loader_fn_t)memcpy},
    {"__tsan_memmove", (vyre_loader_fn_t)memmove},
    {"__tsan_memset", (vyre_loader_fn_t)memset},
#endif
};
const size_t vyre_cpu_runtime_count = sizeof vyre_cpu_runtime / sizeof *vyre_cpu_runtime;
