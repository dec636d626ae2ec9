/* Sums of floats: a tree over the positions of the stream, so that the same bits come out whatever the chunks
 * (docs/language.md, "Reducers"). Within a block of 4096 positions an addition goes to one of 32 partial sums; the
 * blocks of an execution of a foreach are the leaves of a binary tree, whose open left halves wait in an array by their
 * height, as in a binary counter. */
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codegen/lower.h"
#include "codegen/lower_part.h"

enum { BLOCK_POSITIONS = VYRE_FLOAT_BLOCK_POSITIONS, PARTIALS = 32, HEIGHTS = 64 };

typedef struct vyre_float_sum {
  LLVMTypeRef type;
  LLVMValueRef sum;      /* alloca: of the trees so far */
  LLVMValueRef partials; /* alloca [32]; of a group's thread the first one is its own */
  LLVMValueRef waiting;  /* alloca [64]: nodes without their right half, by height */
  LLVMValueRef heights;  /* alloca i64: which of them there are */
} vyre_float_sum_t;

bool vyre_lower_is_float_sum(const vyre_param_t *param) {
  return param->role == VYRE_ROLE_OUTPUT && param->reducer == VYRE_REDUCER_SUM && vyre_type_is_float(param->type);
}

static LLVMValueRef minus_zero(const vyre_float_sum_t *f) { return LLVMConstReal(f->type, -0.0); }

bool vyre_lower_clear_float_sum(vyre_lower_t *l, uint32_t param) {
  vyre_float_sum_t *f = vyre_calloc(1, sizeof *f);
  if (!f) return false;
  l->float_sums[param] = f;
  f->type = vyre_lower_type(l, l->program->params[param].type);
  f->sum = vyre_lower_alloca(l, f->type, "float_sum");
  f->partials = vyre_lower_alloca(l, LLVMArrayType2(f->type, PARTIALS), "partials");
  f->waiting = vyre_lower_alloca(l, LLVMArrayType2(f->type, HEIGHTS), "waiting");
  f->heights = vyre_lower_alloca(l, l->i64, "heights");
  LLVMBuildStore(l->ir, minus_zero(f), f->sum);
  return true;
}

void vyre_lower_free_float_sums(vyre_lower_t *l) {
  for (uint32_t i = 0; i < VYRE_LIMIT_PARAMS; i++) vyre_free(l->float_sums[i]);
}

bool vyre_lower_has_float_sum(const vyre_lower_t *l, uint32_t body) {
  for (uint32_t id = body; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    if (s->op == VYRE_STMT_REDUCE && vyre_lower_is_float_sum(&l->program->params[s->param])) return true;
    if (vyre_lower_has_float_sum(l, s->body) || vyre_lower_has_float_sum(l, s->orelse)) return true;
  }
  return false;
}

/* Position of data[0] in elements. */
static LLVMValueRef first_position(vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (l->program->params[i].role == VYRE_ROLE_STREAM)
      return LLVMBuildUDiv(l->ir, l->stream_offset, vyre_lower_i64(l, vyre_type_bytes(l->program->params[i].type)),
                           "position");
  VYRE_UNREACHABLE();
}

LLVMValueRef vyre_lower_block_end(vyre_lower_t *l, LLVMValueRef from, LLVMValueRef to) {
  LLVMValueRef position = LLVMBuildAdd(l->ir, first_position(l), from, "");
  LLVMValueRef in_block = LLVMBuildAnd(l->ir, position, vyre_lower_i64(l, BLOCK_POSITIONS - 1), "");
  LLVMValueRef left = LLVMBuildSub(l->ir, vyre_lower_i64(l, BLOCK_POSITIONS), in_block, "");
  LLVMValueRef end = LLVMBuildAdd(l->ir, from, left, "");
  return vyre_lower_intrinsic(l, "llvm.umin", l->i64, (LLVMValueRef[]){to, end}, 2);
}

/* What is done for a sum around its blocks: built where the builder is, with the block's index. In a large Program it
 * stands once, in a function that all of its foreach call. */
typedef void step_t(vyre_lower_t *l, const vyre_float_sum_t *f, LLVMValueRef index);

enum { SUM, WAITING, PARTIAL_SUMS, OPEN_HEIGHTS, INDEX, STEP_ARGUMENTS };

static LLVMValueRef define_step(vyre_lower_t *l, const vyre_float_sum_t *f, const char *name, LLVMTypeRef type,
                                step_t *build) {
  LLVMValueRef outer = l->function, function = LLVMAddFunction(l->module, name, type);
  LLVMBasicBlockRef entry = l->entry, from = LLVMGetInsertBlock(l->ir);
  LLVMSetLinkage(function, LLVMInternalLinkage);
  vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
  vyre_lower_make_lean(l, function);
  vyre_float_sum_t own = {.type = f->type,
                          .sum = LLVMGetParam(function, SUM),
                          .waiting = LLVMGetParam(function, WAITING),
                          .partials = LLVMGetParam(function, PARTIAL_SUMS),
                          .heights = LLVMGetParam(function, OPEN_HEIGHTS)};
  l->function = function;
  l->entry = vyre_lower_block(l, "entry");
  LLVMPositionBuilderAtEnd(l->ir, l->entry);
  build(l, &own, LLVMGetParam(function, INDEX));
  LLVMBuildRetVoid(l->ir);
  l->function = outer;
  l->entry = entry;
  LLVMPositionBuilderAtEnd(l->ir, from);
  return function;
}

static void build_step(vyre_lower_t *l, const vyre_float_sum_t *f, const char *name, LLVMValueRef index,
                       step_t *build) {
  if (!vyre_lower_is_lean(l)) {
    build(l, f, index);
    return;
  }
  char full[64];
  snprintf(full, sizeof full, "%s_%s", name, f->type == l->f32 ? "f32" : "f64");
  LLVMTypeRef types[STEP_ARGUMENTS] = {l->ptr, l->ptr, l->ptr, l->ptr, l->i64};
  LLVMTypeRef type = LLVMFunctionType(l->void_, types, STEP_ARGUMENTS, false);
  LLVMValueRef function = LLVMGetNamedFunction(l->module, full);
  if (!function) function = define_step(l, f, full, type, build);
  LLVMValueRef arguments[STEP_ARGUMENTS] = {[SUM] = f->sum,
                                            [WAITING] = f->waiting,
                                            [PARTIAL_SUMS] = f->partials,
                                            [OPEN_HEIGHTS] = f->heights,
                                            [INDEX] = index};
  LLVMBuildCall2(l->ir, type, function, arguments, STEP_ARGUMENTS, "");
}

void vyre_lower_begin_trees(vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (l->float_sums[i]) LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), l->float_sums[i]->heights);
}

static void clear_partials(vyre_lower_t *l, const vyre_float_sum_t *f, LLVMValueRef index) {
  (void)index;
  if (l->is_group) {
    LLVMBuildStore(l->ir, minus_zero(f), f->partials);
    return;
  }
  for (unsigned k = 0; k < PARTIALS; k++)
    LLVMBuildStore(l->ir, minus_zero(f), vyre_lower_element(l, f->type, f->partials, vyre_lower_i64(l, k)));
}

void vyre_lower_begin_blocks(vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (l->float_sums[i]) build_step(l, l->float_sums[i], "clear_partials", vyre_lower_i64(l, 0), clear_partials);
}

void vyre_lower_add_float(vyre_lower_t *l, uint32_t param, LLVMValueRef value) {
  const vyre_float_sum_t *f = l->float_sums[param];
  if (l->is_rerun) return;
  VYRE_ASSERT(l->foreach_index);
  LLVMValueRef position = LLVMBuildAdd(l->ir, first_position(l), l->foreach_index, "");
  LLVMValueRef which = LLVMBuildAnd(l->ir, position, vyre_lower_i64(l, PARTIALS - 1), "");
  LLVMValueRef place = l->is_group ? f->partials : vyre_lower_element(l, f->type, f->partials, which);
  LLVMBuildStore(l->ir, LLVMBuildFAdd(l->ir, vyre_lower_load(l, f->type, place, ""), value, ""), place);
}

/* s[j] + s[j + 16], then + 8, 4, 2, 1 */
static LLVMValueRef sum_of_block(vyre_lower_t *l, const vyre_float_sum_t *f) {
  LLVMValueRef v[PARTIALS];
  for (unsigned k = 0; k < PARTIALS; k++)
    v[k] = vyre_lower_load(l, f->type, vyre_lower_element(l, f->type, f->partials, vyre_lower_i64(l, k)), "");
  for (unsigned step = PARTIALS / 2; step > 0; step /= 2)
    for (unsigned k = 0; k < step; k++) v[k] = LLVMBuildFAdd(l->ir, v[k], v[k + step], "");
  return v[0];
}

/* As long as the node is a right half: it joins the left one, when that has a block of the call, and goes up. */
static void push_sum(vyre_lower_t *l, const vyre_float_sum_t *f, LLVMValueRef index, LLVMValueRef block) {
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), head = vyre_lower_block(l, "height");
  LLVMBasicBlockRef up = vyre_lower_block(l, "right_half"), last = vyre_lower_block(l, "left_half");
  LLVMValueRef one = vyre_lower_i64(l, 1);
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef height = LLVMBuildPhi(l->ir, l->i64, "height"), node = LLVMBuildPhi(l->ir, l->i64, "node");
  LLVMValueRef value = LLVMBuildPhi(l->ir, f->type, "value");
  LLVMValueRef heights = vyre_lower_load(l, l->i64, f->heights, ""), bit = LLVMBuildShl(l->ir, one, height, "");
  LLVMValueRef place = vyre_lower_element(l, f->type, f->waiting, height);
  LLVMBuildCondBr(l->ir, LLVMBuildTrunc(l->ir, node, l->i1, ""), up, last);
  LLVMPositionBuilderAtEnd(l->ir, up);
  LLVMValueRef has_left =
      LLVMBuildICmp(l->ir, LLVMIntNE, LLVMBuildAnd(l->ir, heights, bit, ""), vyre_lower_i64(l, 0), "");
  LLVMValueRef left = vyre_lower_load(l, f->type, place, "");
  LLVMValueRef joined = LLVMBuildSelect(l->ir, has_left, LLVMBuildFAdd(l->ir, left, value, ""), value, "");
  LLVMBuildStore(l->ir, LLVMBuildAnd(l->ir, heights, LLVMBuildNot(l->ir, bit, ""), ""), f->heights);
  LLVMValueRef next = LLVMBuildAdd(l->ir, height, one, ""), parent = LLVMBuildLShr(l->ir, node, one, "");
  LLVMBuildBr(l->ir, head);
  LLVMBasicBlockRef blocks[] = {before, up};
  LLVMAddIncoming(height, (LLVMValueRef[]){vyre_lower_i64(l, 0), next}, blocks, 2);
  LLVMAddIncoming(node, (LLVMValueRef[]){index, parent}, blocks, 2);
  LLVMAddIncoming(value, (LLVMValueRef[]){block, joined}, blocks, 2);
  LLVMPositionBuilderAtEnd(l->ir, last);
  LLVMBuildStore(l->ir, value, place);
  LLVMBuildStore(l->ir, LLVMBuildOr(l->ir, heights, bit, ""), f->heights);
}

static void push_block(vyre_lower_t *l, const vyre_float_sum_t *f, LLVMValueRef index) {
  push_sum(l, f, index, sum_of_block(l, f));
}

LLVMValueRef vyre_lower_position(vyre_lower_t *l, LLVMValueRef iteration) {
  return LLVMBuildAdd(l->ir, first_position(l), iteration, "position");
}

static LLVMValueRef block_sum_place(vyre_lower_t *l, uint32_t param, LLVMValueRef number) {
  LLVMValueRef sums = vyre_lower_shared(l, l->shared.blocks + 8 * VYRE_GROUP_BLOCKS * param);
  return vyre_lower_element(l, l->i64, sums, number);
}

/* The same tree over the partial sums of the warp's threads; a + b is b + a. */
void vyre_lower_end_warp_block(vyre_lower_t *l, LLVMValueRef number) {
  LLVMValueRef lane = LLVMBuildTrunc(l->ir, l->warp_lane, l->i32, "");
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_float_sum_t *f = l->float_sums[i];
    if (!f) continue;
    LLVMValueRef sum = vyre_lower_load(l, f->type, f->partials, "");
    for (unsigned step = PARTIALS / 2; step > 0; step /= 2) {
      LLVMValueRef other = LLVMBuildXor(l->ir, lane, LLVMConstInt(l->i32, step, false), "");
      sum = LLVMBuildFAdd(l->ir, sum, vyre_lower_shuffle(l, sum, other), "");
    }
    LLVMBasicBlockRef first = vyre_lower_block(l, "first_of_warp"), after = vyre_lower_block(l, "block_summed");
    LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntEQ, l->warp_lane, vyre_lower_i64(l, 0), ""), first, after);
    LLVMPositionBuilderAtEnd(l->ir, first);
    LLVMBuildStore(l->ir, sum, block_sum_place(l, i, number));
    vyre_lower_continue_in(l, after);
  }
}

/* All threads do the same, each with a tree of its own. */
void vyre_lower_push_blocks(vyre_lower_t *l, LLVMValueRef from, LLVMValueRef count) {
  LLVMValueRef first = LLVMBuildUDiv(l->ir, from, vyre_lower_i64(l, BLOCK_POSITIONS), "");
  vyre_counted_t loop = vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), count);
  LLVMValueRef index = LLVMBuildAdd(l->ir, first, loop.index, "");
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_float_sum_t *f = l->float_sums[i];
    if (f) push_sum(l, f, index, vyre_lower_load(l, f->type, block_sum_place(l, i, loop.index), ""));
  }
  vyre_lower_end_loop(l, loop);
}

void vyre_lower_end_blocks(vyre_lower_t *l, LLVMValueRef from) {
  LLVMValueRef position = LLVMBuildAdd(l->ir, first_position(l), from, "");
  LLVMValueRef index = LLVMBuildUDiv(l->ir, position, vyre_lower_i64(l, BLOCK_POSITIONS), "");
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (l->float_sums[i]) build_step(l, l->float_sums[i], "push_block", index, push_block);
}

/* Nodes that wait: from the lowest, which is the last, to the highest. What comes out is added to the sum. */
static void end_tree(vyre_lower_t *l, const vyre_float_sum_t *f, LLVMValueRef index) {
  (void)index;
  LLVMValueRef root = vyre_lower_alloca(l, f->type, "root");
  LLVMBuildStore(l->ir, minus_zero(f), root);
  LLVMValueRef heights = vyre_lower_load(l, l->i64, f->heights, "");
  vyre_counted_t loop = vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), vyre_lower_i64(l, HEIGHTS));
  LLVMValueRef bit = LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, heights, loop.index, ""), l->i1, "");
  LLVMValueRef left = vyre_lower_load(l, f->type, vyre_lower_element(l, f->type, f->waiting, loop.index), "");
  LLVMValueRef right = vyre_lower_load(l, f->type, root, "");
  /* The first one adds to -0.0, which changes nothing. */
  LLVMBuildStore(l->ir, LLVMBuildSelect(l->ir, bit, LLVMBuildFAdd(l->ir, left, right, ""), right, ""), root);
  vyre_lower_end_loop(l, loop);
  LLVMValueRef sum = vyre_lower_load(l, f->type, f->sum, "");
  LLVMBuildStore(l->ir, LLVMBuildFAdd(l->ir, sum, vyre_lower_load(l, f->type, root, ""), ""), f->sum);
}

void vyre_lower_end_trees(vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (l->float_sums[i]) build_step(l, l->float_sums[i], "end_tree", vyre_lower_i64(l, 0), end_tree);
}

LLVMValueRef vyre_lower_float_sum(vyre_lower_t *l, uint32_t param) {
  const vyre_float_sum_t *f = l->float_sums[param];
  return vyre_lower_load(l, f->type, f->sum, "");
}
