/* Counted loops: for and foreach, in strips. */
#include <llvm-c/DebugInfo.h>

#include "base/assert.h"
#include "codegen/lower.h"
#include "codegen/lower_part.h"
#include "ir/typing.h"
#include "ir/validate.h"

/* A group shares a strip out, so that it has more iterations for the barrier at its end. */
enum { GROUP_STRIP_ITERATIONS = 65536 };
/* A foreach body of up to this many statements is written out once per private table copy. */
enum { COPIED_STATEMENTS_MAX = 24 };
/* A thread of a group takes as many neighbouring elements of the stream as one load brings, and has loads of several
 * turns of its loop in flight. */
enum { GROUP_LOAD_BYTES = 16, GROUP_TURNS = 4 };

static uint64_t strip_iterations(const vyre_lower_t *l) {
  return l->is_group ? GROUP_STRIP_ITERATIONS : VYRE_STRIP_ITERATIONS;
}

typedef struct range {
  const vyre_stmt_t *stmt;
  LLVMValueRef low;   /* i64 */
  LLVMValueRef count; /* i64: iterations asked for */
  LLVMValueRef bound; /* i64: iterations that fuel allows */
} range_t;

static LLVMValueRef unsigned_min(vyre_lower_t *l, LLVMValueRef a, LLVMValueRef b) {
  return vyre_lower_intrinsic(l, "llvm.umin", l->i64, (LLVMValueRef[]){a, b}, 2);
}

void vyre_lower_look_at_stop(vyre_lower_t *l, vyre_node_t node) {
  LLVMValueRef word = vyre_lower_load(l, l->i32, l->stop, "stop");
  LLVMSetAlignment(word, 4);
  LLVMSetOrdering(word, LLVMAtomicOrderingMonotonic);
  LLVMSetVolatile(word, true);
  LLVMValueRef now = LLVMBuildICmp(l->ir, LLVMIntUGE, word, LLVMConstInt(l->i32, VYRE_STOP_NOW, false), "");
  /* The threads of a group may read different values; outside of iterations they must agree. */
  if (vyre_lower_is_alike(l)) now = l->target->any(l, now);
  if (l->is_group && l->mode == VYRE_MODE_SUBGROUP)
    now = LLVMBuildICmp(l->ir, LLVMIntNE, l->target->ballot(l, now), LLVMConstInt(l->i32, 0, false), "");
  vyre_lower_check(l, now, VYRE_FAULT_CANCELLED, node);
}

static range_t begin_range(vyre_lower_t *l, const vyre_stmt_t *s) {
  range_t r = {.stmt = s};
  LLVMValueRef low = vyre_lower_expr(l, s->arg[0]), high = vyre_lower_expr(l, s->arg[1]);
  r.low = LLVMBuildZExt(l->ir, low, l->i64, "low");
  high = LLVMBuildZExt(l->ir, high, l->i64, "high");
  LLVMValueRef is_empty = LLVMBuildICmp(l->ir, LLVMIntULE, high, r.low, "");
  r.count = LLVMBuildSelect(l->ir, is_empty, vyre_lower_i64(l, 0), LLVMBuildSub(l->ir, high, r.low, ""), "count");
  r.bound = r.count;
  if (l->is_bounded) {
    LLVMValueRef fuel = vyre_lower_load(l, l->i64, l->fuel, "");
    r.bound = unsigned_min(l, r.count, fuel);
    LLVMValueRef left = LLVMBuildSub(l->ir, fuel, r.bound, "");
    /* What is left of the fuel is a minimum of minima when there were many loops before, and analyses would follow it
     * through all of them. */
    LLVMBuildStore(l->ir, vyre_lower_is_lean(l) ? vyre_lower_opaque(l, left) : left, l->fuel);
  }
  return r;
}

/* FUEL when fewer iterations ran than were asked for. */
static void end_range(vyre_lower_t *l, const range_t *r) {
  if (!l->is_bounded) return;
  LLVMValueRef is_short = LLVMBuildICmp(l->ir, LLVMIntULT, r->bound, r->count, "");
  vyre_lower_check(l, is_short, VYRE_FAULT_FUEL, vyre_node_of_stmt(l->program, r->stmt));
}

/* One iteration: sets the loop variable, lowers the body; building goes on behind it. */
static void lower_iteration(vyre_lower_t *l, const range_t *r, LLVMValueRef index, LLVMBasicBlockRef on_break) {
  const vyre_stmt_t *s = r->stmt;
  LLVMBasicBlockRef end = vyre_lower_block(l, "next");
  LLVMValueRef value = LLVMBuildAdd(l->ir, r->low, index, "");
  LLVMBuildStore(l->ir, LLVMBuildTrunc(l->ir, value, vyre_lower_type(l, l->program->vars[s->var].type), ""),
                 vyre_lower_var(l, s->var));
  vyre_lower_loop_t loop = {.on_break = on_break, .on_continue = end, .outer = l->loop};
  l->loop = &loop;
  LLVMBasicBlockRef outer_end = l->iteration_end;
  if (s->op == VYRE_STMT_FOREACH) {
    l->iteration_end = end;
    l->foreach_index = index;
    if (l->foreach_share) LLVMBuildStore(l->ir, l->foreach_share, l->fuel);
  }
  vyre_lower_stmts(l, s->body);
  vyre_lower_continue_in(l, end);
  if (s->op == VYRE_STMT_FOREACH && l->foreach_used) {
    LLVMValueRef used = LLVMBuildSub(l->ir, l->foreach_share, vyre_lower_load(l, l->i64, l->fuel, ""), "");
    LLVMValueRef sum = LLVMBuildAdd(l->ir, vyre_lower_load(l, l->i64, l->foreach_used, ""), used, "");
    LLVMBuildStore(l->ir, sum, l->foreach_used);
  }
  l->iteration_end = outer_end;
  l->loop = loop.outer;
}

/* Asks LLVM to unroll the loop that `latch` ends. */
static void unroll(vyre_lower_t *l, LLVMValueRef latch, unsigned turns) {
  static const char name[] = "llvm.loop.unroll.count";
  LLVMMetadataRef count[] = {LLVMMDStringInContext2(l->context, name, sizeof name - 1),
                             LLVMValueAsMetadata(LLVMConstInt(l->i32, turns, false))};
  /* A loop's node names itself first. */
  LLVMMetadataRef self = LLVMTemporaryMDNode(l->context, NULL, 0);
  LLVMMetadataRef operands[] = {self, LLVMMDNodeInContext2(l->context, count, 2)};
  LLVMMetadataRef node = LLVMMDNodeInContext2(l->context, operands, 2);
  LLVMMetadataReplaceAllUsesWith(self, node);
  LLVMSetMetadata(latch, LLVMGetMDKindIDInContext(l->context, "llvm.loop", 9), LLVMMetadataAsValue(l->context, node));
}

/* Loads the elements of the stream at the next `elements` iterations, from an aligned address; loads in the body that
 * are indexed by the loop's variable take theirs from here. */
static void begin_wide(vyre_lower_t *l, const range_t *r, LLVMValueRef index, unsigned elements) {
  unsigned bits = GROUP_LOAD_BYTES * 8 / elements, word_bits = bits < 32 ? 32 : bits;
  LLVMTypeRef element = LLVMIntTypeInContext(l->context, bits), word = LLVMIntTypeInContext(l->context, word_bits);
  LLVMValueRef address = LLVMBuildInBoundsGEP2(l->ir, element, l->data, &index, 1, "");
  l->wide = vyre_lower_load(l, LLVMVectorType(word, GROUP_LOAD_BYTES * 8 / word_bits), address, "elements");
  LLVMSetAlignment(l->wide, GROUP_LOAD_BYTES);
  l->wide_var = r->stmt->var;
}

/* The loop of a foreach that a group's threads share, each with iterations of its own. */
static bool is_shared_out(const vyre_lower_t *l) {
  return l->is_group && (l->mode == VYRE_MODE_FAST || l->mode == VYRE_MODE_NOTED);
}

/* for index = from; index < to; index += step: `copies` neighbouring iterations. from and to are i64 values that reach
 * here. */
static void lower_own_loop(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to, LLVMValueRef step,
                           unsigned copies) {
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef head = vyre_lower_block(l, "loop"), body = vyre_lower_block(l, "body");
  LLVMBasicBlockRef after = vyre_lower_block(l, "endloop");
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef index = LLVMBuildPhi(l->ir, l->i64, "index");
  LLVMValueRef has_more = LLVMBuildICmp(l->ir, LLVMIntULT, index, to, "");
  if (l->mode == VYRE_MODE_NOTED) { /* the thread's part ends at its first fault */
    LLVMValueRef seen = vyre_lower_load(l, l->i32, l->seen, "");
    LLVMValueRef is_good = LLVMBuildICmp(l->ir, LLVMIntEQ, seen, LLVMConstInt(l->i32, 0, false), "");
    has_more = LLVMBuildAnd(l->ir, has_more, is_good, "");
  }
  LLVMBuildCondBr(l->ir, has_more, body, after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  if (copies > 1) begin_wide(l, r, index, copies);
  for (unsigned copy = 0; copy < copies; copy++) {
    l->wide_element = copy;
    lower_iteration(l, r, copy ? LLVMBuildAdd(l->ir, index, vyre_lower_i64(l, copy), "") : index, NULL);
  }
  l->wide_element = 0;
  l->wide_var = 0;
  LLVMValueRef following = LLVMBuildAdd(l->ir, index, step, "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMValueRef back = LLVMBuildBr(l->ir, head);
  if (copies > 1) unroll(l, back, GROUP_TURNS);
  LLVMAddIncoming(index, (LLVMValueRef[]){from, following}, (LLVMBasicBlockRef[]){before, latch}, 2);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

/* The threads of a group take turns, with `copies` neighbouring iterations each. */
static void lower_shared_out(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to, unsigned copies) {
  LLVMValueRef each = vyre_lower_i64(l, copies);
  from = LLVMBuildAdd(l->ir, from, LLVMBuildMul(l->ir, l->thread, each, ""), "");
  lower_own_loop(l, r, from, to, LLVMBuildMul(l->ir, l->threads, each, ""), copies);
}

/* for index in from .. to step `copies`: `copies` iterations, each adding to its own private copy of the tables.
 * from and to are i64 values that reach here; to - from is a multiple of copies. */
static void lower_loop(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to, unsigned copies,
                       LLVMBasicBlockRef on_break) {
  if (r->stmt->op == VYRE_STMT_FOREACH && is_shared_out(l)) {
    lower_shared_out(l, r, from, to, copies);
    return;
  }
  LLVMValueRef step = vyre_lower_i64(l, copies);
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef head = vyre_lower_block(l, "loop"), body = vyre_lower_block(l, "body");
  LLVMBasicBlockRef after = vyre_lower_block(l, "endloop");
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef index = LLVMBuildPhi(l->ir, l->i64, "index");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntNE, index, to, ""), body, after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  for (unsigned copy = 0; copy < copies; copy++) {
    l->table_copy = copy;
    lower_iteration(l, r, copy ? LLVMBuildAdd(l->ir, index, vyre_lower_i64(l, copy), "") : index, on_break);
  }
  l->table_copy = 0;
  LLVMValueRef following = LLVMBuildAdd(l->ir, index, step, "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMBuildBr(l->ir, head);
  LLVMValueRef values[] = {from, following};
  LLVMBasicBlockRef blocks[] = {before, latch};
  LLVMAddIncoming(index, values, blocks, 2);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

/* How many copies of the body a foreach profits from. */
static unsigned count_copies(const vyre_lower_t *l, uint32_t block, unsigned *statements) {
  unsigned copies = 1;
  for (uint32_t id = block; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    ++*statements;
    unsigned here = 1;
    if (s->op == VYRE_STMT_REDUCE_AT) here = l->layout.table_copies[s->param];
    if (s->op == VYRE_STMT_IF) {
      unsigned yes = count_copies(l, s->body, statements), no = count_copies(l, s->orelse, statements);
      here = yes > no ? yes : no;
    }
    if (here > copies) copies = here;
  }
  return copies;
}

/* How many neighbouring elements of the stream one load brings to a thread, when the iterations go through it from its
 * first element on and stay inside; else 1. */
static unsigned elements_per_load(const vyre_lower_t *l, const range_t *r) {
  const vyre_expr_t *low = &l->program->exprs[r->stmt->arg[0]];
  if (low->op != VYRE_EXPR_CONST || low->imm != 0) return 1;
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_param_t *param = &l->program->params[i];
    bool is_element = param->role == VYRE_ROLE_STREAM && vyre_type_bytes(param->type) <= 8;
    if (is_element && vyre_lower_is_bounded_by_len(l, r->stmt->arg[1], i))
      return GROUP_LOAD_BYTES / vyre_type_bytes(param->type);
  }
  return 1;
}

/* The part of the strip that wide loads can do, which is none when the stream's address is not a multiple of their
 * size. Gives where the rest begins. */
static LLVMValueRef lower_wide_strip(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to,
                                     unsigned elements) {
  LLVMValueRef mask = vyre_lower_i64(l, ~(uint64_t)(elements - 1));
  LLVMValueRef whole = LLVMBuildAnd(l->ir, LLVMBuildSub(l->ir, to, from, ""), mask, "");
  LLVMValueRef middle = LLVMBuildAdd(l->ir, from, whole, "middle");
  LLVMValueRef address = LLVMBuildPtrToInt(l->ir, l->data, l->i64, "");
  LLVMValueRef low_bits = LLVMBuildAnd(l->ir, address, vyre_lower_i64(l, GROUP_LOAD_BYTES - 1), "");
  LLVMValueRef is_aligned = LLVMBuildICmp(l->ir, LLVMIntEQ, low_bits, vyre_lower_i64(l, 0), "is_aligned");
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef wide = vyre_lower_block(l, "wide"), after = vyre_lower_block(l, "endwide");
  LLVMBuildCondBr(l->ir, is_aligned, wide, after);
  LLVMPositionBuilderAtEnd(l->ir, wide);
  lower_loop(l, r, from, middle, elements, NULL);
  LLVMBasicBlockRef end = LLVMGetInsertBlock(l->ir);
  LLVMBuildBr(l->ir, after);
  LLVMPositionBuilderAtEnd(l->ir, after);
  LLVMValueRef rest = LLVMBuildPhi(l->ir, l->i64, "rest");
  LLVMValueRef values[] = {from, middle};
  LLVMBasicBlockRef blocks[] = {before, end};
  LLVMAddIncoming(rest, values, blocks, 2);
  return rest;
}

static void lower_fast_strip(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to) {
  unsigned statements = 0;
  unsigned copies = count_copies(l, r->stmt->body, &statements);
  bool is_short = statements <= COPIED_STATEMENTS_MAX && !vyre_block_has_loop(l->program, r->stmt->body);
  if (!is_short) copies = 1;
  if (l->is_group) {
    unsigned elements = is_short ? elements_per_load(l, r) : 1;
    if (elements > 1) from = lower_wide_strip(l, r, from, to, elements);
    copies = 1;
  }
  if (copies > 1) {
    VYRE_ASSERT((copies & (copies - 1)) == 0);
    LLVMValueRef whole =
        LLVMBuildAnd(l->ir, LLVMBuildSub(l->ir, to, from, ""), vyre_lower_i64(l, ~(uint64_t)(copies - 1)), "");
    LLVMValueRef middle = LLVMBuildAdd(l->ir, from, whole, "middle");
    lower_loop(l, r, from, middle, copies, NULL);
    from = middle;
  }
  lower_loop(l, r, from, to, 1, NULL);
}

/* ---- sums of one strip in fewer bits: more of them fit into a vector ---- */

/* The most that one iteration adds to output `param` when it is known to be small, else UINT64_MAX. */
static uint64_t max_added(const vyre_lower_t *l, uint32_t block, uint32_t param) {
  uint64_t sum = 0;
  for (uint32_t id = block; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    uint64_t here = 0;
    if (s->op == VYRE_STMT_REDUCE && s->param == param) here = vyre_lower_max_value(l, s->arg[0]);
    if (s->op == VYRE_STMT_IF) {
      uint64_t yes = max_added(l, s->body, param), no = max_added(l, s->orelse, param);
      here = yes > no ? yes : no;
    } else if (s->body) { /* blocks, switch and its cases: all of them, at most */
      here = max_added(l, s->body, param);
    }
    if (here > UINT32_MAX) return UINT64_MAX;
    sum += here;
  }
  return sum > UINT32_MAX ? UINT64_MAX : sum;
}

static void begin_narrow_sums(vyre_lower_t *l, uint32_t body) {
  if (vyre_block_has_loop(l->program, body)) return;
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_param_t *info = &l->program->params[i];
    if (!l->scalars[i] || info->reducer != VYRE_REDUCER_SUM || !vyre_type_is_integer(info->type)) continue;
    uint64_t most = max_added(l, body, i);
    unsigned full = vyre_type_bits(l->program->params[i].type);
    if (most == 0 || most > UINT32_MAX / strip_iterations(l)) continue;
    unsigned bits = most * strip_iterations(l) <= UINT16_MAX ? 16 : 32;
    if (bits >= full) continue;
    l->narrow_type[i] = LLVMIntTypeInContext(l->context, bits);
    l->narrow[i] = vyre_lower_alloca(l, l->narrow_type[i], "strip_sum");
    LLVMBuildStore(l->ir, LLVMConstInt(l->narrow_type[i], 0, false), l->narrow[i]);
  }
}

static void end_narrow_sums(vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    if (!l->narrow[i]) continue;
    LLVMTypeRef type = vyre_lower_type(l, l->program->params[i].type);
    LLVMValueRef part = LLVMBuildZExt(l->ir, vyre_lower_load(l, l->narrow_type[i], l->narrow[i], ""), type, "");
    LLVMValueRef sum = LLVMBuildAdd(l->ir, vyre_lower_load(l, type, l->scalars[i], ""), part, "");
    LLVMBuildStore(l->ir, sum, l->scalars[i]);
    l->narrow[i] = NULL;
  }
}

/* True when the body stores to, or updates, a buffer that it also reads: a second walk would not see the same bytes.
 * Then the strip is one plain loop with exact faults. */
enum { READ = 1, WRITTEN = 2 };

static bool expr_touches(const vyre_lower_t *l, uint32_t id, uint8_t *touched) {
  const vyre_program_t *p = l->program;
  const vyre_expr_t *e = &p->exprs[id];
  if (e->op == VYRE_EXPR_LOAD) touched[e->a] |= READ;
  if (vyre_expr_class(e->op) == VYRE_CLASS_ATOMIC) touched[e->a] |= WRITTEN;
  bool has_call = e->op == VYRE_EXPR_CALL;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) has_call |= expr_touches(l, vyre_expr_operand(e, i), touched);
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = p->exprs[list].b)
    has_call |= expr_touches(l, p->exprs[list].a, touched);
  return has_call;
}

static bool block_touches(const vyre_lower_t *l, uint32_t first, uint8_t *touched) {
  bool has_call = false;
  for (uint32_t id = first; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++) has_call |= expr_touches(l, s->arg[i], touched);
    if (s->op == VYRE_STMT_STORE) touched[s->param] |= WRITTEN;
    has_call |= block_touches(l, s->body, touched);
    has_call |= block_touches(l, s->orelse, touched);
  }
  return has_call;
}

static bool reads_what_it_writes(const vyre_lower_t *l, uint32_t body) {
  uint8_t touched[VYRE_LIMIT_PARAMS] = {0};
  bool has_call = block_touches(l, body, touched), writes = false, both = false;
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    writes |= (touched[i] & WRITTEN) != 0;
    both |= touched[i] == (READ | WRITTEN);
  }
  return both || (has_call && writes); /* what a function reads is not looked up */
}

/* Each thread has kept its first fault: that of the lowest iteration is the call's. */
static void leave_with_lowest(vyre_lower_t *l) {
  LLVMBasicBlockRef bad = vyre_lower_block(l, "noted"), good = vyre_lower_block(l, "strip_good");
  LLVMValueRef seen = vyre_lower_load(l, l->i32, l->seen, "");
  LLVMValueRef is_mine = LLVMBuildICmp(l->ir, LLVMIntNE, seen, LLVMConstInt(l->i32, 0, false), "");
  LLVMBuildCondBr(l->ir, l->target->any(l, is_mine), bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  LLVMValueRef iteration = vyre_lower_load(l, l->i64, l->iteration, "");
  LLVMValueRef mine = LLVMBuildSelect(l->ir, is_mine, iteration, vyre_lower_i64(l, UINT64_MAX), "");
  LLVMValueRef lowest = vyre_lower_group_min(l, mine);
  LLVMValueRef is_owner = LLVMBuildAnd(l->ir, is_mine, LLVMBuildICmp(l->ir, LLVMIntEQ, mine, lowest, ""), "");
  vyre_lower_tell_fault(l, is_owner);
  LLVMBuildBr(l->ir, l->exit);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* Of a group the first thread alone goes on; to the others the call is over. */
static void leave_to_first(vyre_lower_t *l) {
  if (!l->is_group) return;
  LLVMBasicBlockRef first = vyre_lower_block(l, "slow_first");
  LLVMBuildCondBr(l->ir, vyre_lower_is_first(l), first, l->exit);
  LLVMPositionBuilderAtEnd(l->ir, first);
  l->is_group = false;
}

/* When `seen` is set: walks the strip again, in order, to the first fault, which leaves the call. */
static void lower_slow_strip(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to) {
  LLVMBasicBlockRef slow = vyre_lower_block(l, "slow"), good = vyre_lower_block(l, "strip_good");
  LLVMValueRef seen = vyre_lower_load(l, l->i32, l->seen, "");
  LLVMValueRef is_bad = LLVMBuildICmp(l->ir, LLVMIntNE, seen, LLVMConstInt(l->i32, 0, false), "");
  if (l->is_group) is_bad = l->target->any(l, is_bad);
  LLVMBuildCondBr(l->ir, is_bad, slow, good);
  LLVMPositionBuilderAtEnd(l->ir, slow);
  bool is_group = l->is_group;
  leave_to_first(l);
  l->mode = VYRE_MODE_SLOW;
  l->is_rerun = true;
  lower_loop(l, r, from, to, 1, NULL);
  l->is_rerun = false;
  /* The slow loop finds what the fast one saw: the same statements over the same bytes. Only where two buffers of the
   * call share memory it may not, and what happens then is not specified, but a fault it is. */
  l->mode = VYRE_MODE_UNIFORM;
  l->foreach_index = NULL;
  vyre_lower_fault(l, VYRE_FAULT_OUT_OF_RANGE, vyre_node_of_stmt(l->program, r->stmt));
  LLVMBuildUnreachable(l->ir);
  l->is_group = is_group;
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* A group's strip of a foreach that sums floats: each block of positions is a warp's, whose lane k has the positions
 * that are k modulo 32, in their order, and so one of the block's partial sums. */
static LLVMValueRef lower_block_strip(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to) {
  LLVMValueRef block_positions = vyre_lower_i64(l, VYRE_FLOAT_BLOCK_POSITIONS);
  LLVMValueRef low_bits = vyre_lower_i64(l, VYRE_FLOAT_BLOCK_POSITIONS - 1);
  LLVMValueRef position = vyre_lower_position(l, from);
  LLVMValueRef into_block = LLVMBuildAnd(l->ir, position, low_bits, "");
  /* Ends where a block does, or the foreach. */
  LLVMValueRef room = LLVMBuildSub(l->ir, vyre_lower_i64(l, strip_iterations(l)), into_block, "");
  to = unsigned_min(l, to, LLVMBuildAdd(l->ir, from, room, ""));
  LLVMValueRef positions = LLVMBuildAdd(l->ir, LLVMBuildSub(l->ir, to, from, ""), into_block, "");
  LLVMValueRef count = LLVMBuildUDiv(l->ir, LLVMBuildAdd(l->ir, positions, low_bits, ""), block_positions, "blocks");
  LLVMValueRef warp_threads = vyre_lower_i64(l, VYRE_WARP_THREADS);
  LLVMValueRef warp = LLVMBuildUDiv(l->ir, l->thread, warp_threads, "warp");
  LLVMValueRef warps = LLVMBuildUDiv(l->ir, l->threads, warp_threads, "warps");
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), head = vyre_lower_block(l, "blocks");
  LLVMBasicBlockRef body = vyre_lower_block(l, "block"), after = vyre_lower_block(l, "endblocks");
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef number = LLVMBuildPhi(l->ir, l->i64, "number");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, number, count, ""), body, after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  vyre_lower_begin_blocks(l);
  /* Iterations of the block relative to the one that has its first position, which may lie before `from`. */
  LLVMValueRef base = LLVMBuildSub(l->ir, from, into_block, "");
  base = LLVMBuildAdd(l->ir, base, LLVMBuildMul(l->ir, number, block_positions, ""), "base");
  LLVMValueRef low = LLVMBuildAdd(l->ir, base, l->warp_lane, "");
  LLVMValueRef is_first_block = LLVMBuildICmp(l->ir, LLVMIntEQ, number, vyre_lower_i64(l, 0), "");
  LLVMValueRef skipped =
      LLVMBuildSub(l->ir, LLVMBuildAdd(l->ir, into_block, vyre_lower_i64(l, 31), ""), l->warp_lane, "");
  skipped = LLVMBuildAnd(l->ir, skipped, vyre_lower_i64(l, ~UINT64_C(31)), ""); /* to the first one from `from` on */
  low = LLVMBuildAdd(l->ir, low, LLVMBuildSelect(l->ir, is_first_block, skipped, vyre_lower_i64(l, 0), ""), "low");
  LLVMValueRef high = unsigned_min(l, to, LLVMBuildAdd(l->ir, base, block_positions, ""));
  lower_own_loop(l, r, low, high, warp_threads, 1);
  vyre_lower_end_warp_block(l, number);
  LLVMValueRef next = LLVMBuildAdd(l->ir, number, warps, "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMBuildBr(l->ir, head);
  LLVMAddIncoming(number, (LLVMValueRef[]){warp, next}, (LLVMBasicBlockRef[]){before, latch}, 2);
  LLVMPositionBuilderAtEnd(l->ir, after);
  l->target->barrier(l);
  vyre_lower_push_blocks(l, position, count);
  l->target->barrier(l); /* all have read what the next strip writes */
  return to;
}

/* Of a group. */
static LLVMValueRef lower_group_strip(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to) {
  bool is_noted = reads_what_it_writes(l, r->stmt->body);
  l->mode = is_noted ? VYRE_MODE_NOTED : VYRE_MODE_FAST;
  l->foreach_can_fault = false;
  begin_narrow_sums(l, r->stmt->body);
  if (vyre_lower_has_float_sum(l, r->stmt->body))
    to = lower_block_strip(l, r, from, to);
  else if (is_noted)
    lower_shared_out(l, r, from, to, 1);
  else
    lower_fast_strip(l, r, from, to);
  end_narrow_sums(l);
  l->mode = VYRE_MODE_UNIFORM;
  l->foreach_index = NULL;
  if (!l->foreach_can_fault) return to;
  if (is_noted)
    leave_with_lowest(l);
  else
    lower_slow_strip(l, r, from, to);
  l->mode = VYRE_MODE_UNIFORM;
  l->foreach_index = NULL;
  return to;
}

/* One strip, which ends where a block of positions ends if that comes first; gives where it ends. */
static LLVMValueRef lower_foreach_strip(vyre_lower_t *l, const range_t *r, LLVMValueRef from, LLVMValueRef to) {
  if (l->is_group) return lower_group_strip(l, r, from, to);
  bool has_trees = vyre_lower_has_float_sum(l, r->stmt->body),
       is_fast = !vyre_lower_is_lean(l) && !reads_what_it_writes(l, r->stmt->body);
  if (has_trees) {
    to = vyre_lower_block_end(l, from, to);
    vyre_lower_begin_blocks(l);
  }
  l->mode = is_fast ? VYRE_MODE_FAST : VYRE_MODE_SLOW;
  l->foreach_can_fault = false;
  if (is_fast) begin_narrow_sums(l, r->stmt->body);
  if (is_fast)
    lower_fast_strip(l, r, from, to);
  else
    lower_loop(l, r, from, to, 1, NULL);
  if (is_fast) end_narrow_sums(l);
  if (l->foreach_can_fault) lower_slow_strip(l, r, from, to);
  l->mode = VYRE_MODE_UNIFORM;
  l->foreach_index = NULL;
  if (has_trees) vyre_lower_end_blocks(l, from);
  return to;
}

/* Iterations 0 .. bound in strips, with a look at the stop word before each. */
static void lower_strips(vyre_lower_t *l, const range_t *r, LLVMBasicBlockRef on_break) {
  bool is_foreach = r->stmt->op == VYRE_STMT_FOREACH;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef head = vyre_lower_block(l, "strip"), body = vyre_lower_block(l, "strip_body");
  LLVMBasicBlockRef after = vyre_lower_block(l, "endstrips");
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef from = LLVMBuildPhi(l->ir, l->i64, "from");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, from, r->bound, ""), body, after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  if (l->is_bounded) vyre_lower_look_at_stop(l, vyre_node_of_stmt(l->program, r->stmt));
  LLVMValueRef left = LLVMBuildSub(l->ir, r->bound, from, "");
  LLVMValueRef to = LLVMBuildAdd(l->ir, from, unsigned_min(l, left, vyre_lower_i64(l, strip_iterations(l))), "to");
  if (is_foreach) {
    to = lower_foreach_strip(l, r, from, to);
  } else {
    lower_loop(l, r, from, to, 1, on_break);
  }
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMBuildBr(l->ir, head);
  LLVMValueRef values[] = {vyre_lower_i64(l, 0), to};
  LLVMBasicBlockRef blocks[] = {before, latch};
  LLVMAddIncoming(from, values, blocks, 2);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

/* The same in one loop where there would be two, or three: loops are what takes long to compile. A foreach runs in
 * order like its slow loop. */
static void lower_one_loop(vyre_lower_t *l, const range_t *r, LLVMBasicBlockRef on_break) {
  bool is_foreach = r->stmt->op == VYRE_STMT_FOREACH;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef head = vyre_lower_block(l, "loop"), more = vyre_lower_block(l, "more");
  LLVMBasicBlockRef first = vyre_lower_block(l, "first_of_strip"), body = vyre_lower_block(l, "body");
  LLVMBasicBlockRef after = vyre_lower_block(l, "endloop");
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef index = LLVMBuildPhi(l->ir, l->i64, "index");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntNE, index, r->bound, ""), more, after);
  LLVMPositionBuilderAtEnd(l->ir, more);
  LLVMValueRef in_strip = LLVMBuildAnd(l->ir, index, vyre_lower_i64(l, strip_iterations(l) - 1), "");
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, in_strip, vyre_lower_i64(l, 0), "");
  LLVMBuildCondBr(l->ir, is_first, first, body);
  LLVMPositionBuilderAtEnd(l->ir, first);
  if (l->is_bounded) vyre_lower_look_at_stop(l, vyre_node_of_stmt(l->program, r->stmt));
  vyre_lower_continue_in(l, body);
  if (is_foreach) l->mode = VYRE_MODE_SLOW;
  lower_iteration(l, r, index, on_break);
  if (is_foreach) {
    l->mode = VYRE_MODE_UNIFORM;
    l->foreach_index = NULL;
  }
  LLVMValueRef values[] = {vyre_lower_i64(l, 0), LLVMBuildAdd(l->ir, index, vyre_lower_i64(l, 1), "")};
  LLVMBasicBlockRef blocks[] = {before, LLVMGetInsertBlock(l->ir)};
  LLVMBuildBr(l->ir, head);
  LLVMAddIncoming(index, values, blocks, 2);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

static void lower_iterations(vyre_lower_t *l, const range_t *r, LLVMBasicBlockRef on_break) {
  if (vyre_lower_is_lean(l) && !vyre_lower_has_float_sum(l, r->stmt->body))
    lower_one_loop(l, r, on_break);
  else
    lower_strips(l, r, on_break);
}

static void lower_for(vyre_lower_t *l, const range_t *r) {
  LLVMBasicBlockRef left = vyre_lower_block(l, "left"); /* by break: no FUEL then */
  lower_iterations(l, r, left);
  end_range(l, r);
  vyre_lower_continue_in(l, left);
}

static void lower_foreach(vyre_lower_t *l, const range_t *r) {
  VYRE_ASSERT(l->mode == VYRE_MODE_UNIFORM);
  bool has_trees = vyre_lower_has_float_sum(l, r->stmt->body);
  if (has_trees) vyre_lower_begin_trees(l);
  LLVMValueRef call_fuel = l->fuel;
  if (l->is_bounded && vyre_block_has_loop(l->program, r->stmt->body)) {
    LLVMValueRef fuel = vyre_lower_load(l, l->i64, call_fuel, "");
    LLVMValueRef is_empty = LLVMBuildICmp(l->ir, LLVMIntEQ, r->bound, vyre_lower_i64(l, 0), "");
    LLVMValueRef divisor = LLVMBuildSelect(l->ir, is_empty, vyre_lower_i64(l, 1), r->bound, "");
    l->foreach_share = LLVMBuildUDiv(l->ir, fuel, divisor, "share");
    l->foreach_used = vyre_lower_alloca(l, l->i64, "used");
    LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), l->foreach_used);
    l->fuel = vyre_lower_alloca(l, l->i64, "share_left");
  }
  LLVMBuildStore(l->ir, LLVMConstInt(l->i32, 0, false), l->seen);
  if (l->is_group) l->target->barrier(l); /* what the first thread stored, and what iterations do, is seen by all */
  lower_iterations(l, r, NULL);
  if (l->is_group) l->target->barrier(l);
  if (l->foreach_used) {
    l->fuel = call_fuel;
    LLVMValueRef used = vyre_lower_load(l, l->i64, l->foreach_used, "");
    if (l->is_group) used = vyre_lower_group_sum(l, used);
    LLVMBuildStore(l->ir, LLVMBuildSub(l->ir, vyre_lower_load(l, l->i64, l->fuel, ""), used, ""), l->fuel);
    l->foreach_share = l->foreach_used = NULL;
  }
  if (has_trees) vyre_lower_end_trees(l);
  l->foreach_index = r->bound; /* the iteration that fuel did not reach */
  end_range(l, r);
  l->foreach_index = NULL;
}

void vyre_lower_range(vyre_lower_t *l, const vyre_stmt_t *s) {
  range_t r = begin_range(l, s);
  if (s->op == VYRE_STMT_FOREACH)
    lower_foreach(l, &r);
  else
    lower_for(l, &r);
}
