#include "codegen/lower.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codegen/lower_part.h"

LLVMTypeRef vyre_lower_type(const vyre_lower_t *l, vyre_type_t type) {
  switch (vyre_type_kind(type)) {
    case VYRE_KIND_FLOAT: return type == VYRE_TYPE_F32 ? l->f32 : l->f64;
    case VYRE_KIND_VECTOR: return LLVMVectorType(l->i32, vyre_type_bits(type) / 32);
    default: return LLVMIntTypeInContext(l->context, vyre_type_bits(type));
  }
}

LLVMValueRef vyre_lower_element(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef array, LLVMValueRef index) {
  return LLVMBuildInBoundsGEP2(l->ir, type, array, &index, 1, "");
}

LLVMValueRef vyre_lower_var(vyre_lower_t *l, uint32_t var) {
  if (l->lanes.count == 1 || !l->lanes.is_array[var]) return l->vars[var];
  bool is_subgroup = l->lanes.uniform.vars[var] == VYRE_LEVEL_SUBGROUP;
  LLVMValueRef index = is_subgroup ? l->lanes.subgroup : l->lanes.lane;
  VYRE_ASSERT(index);
  if (l->target->is_group) /* a thread has its own lanes' values, or its warp's subgroups' */
    index = is_subgroup ? vyre_lower_slot_of_subgroup(l, index) : vyre_lower_slot_of_lane(l, index);
  return vyre_lower_element(l, vyre_lower_type(l, l->program->vars[var].type), l->vars[var], index);
}

vyre_counted_t vyre_lower_begin_loop(vyre_lower_t *l, LLVMValueRef from, LLVMValueRef to) {
  vyre_counted_t loop = {.head = vyre_lower_block(l, "counted"), .after = vyre_lower_block(l, "endcounted")};
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), body = vyre_lower_block(l, "count");
  LLVMBuildBr(l->ir, loop.head);
  LLVMPositionBuilderAtEnd(l->ir, loop.head);
  loop.index = LLVMBuildPhi(l->ir, LLVMTypeOf(from), "i");
  LLVMAddIncoming(loop.index, &from, &before, 1);
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, loop.index, to, ""), body, loop.after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  return loop;
}

void vyre_lower_end_loop(vyre_lower_t *l, vyre_counted_t loop) {
  LLVMValueRef next = LLVMBuildNUWAdd(l->ir, loop.index, LLVMConstInt(LLVMTypeOf(loop.index), 1, false), "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMAddIncoming(loop.index, &next, &latch, 1);
  LLVMBuildBr(l->ir, loop.head);
  LLVMPositionBuilderAtEnd(l->ir, loop.after);
}

LLVMValueRef vyre_lower_runtime(vyre_lower_t *l, const char *name, LLVMTypeRef result, LLVMValueRef *arguments,
                                unsigned count) {
  LLVMTypeRef types[4];
  VYRE_ASSERT(count <= sizeof types / sizeof *types);
  for (unsigned i = 0; i < count; i++) types[i] = LLVMTypeOf(arguments[i]);
  LLVMTypeRef type = LLVMFunctionType(result, types, count, false);
  LLVMValueRef function = LLVMGetNamedFunction(l->module, name);
  if (!function) {
    function = LLVMAddFunction(l->module, name, type);
    static const char *const attributes[] = {"nounwind", "willreturn", "nofree", "nosync"};
    for (unsigned i = 0; i < sizeof attributes / sizeof *attributes; i++)
      vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, attributes[i]);
    /* memory(none) */
    unsigned kind = LLVMGetEnumAttributeKindForName("memory", 6);
    LLVMAddAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(l->context, kind, 0));
  }
  return LLVMBuildCall2(l->ir, type, function, arguments, count, "");
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

LLVMValueRef vyre_lower_intrinsic_of(vyre_lower_t *l, const char *name, LLVMTypeRef *overloads, unsigned overload_count,
                                     LLVMValueRef *arguments, unsigned count) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  VYRE_ASSERT(id != 0);
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(l->module, id, overloads, overload_count);
  LLVMTypeRef type = LLVMIntrinsicGetType(l->context, id, overloads, overload_count);
  return LLVMBuildCall2(l->ir, type, function, arguments, count, "");
}

LLVMValueRef vyre_lower_intrinsic(vyre_lower_t *l, const char *name, LLVMTypeRef overload, LLVMValueRef *arguments,
                                  unsigned count) {
  return vyre_lower_intrinsic_of(l, name, &overload, overload ? 1 : 0, arguments, count);
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

static void mark(vyre_lower_t *l, LLVMValueRef seen, LLVMValueRef failed) {
  LLVMValueRef bit = LLVMBuildZExt(l->ir, failed, l->i32, "");
  LLVMBuildStore(l->ir, LLVMBuildOr(l->ir, vyre_lower_load(l, l->i32, seen, ""), bit, ""), seen);
}

static void mark_seen(vyre_lower_t *l, LLVMValueRef failed) {
  mark(l, l->seen, failed);
  l->foreach_can_fault = true;
}

static void store_fault(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node) {
  LLVMBuildStore(l->ir, LLVMConstInt(l->i32, fault, false), l->fault);
  LLVMBuildStore(l->ir, LLVMConstInt(l->i32, node, false), l->node);
}

/* A lane's part in its region is over; `seen` is set. A thread of a group goes to none of its other lanes, which are
 * higher ones. */
static void leave_lane(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node) {
  l->lanes.can_fault = true;
  if (l->is_group) {
    store_fault(l, fault, node);
    LLVMBuildStore(l->ir, l->lanes.lane, l->lanes.lowest);
    LLVMBuildBr(l->ir, l->lanes.end);
    return;
  }
  LLVMValueRef code = vyre_lower_i64(l, (uint64_t)fault << 32 | node);
  LLVMBuildStore(l->ir, code, vyre_lower_element(l, l->i64, l->lanes.codes, l->lanes.lane));
  LLVMBuildBr(l->ir, l->lanes.end);
}

/* All lanes of the subgroup faulted, the first of them is the lowest; the subgroups behind it do not count. */
static void leave_subgroup(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node) {
  store_fault(l, fault, node);
  LLVMValueRef first = LLVMBuildMul(l->ir, l->lanes.subgroup, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  LLVMBuildStore(l->ir, first, l->lanes.limit);
  LLVMBuildBr(l->ir, l->lanes.leave);
}

void vyre_lower_fault(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node) {
  if (l->mode == VYRE_MODE_FAST) {
    mark_seen(l, LLVMConstInt(l->i1, 1, false));
    LLVMBuildBr(l->ir, l->iteration_end);
  } else if (l->mode == VYRE_MODE_NOTED) {
    mark_seen(l, LLVMConstInt(l->i1, 1, false));
    store_fault(l, fault, node);
    LLVMBuildStore(l->ir, l->foreach_index, l->iteration);
    LLVMBuildBr(l->ir, l->iteration_end);
  } else if (l->mode == VYRE_MODE_LANE) {
    mark(l, l->lanes.seen, LLVMConstInt(l->i1, 1, false));
    leave_lane(l, fault, node);
  } else if (l->mode == VYRE_MODE_SUBGROUP) {
    leave_subgroup(l, fault, node);
  } else {
    store_fault(l, fault, node);
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
  if (l->mode == VYRE_MODE_LANE) { /* noted outside of the branch, which lets the region be a vector loop */
    mark(l, l->lanes.seen, failed);
    LLVMBuildCondBr(l->ir, failed, bad, good);
    LLVMPositionBuilderAtEnd(l->ir, bad);
    leave_lane(l, fault, node);
    LLVMPositionBuilderAtEnd(l->ir, good);
    return;
  }
  LLVMBuildCondBr(l->ir, failed, bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  vyre_lower_fault(l, fault, node);
  LLVMBuildUnreachable(l->ir);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

LLVMValueRef vyre_lower_opaque(vyre_lower_t *l, LLVMValueRef value) {
  static char constraints[] = "=r,0";
  LLVMTypeRef type = LLVMTypeOf(value), function = LLVMFunctionType(type, &type, 1, false);
  LLVMValueRef code = LLVMGetInlineAsm(function, "", 0, constraints, sizeof constraints - 1, false, false,
                                       LLVMInlineAsmDialectATT, false);
  return LLVMBuildCall2(l->ir, function, code, &value, 1, "");
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
  for (uint32_t i = 0; i < p->param_count; i++) {
    if (p->params[i].role != VYRE_ROLE_STREAM || !vyre_param_has_halo(&p->params[i])) continue;
    LLVMValueRef size = LLVMConstInt(l->i32, vyre_type_bytes(p->params[i].type), false);
    l->halo_left = LLVMBuildZExt(l->ir, LLVMBuildUDiv(l->ir, FIELD(l->i32, halo_left), size, ""), l->i64, "halo_left");
    l->halo_right =
        LLVMBuildZExt(l->ir, LLVMBuildUDiv(l->ir, FIELD(l->i32, halo_right), size, ""), l->i64, "halo_right");
  }
  if (!l->halo_left) l->halo_left = l->halo_right = vyre_lower_i64(l, 0);
  l->fuel = vyre_lower_alloca(l, l->i64, "fuel");
  LLVMBuildStore(l->ir, FIELD(l->i64, fuel), l->fuel);
#undef FIELD
  l->fault = vyre_lower_alloca(l, l->i32, "fault");
  l->node = vyre_lower_alloca(l, l->i32, "node");
  l->iteration = vyre_lower_alloca(l, l->i64, "iteration");
  l->seen = vyre_lower_alloca(l, l->i32, "seen");
  if (l->target->is_group) {
    l->thread = LLVMBuildZExt(l->ir, l->target->thread(l), l->i64, "thread");
    l->warp_lane = LLVMBuildAnd(l->ir, l->thread, vyre_lower_i64(l, VYRE_WARP_THREADS - 1), "warp_lane");
    /* A constant lets LLVM count the turns of a loop that is shared out, and so unroll it. */
    l->threads = l->group_threads ? vyre_lower_i64(l, l->group_threads)
                                  : LLVMBuildZExt(l->ir, l->target->threads(l), l->i64, "threads");
  }
}

/* What the frame gets back is written once: the first thread of a group goes on, the others return. */
static void begin_leader(vyre_lower_t *l) {
  if (!l->target->is_group) return;
  LLVMBasicBlockRef leader = vyre_lower_block(l, "leader"), other = vyre_lower_block(l, "not_leader");
  LLVMBuildCondBr(l->ir, vyre_lower_is_first(l), leader, other);
  LLVMPositionBuilderAtEnd(l->ir, other);
  LLVMBuildRetVoid(l->ir);
  LLVMPositionBuilderAtEnd(l->ir, leader);
}

static void store_good(vyre_lower_t *l) {
  begin_leader(l);
  store_field(l, offsetof(vyre_frame_t, fault), LLVMConstInt(l->i32, VYRE_FAULT_NONE, false));
  store_field(l, offsetof(vyre_frame_t, fault_node), LLVMConstInt(l->i32, 0, false));
  store_field(l, offsetof(vyre_frame_t, fault_iteration), vyre_lower_i64(l, 0));
  LLVMBuildRetVoid(l->ir);
}

/* Too many records are found out at the end, whoever appended them. */
static void check_records(vyre_lower_t *l) {
  LLVMValueRef is_over = vyre_lower_count_records(l);
  if (!is_over) return;
  LLVMBasicBlockRef bad = vyre_lower_block(l, "records"), good = vyre_lower_block(l, "");
  LLVMBuildCondBr(l->ir, is_over, bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  store_fault(l, VYRE_FAULT_RECORDS, 0);
  LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), l->iteration);
  LLVMBuildBr(l->ir, l->exit);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

static void build_done(vyre_lower_t *l) {
  LLVMPositionBuilderAtEnd(l->ir, l->done);
  if (l->lanes.count > 1) vyre_lower_meet(l);
  check_records(l);
  vyre_lower_flush_outputs(l);
  store_good(l);
}

/* `finish` is another body, chosen by a flag of the frame: one lane, over the output block. */
static void build_finish(vyre_lower_t *l) {
  if (!l->program->has_finish) return;
  LLVMBasicBlockRef finish = vyre_lower_block(l, "finish"), body = vyre_lower_block(l, "not_finish");
  LLVMValueRef flags = vyre_lower_frame_field(l, l->frame, l->i32, offsetof(vyre_frame_t, flags), "flags");
  LLVMValueRef bit = LLVMBuildAnd(l->ir, flags, LLVMConstInt(l->i32, VYRE_FRAME_FINISH, false), "");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntNE, bit, LLVMConstInt(l->i32, 0, false), ""), finish, body);
  LLVMPositionBuilderAtEnd(l->ir, finish);
  begin_leader(l);
  l->is_group = false;
  LLVMBasicBlockRef done = l->done;
  uint32_t lanes = l->lanes.count;
  l->lanes.count = 1;
  l->done = vyre_lower_block(l, "finish_done");
  vyre_lower_stmts(l, l->program->finish);
  vyre_lower_continue_in(l, l->done);
  store_good(l);
  l->done = done;
  l->is_group = l->target->is_group;
  l->lanes.count = lanes;
  LLVMPositionBuilderAtEnd(l->ir, body);
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

/* void NAME(frame, ...): reads the pointers and calls the body, where they are noalias. The entry of a host's object
 * has a second parameter, the context; a group's launch calls this for each of its frames, see kernel.c. */
static LLVMValueRef build_entry(vyre_lower_t *l, const char *name) {
  enum { FRAME, DATA, SCRATCH, OUTPUT, COUNT };
  LLVMTypeRef pointers[COUNT] = {l->ptr, l->ptr, l->ptr, l->ptr};
  LLVMTypeRef entry_type = LLVMFunctionType(l->void_, pointers, l->target->is_gpu ? 1 : 2, false);
  LLVMTypeRef body_type = LLVMFunctionType(l->void_, pointers, COUNT, false);
  LLVMValueRef entry = LLVMAddFunction(l->module, name, entry_type);
  LLVMValueRef body = LLVMAddFunction(l->module, VYRE_LOWER_BODY, body_type);
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

/* What no thread has set is then seen to be used. */
static void fill_with_garbage(vyre_lower_t *l, uint32_t var) {
  LLVMTypeRef type = vyre_lower_type(l, l->program->vars[var].type);
  LLVMTypeRef bits = LLVMIntTypeInContext(l->context, vyre_type_bits(l->program->vars[var].type));
  LLVMValueRef value = LLVMBuildMul(l->ir, l->thread, vyre_lower_i64(l, UINT64_C(0x9E3779B97F4A7C15)), "");
  value = LLVMBuildIntCast2(l->ir, LLVMBuildLShr(l->ir, value, vyre_lower_i64(l, 20), ""), bits, false, "");
  LLVMBuildStore(l->ir, LLVMBuildBitCast(l->ir, value, type, ""), l->vars[var]);
}

static bool build_body(vyre_lower_t *l, const char *name) {
  const vyre_program_t *p = l->program;
  l->function = build_entry(l, name);
  l->entry = vyre_lower_block(l, "entry");
  l->exit = vyre_lower_block(l, "exit");
  l->done = vyre_lower_block(l, "done");
  LLVMPositionBuilderAtEnd(l->ir, l->entry);
  load_frame(l);
  for (uint32_t i = 1; i < p->var_count; i++) {
    LLVMTypeRef type = vyre_lower_type(l, p->vars[i].type);
    bool is_array = l->lanes.count > 1 && l->lanes.is_array[i];
    uint64_t count = l->target->is_group ? vyre_lower_lane_slots(l) : l->lanes.count;
    l->vars[i] = vyre_lower_alloca(l, is_array ? LLVMArrayType2(type, count) : type, p->vars[i].name);
    if (l->target->has_garbage && !is_array) fill_with_garbage(l, i);
  }
  vyre_lower_bind(l);
  if (l->parts) vyre_lower_begin_parts(l);
  build_finish(l);
  if (!vyre_lower_clear_outputs(l)) return false;
  if (l->lanes.count > 1) vyre_lower_begin_lanes(l);
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
  l->i16 = LLVMInt16TypeInContext(l->context);
  l->i32 = LLVMInt32TypeInContext(l->context);
  l->f32 = LLVMFloatTypeInContext(l->context);
  l->f64 = LLVMDoubleTypeInContext(l->context);
  l->i64 = LLVMInt64TypeInContext(l->context);
  l->ptr = LLVMPointerTypeInContext(l->context, 0);
  l->void_ = LLVMVoidTypeInContext(l->context);
}

LLVMValueRef vyre_lower_program(const vyre_program_t *program, const vyre_target_t *target,
                                const vyre_lower_options_t *options, LLVMModuleRef module, const char *name) {
  VYRE_ASSERT(program->is_validated);
  vyre_lower_t *l = vyre_calloc(1, sizeof *l);
  if (!l) return NULL;
  l->program = program;
  l->target = target;
  l->is_group = target->is_group;
  if (target->is_group) vyre_lower_plan_shared(program, &l->shared);
  l->is_checked = options->is_checked;
  l->is_bounded = options->is_checked && !program->is_privileged;
  l->group_threads = options->threads;
  l->part = options->part;
  vyre_program_layout(program, &l->layout);
  l->vars = vyre_calloc(program->var_count, sizeof *l->vars);
  l->definitions = vyre_calloc(program->var_count, sizeof *l->definitions);
  l->ranges = vyre_calloc(program->var_count, sizeof *l->ranges);
  l->masks = vyre_calloc(program->var_count, sizeof *l->masks);
  bool is_whole = l->vars && l->definitions && l->ranges && l->masks;
  if (program->is_privileged && !target->is_gpu) {
    l->cold_uses = vyre_calloc(program->var_count, sizeof *l->cold_uses);
    l->cold_vars = vyre_calloc(program->var_count, sizeof *l->cold_vars);
    is_whole = is_whole && l->cold_uses && l->cold_vars;
  }
  if (is_whole) {
    find_definitions(l);
    is_whole = vyre_lower_init_lanes(l);
  }
  if (is_whole && !program->is_privileged && !target->is_gpu && !target->is_group)
    is_whole = vyre_lower_weigh(l, options->large_nodes);
  if (is_whole) {
    vyre_lower_types(l, module);
    l->ir = LLVMCreateBuilderInContext(l->context);
    is_whole = build_body(l, name);
    LLVMDisposeBuilder(l->ir);
  }
  vyre_lower_free_parts(l);
  LLVMValueRef function = is_whole ? l->entry_function : NULL;
  vyre_lower_deinit_lanes(l);
  vyre_lower_free_float_sums(l);
  vyre_free(l->vars);
  vyre_free(l->definitions);
  vyre_free(l->ranges);
  vyre_free(l->masks);
  vyre_free(l->cold_uses);
  vyre_free(l->cold_vars);
  vyre_free(l);
  return function;
}
