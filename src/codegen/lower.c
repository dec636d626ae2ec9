#include "codegen/lower.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codegen/lower_part.h"

LLVMTypeRef vyre_lower_type(const vyre_lower_t *l, vyre_type_t type) {
  return LLVMIntTypeInContext(l->context, vyre_type_bits(type));
}

LLVMValueRef vyre_lower_i64(const vyre_lower_t *l, uint64_t value) { return LLVMConstInt(l->i64, value, false); }

LLVMBasicBlockRef vyre_lower_block(vyre_lower_t *l, const char *name) {
  return LLVMAppendBasicBlockInContext(l->context, l->function, name);
}

void vyre_lower_continue_in(vyre_lower_t *l, LLVMBasicBlockRef block) {
  LLVMBasicBlockRef current = LLVMGetInsertBlock(l->ir);
  if (!LLVMGetBasicBlockTerminator(current)) LLVMBuildBr(l->ir, block);
  LLVMPositionBuilderAtEnd(l->ir, block);
}

LLVMValueRef vyre_lower_alloca(vyre_lower_t *l, LLVMTypeRef type, const char *name) {
  LLVMBuilderRef ir = LLVMCreateBuilderInContext(l->context);
  LLVMValueRef first = LLVMGetFirstInstruction(l->entry);
  if (first)
    LLVMPositionBuilderBefore(ir, first);
  else
    LLVMPositionBuilderAtEnd(ir, l->entry);
  LLVMValueRef slot = LLVMBuildAlloca(ir, type, name);
  LLVMDisposeBuilder(ir);
  return slot;
}

LLVMValueRef vyre_lower_load(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef pointer, const char *name) {
  return LLVMBuildLoad2(l->ir, type, pointer, name);
}

LLVMValueRef vyre_lower_intrinsic(vyre_lower_t *l, const char *name, LLVMTypeRef overload, LLVMValueRef *arguments,
                                  unsigned count) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  VYRE_ASSERT(id != 0);
  unsigned overloads = overload ? 1 : 0;
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(l->module, id, &overload, overloads);
  LLVMTypeRef type = LLVMIntrinsicGetType(l->context, id, &overload, overloads);
  return LLVMBuildCall2(l->ir, type, function, arguments, count, "");
}

LLVMValueRef vyre_lower_byte_offset(vyre_lower_t *l, LLVMValueRef pointer, uint64_t offset) {
  LLVMValueRef index = vyre_lower_i64(l, offset);
  return offset ? LLVMBuildInBoundsGEP2(l->ir, l->i8, pointer, &index, 1, "") : pointer;
}

LLVMValueRef vyre_lower_frame_field(vyre_lower_t *l, LLVMValueRef frame, LLVMTypeRef type, uint64_t offset,
                                    const char *name) {
  return vyre_lower_load(l, type, vyre_lower_byte_offset(l, frame, offset), name);
}

static void store_field(vyre_lower_t *l, uint64_t offset, LLVMValueRef value) {
  LLVMBuildStore(l->ir, value, vyre_lower_byte_offset(l, l->frame, offset));
}

void vyre_lower_add_attribute(LLVMValueRef function, unsigned index, const char *name) {
  LLVMContextRef context = LLVMGetModuleContext(LLVMGetGlobalParent(function));
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(function, index, LLVMCreateEnumAttribute(context, kind, 0));
}

/* ---- faults ---- */

static void mark_seen(vyre_lower_t *l, LLVMValueRef failed) {
  LLVMValueRef bit = LLVMBuildZExt(l->ir, failed, l->i32, "");
  LLVMBuildStore(l->ir, LLVMBuildOr(l->ir, vyre_lower_load(l, l->i32, l->seen, ""), bit, ""), l->seen);
  l->foreach_can_fault = true;
}

void vyre_lower_fault(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node) {
  if (l->mode == VYRE_MODE_FAST) {
    mark_seen(l, LLVMConstInt(l->i1, 1, false));
    LLVMBuildBr(l->ir, l->iteration_end);
  } else {
    LLVMBuildStore(l->ir, LLVMConstInt(l->i32, fault, false), l->fault);
    LLVMBuildStore(l->ir, LLVMConstInt(l->i32, node, false), l->node);
    LLVMBuildStore(l->ir, l->foreach_index ? l->foreach_index : vyre_lower_i64(l, 0), l->iteration);
    LLVMBuildBr(l->ir, l->exit);
  }
  LLVMPositionBuilderAtEnd(l->ir, vyre_lower_block(l, "after_fault"));
}

void vyre_lower_check(vyre_lower_t *l, LLVMValueRef failed, vyre_fault_t fault, vyre_node_t node) {
  if (!l->is_checked) return;
  /* Out of range and division go on with 0; what bounds time cannot. */
  if (l->mode == VYRE_MODE_FAST && fault != VYRE_FAULT_FUEL && fault != VYRE_FAULT_CANCELLED) {
    mark_seen(l, failed);
    return;
  }
  LLVMBasicBlockRef bad = vyre_lower_block(l, "fault"), good = vyre_lower_block(l, "");
  LLVMBuildCondBr(l->ir, failed, bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  vyre_lower_fault(l, fault, node);
  LLVMBuildUnreachable(l->ir);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* ---- the frame's view, the exits ---- */

static void load_frame(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
#define FIELD(type, name) vyre_lower_frame_field(l, l->frame, type, offsetof(vyre_frame_t, name), #name)
  l->stop = FIELD(l->ptr, stop);
  l->stream_offset = FIELD(l->i64, stream_offset);
  LLVMValueRef flags = FIELD(l->i32, flags);
  l->is_last = LLVMBuildTrunc(l->ir, flags, l->i1, "is_last");
  LLVMValueRef bytes = FIELD(l->i64, data_bytes);
  l->data_elements = bytes;
  for (uint32_t i = 0; i < p->param_count; i++)
    if (p->params[i].role == VYRE_ROLE_STREAM && vyre_type_bytes(p->params[i].type) > 1)
      l->data_elements = LLVMBuildUDiv(l->ir, bytes, vyre_lower_i64(l, vyre_type_bytes(p->params[i].type)), "elements");
  l->fuel = vyre_lower_alloca(l, l->i64, "fuel");
  LLVMBuildStore(l->ir, FIELD(l->i64, fuel), l->fuel);
#undef FIELD
  l->fault = vyre_lower_alloca(l, l->i32, "fault");
  l->node = vyre_lower_alloca(l, l->i32, "node");
  l->iteration = vyre_lower_alloca(l, l->i64, "iteration");
  l->seen = vyre_lower_alloca(l, l->i32, "seen");
  if (l->target->is_group) {
    l->thread = LLVMBuildZExt(l->ir, l->target->thread(l), l->i64, "thread");
    /* A constant lets LLVM count the turns of a loop that is shared out, and so unroll it. */
    l->threads = l->group_threads ? vyre_lower_i64(l, l->group_threads)
                                  : LLVMBuildZExt(l->ir, l->target->threads(l), l->i64, "threads");
  }
}

/* What the frame gets back is written once: the first thread of a group goes on, the others return. */
static void begin_leader(vyre_lower_t *l) {
  if (!l->target->is_group) return;
  LLVMBasicBlockRef leader = vyre_lower_block(l, "leader"), other = vyre_lower_block(l, "not_leader");
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, l->thread, vyre_lower_i64(l, 0), "");
  LLVMBuildCondBr(l->ir, is_first, leader, other);
  LLVMPositionBuilderAtEnd(l->ir, other);
  LLVMBuildRetVoid(l->ir);
  LLVMPositionBuilderAtEnd(l->ir, leader);
}

static void build_done(vyre_lower_t *l) {
  LLVMPositionBuilderAtEnd(l->ir, l->done);
  vyre_lower_flush_outputs(l);
  begin_leader(l);
  store_field(l, offsetof(vyre_frame_t, fault), LLVMConstInt(l->i32, VYRE_FAULT_NONE, false));
  store_field(l, offsetof(vyre_frame_t, fault_node), LLVMConstInt(l->i32, 0, false));
  store_field(l, offsetof(vyre_frame_t, fault_iteration), vyre_lower_i64(l, 0));
  LLVMBuildRetVoid(l->ir);
}

static void build_exit(vyre_lower_t *l) {
  LLVMPositionBuilderAtEnd(l->ir, l->exit);
  begin_leader(l);
  store_field(l, offsetof(vyre_frame_t, fault), vyre_lower_load(l, l->i32, l->fault, ""));
  store_field(l, offsetof(vyre_frame_t, fault_node), vyre_lower_load(l, l->i32, l->node, ""));
  store_field(l, offsetof(vyre_frame_t, fault_iteration), vyre_lower_load(l, l->i64, l->iteration, ""));
  LLVMBuildRetVoid(l->ir);
}

/* ---- the function ---- */

/* void NAME(frame, ...): reads the pointers and calls the body, where they are noalias. The entry of a host's object has a
 * second parameter, the context; a group's launch calls this for each of its frames, see kernel.c. */
static LLVMValueRef build_entry(vyre_lower_t *l, const char *name) {
  enum { FRAME, DATA, SCRATCH, OUTPUT, COUNT };
  LLVMTypeRef pointers[COUNT] = {l->ptr, l->ptr, l->ptr, l->ptr};
  LLVMTypeRef entry_type = LLVMFunctionType(l->void_, pointers, l->target->is_gpu ? 1 : 2, false);
  LLVMTypeRef body_type = LLVMFunctionType(l->void_, pointers, COUNT, false);
  LLVMValueRef entry = LLVMAddFunction(l->module, name, entry_type);
  LLVMValueRef body = LLVMAddFunction(l->module, "body", body_type);
  LLVMSetLinkage(body, LLVMInternalLinkage);
  if (l->target->is_gpu) LLVMSetLinkage(entry, LLVMInternalLinkage);
  /* The threads of a group change each other's scratch and outputs. */
  if (!l->program->is_privileged)
    for (unsigned i = 0; i < COUNT; i++)
      if (!l->target->is_group || i == FRAME || i == DATA) vyre_lower_add_attribute(body, 1 + i, "noalias");
  for (unsigned i = 0; i < 2; i++) {
    LLVMValueRef function = i ? body : entry;
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
    /* Barriers and votes inside: calls stay where they are. */
    if (l->target->is_gpu) vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "convergent");
  }
  LLVMPositionBuilderAtEnd(l->ir, LLVMAppendBasicBlockInContext(l->context, entry, ""));
  LLVMValueRef frame = LLVMGetParam(entry, 0);
  LLVMValueRef arguments[COUNT] = {
      frame,
      vyre_lower_frame_field(l, frame, l->ptr, offsetof(vyre_frame_t, data), "data"),
      vyre_lower_frame_field(l, frame, l->ptr, offsetof(vyre_frame_t, scratch), "scratch"),
      vyre_lower_frame_field(l, frame, l->ptr, offsetof(vyre_frame_t, output), "output"),
  };
  LLVMBuildCall2(l->ir, body_type, body, arguments, COUNT, "");
  LLVMBuildRetVoid(l->ir);
  l->frame = LLVMGetParam(body, FRAME);
  l->data = LLVMGetParam(body, DATA);
  l->scratch = LLVMGetParam(body, SCRATCH);
  l->output = LLVMGetParam(body, OUTPUT);
  l->entry_function = entry;
  return body;
}

static void find_definitions(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
  for (uint32_t i = 1; i < p->stmt_count; i++) {
    const vyre_stmt_t *s = &p->stmts[i];
    if (s->op == VYRE_STMT_LET && !p->vars[s->var].is_mutable) l->definitions[s->var] = &p->exprs[s->arg[0]];
    if (s->op == VYRE_STMT_FOR || s->op == VYRE_STMT_FOREACH) l->ranges[s->var] = s;
  }
}

static bool build_body(vyre_lower_t *l, const char *name) {
  const vyre_program_t *p = l->program;
  l->function = build_entry(l, name);
  l->entry = vyre_lower_block(l, "entry");
  l->exit = vyre_lower_block(l, "exit");
  l->done = vyre_lower_block(l, "done");
  LLVMPositionBuilderAtEnd(l->ir, l->entry);
  load_frame(l);
  vyre_lower_clear_outputs(l);
  for (uint32_t i = 1; i < p->var_count; i++)
    l->vars[i] = vyre_lower_alloca(l, vyre_lower_type(l, p->vars[i].type), p->vars[i].name);
  if (l->is_large && !vyre_lower_begin_parts(l)) return false;
  vyre_lower_stmts(l, p->body);
  if (!LLVMGetBasicBlockTerminator(LLVMGetInsertBlock(l->ir))) LLVMBuildBr(l->ir, l->done);
  build_done(l);
  build_exit(l);
  return !l->parts || vyre_lower_end_parts(l);
}

void vyre_lower_types(vyre_lower_t *l, LLVMModuleRef module) {
  l->context = LLVMGetModuleContext(module);
  l->module = module;
  l->i1 = LLVMInt1TypeInContext(l->context);
  l->i8 = LLVMInt8TypeInContext(l->context);
  l->i32 = LLVMInt32TypeInContext(l->context);
  l->i64 = LLVMInt64TypeInContext(l->context);
  l->ptr = LLVMPointerTypeInContext(l->context, 0);
  l->void_ = LLVMVoidTypeInContext(l->context);
}

/* From here on default<O2> takes more than 2 s for some shapes of Programs. */
enum { LARGE_NODES = 500 };

bool vyre_lower_is_large(const vyre_program_t *program) {
  return !program->is_privileged && program->expr_count + program->stmt_count > LARGE_NODES;
}

LLVMValueRef vyre_lower_program(const vyre_program_t *program, const vyre_target_t *target,
                                const vyre_lower_options_t *options, LLVMModuleRef module, const char *name) {
  VYRE_ASSERT(program->is_validated);
  vyre_lower_t *l = vyre_calloc(1, sizeof *l);
  if (!l) return NULL;
  LLVMValueRef function = NULL;
  l->program = program;
  l->target = target;
  l->is_checked = options->is_checked;
  l->is_bounded = options->is_checked && !program->is_privileged;
  l->group_threads = options->threads;
  l->is_large = vyre_lower_is_large(program) && !target->is_gpu;
  vyre_program_layout(program, &l->layout);
  l->vars = vyre_calloc(program->var_count, sizeof *l->vars);
  l->definitions = vyre_calloc(program->var_count, sizeof *l->definitions);
  l->ranges = vyre_calloc(program->var_count, sizeof *l->ranges);
  l->masks = vyre_calloc(program->var_count, sizeof *l->masks);
  if (l->vars && l->definitions && l->ranges && l->masks) {
    vyre_lower_types(l, module);
    l->ir = LLVMCreateBuilderInContext(l->context);
    find_definitions(l);
    bool is_good = build_body(l, name);
    LLVMDisposeBuilder(l->ir);
    if (is_good) function = l->entry_function;
  }
  vyre_free(l->vars);
  vyre_free(l->definitions);
  vyre_free(l->ranges);
  vyre_free(l->masks);
  vyre_free(l);
  return function;
}
