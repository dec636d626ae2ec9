/* The functions that machine code calls: libm's, under names that LLVM does not know and so does not fold, and the
 * conversions that the interpreter has, too. */
#include <math.h>

#include "device/cpu/cpu.h"
#include "ir/value.h"

static uint64_t cast(uint32_t from, uint32_t to, uint64_t bits) {
  return vyre_value_cast((vyre_type_t)from, (vyre_type_t)to, bits);
}

#define MATH(name) \
  {"vyre_" #name "_f32", (vyre_loader_fn_t)name##f}, { "vyre_" #name "_f64", (vyre_loader_fn_t)name }

const vyre_loader_symbol_t vyre_cpu_runtime[VYRE_CPU_RUNTIME_COUNT] = {
    MATH(exp),
    MATH(exp2),
    MATH(log),
    MATH(log2),
    MATH(sin),
    MATH(cos),
    {"vyre_pow_f32", (vyre_loader_fn_t)vyre_value_pow_float},
    {"vyre_pow_f64", (vyre_loader_fn_t)vyre_value_pow_double},
    {"vyre_cast", (vyre_loader_fn_t)cast}};
