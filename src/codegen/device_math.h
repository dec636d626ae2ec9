/* exp, exp2, log, log2, sin, cos and pow for code that no libm is there for: what a build takes from libclc (LLVM's
 * OpenCL C library, https://libclc.llvm.org), as bitcode in this library. */
#ifndef VYRE_CODEGEN_DEVICE_MATH_H
#define VYRE_CODEGEN_DEVICE_MATH_H

#include <llvm-c/Core.h>

#include "base/status.h"

/* Defines what the module declares of vyre_exp_f32 and so on; the rest of the library stays out. */
vyre_status_t vyre_device_math_link(LLVMModuleRef module);

#endif
