#include "codegen/lower_part.h"

#include <llvm-c/Target.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/typing.h"

enum { STATE, FIRST_ARGUMENT, ARGUMENTS_MAX = 16 }; /* of a part: those of the body follow the state */
enum { STATE_ALIGNMENT = 64 };

typedef struct part {
  LLVMValueRef function;
  LLVMBasicBlockRef before, after; /* in the body: the call ends `before` */
  LLVMBasicBlockRef entry, first, leave;
  LLVMValueRef code; /* phi in `leave`: the number of the jump, 0: to `after` */
  bool is_fast;
} part_t;

/* A value of the body that parts use. */
typedef struct place {
  LLVMValueRef value;
  LLVMTypeRef type; /* of the variable or value */
  bool is_variable;
  bool is_address;    /* a variable that is not only loaded and stored: is used where it lies */
  LLVMValueRef only;  /* the one function that uses the variable: has it for its own; NULL: it is in the state */
  uint64_t offset;    /* in the state */
  LLVMValueRef user;  /* the part that the following is of */
  LLVMValueRef local; /* what it uses instead */
  LLVMValueRef slot;  /* where it is in the state */
  bool is_written;
} place_t;

struct vyre_lower_parts {
  uint32_t most, least; /* nodes of a part */
  uint32_t *weights;    /* nodes, by statement; more than a part holds when there is a fast foreach inside */
  bool *is_fast;        /* by statement: a foreach in a part of its own */
  uint32_t *functions;  /* nodes, by function; 0: not known yet */
  LLVMValueRef body;
  LLVMBasicBlockRef entry; /* the body's */
  LLVMTypeRef type;        /* of a part */
  unsigned body_arguments;
  part_t *parts;
  size_t count, capacity;
  uint32_t room; /* nodes that the open part may still get */
  bool is_open, has_failed;
  LLVMValueRef state; /* alloca in the body: state_bytes x i8 */
  uint64_t state_bytes;
  place_t *places;
  size_t place_count, place_capacity;
  uint32_t *table;   /* places by value, open addressing: index + 1 */
  size_t table_size; /* a power of two */
  uint32_t *used;    /* places that the part at hand uses */
  size_t used_count, used_capacity;
};

/* ---- how large statements are ---- */

static uint32_t weigh_block(vyre_lower_t *l, uint32_t block);

/* A function is lowered where it is called. */
static uint32_t weigh_function(vyre_lower_t *l, uint32_t function) {
  uint32_t *weight = &l->parts->functions[function];
  if (*weight == 0) *weight = 1 + weigh_block(l, l->program->functions[function].body);
  return *weight;
}

static uint32_t weigh_expr(vyre_lower_t *l, uint32_t id) {
  const vyre_expr_t *e = &l->program->exprs[id];
  uint32_t weight = 1;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) weight += weigh_expr(l, vyre_expr_operand(e, i));
  if (e->op == VYRE_EXPR_CALL) {
    weight += weigh_function(l, e->a);
    for (uint32_t item = e->b; item != 0; item = l->program->exprs[item].b) weight += weigh_expr(l, item);
  }
  return weight;
}

static uint32_t weigh_block(vyre_lower_t *l, uint32_t block) {
  uint32_t sum = 0;
  for (uint32_t id = block; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    uint32_t weight = 1 + weigh_block(l, s->body) + weigh_block(l, s->orelse);
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++) weight += weigh_expr(l, s->arg[i]);
    l->parts->weights[id] = weight;
    sum += weight;
  }
  return sum;
}

/* ---- while statements are lowered ---- */

void vyre_lower_free_parts(vyre_lower_t *l) {
  struct vyre_lower_parts *parts = l->parts;
  l->parts = NULL;
  if (!parts) return;
  vyre_free(parts->weights);
  vyre_free(parts->is_fast);
  vyre_free(parts->functions);
  vyre_free(parts->parts);
  vyre_free(parts->places);
  vyre_free(parts->table);
  vyre_free(parts->used);
  vyre_free(parts);
}

void vyre_lower_make_lean(vyre_lower_t *l, LLVMValueRef function) {
  vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "noinline");
  const char *value = l->is_hasty ? VYRE_LEAN_HASTY : "";
  LLVMAttributeRef lean = LLVMCreateStringAttribute(l->context, VYRE_LEAN_ATTRIBUTE, sizeof VYRE_LEAN_ATTRIBUTE - 1,
                                                    value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex, lean);
}

/* Takes from `left` what the block's fast foreach hold; gives whether there are any. */
static bool choose_fast(vyre_lower_t *l, uint32_t block, uint32_t *left) {
  struct vyre_lower_parts *parts = l->parts;
  bool has_any = false;
  for (uint32_t id = block; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    if (s->op == VYRE_STMT_FOREACH) {
      uint32_t cost = vyre_lower_has_float_sum(l, s->body) ? 2 * parts->weights[id] : parts->weights[id];
      parts->is_fast[id] = cost <= *left;
      if (parts->is_fast[id]) *left -= cost;
      has_any |= parts->is_fast[id];
      continue;
    }
    bool is_inside = choose_fast(l, s->body, left);
    is_inside |= choose_fast(l, s->orelse, left);
    if (is_inside && parts->weights[id] <= parts->most) parts->weights[id] = parts->most + 1;
    has_any |= is_inside;
  }
  return has_any;
}

static uint32_t fast_nodes(uint32_t nodes, uint32_t large) {
  uint32_t least = large / VYRE_FAST_NODES_LEAST, less = nodes / VYRE_FAST_NODES_PER;
  return less < large - least ? large - less : least;
}

bool vyre_lower_weigh(vyre_lower_t *l, uint32_t large_nodes) {
  struct vyre_lower_parts *parts = l->parts = vyre_calloc(1, sizeof *parts);
  if (!parts) return false;
  parts->weights = vyre_calloc(l->program->stmt_count, sizeof *parts->weights);
  parts->functions = vyre_calloc(l->program->function_count + 1, sizeof *parts->functions);
  parts->is_fast = vyre_calloc(l->program->stmt_count, sizeof *parts->is_fast);
  if (!parts->weights || !parts->functions || !parts->is_fast) return false;
  uint32_t nodes = weigh_block(l, l->program->body) + weigh_block(l, l->program->finish);
  uint32_t large = large_nodes ? large_nodes : VYRE_LARGE_NODES;
  l->is_large = nodes > large;
  l->is_hasty = nodes / VYRE_HASTY_TIMES > large;
  parts->most = large * VYRE_PART_NODES_MAX / VYRE_LARGE_NODES + 1;
  parts->least = large * VYRE_PART_NODES_MIN / VYRE_LARGE_NODES + 1;
  if (l->is_large)
    choose_fast(l, l->program->body, &(uint32_t){fast_nodes(nodes, large)}); /* `finish` has none */
  else
    vyre_lower_free_parts(l);
  return true;
}

void vyre_lower_begin_parts(vyre_lower_t *l) {
  struct vyre_lower_parts *parts = l->parts;
  parts->body = l->function;
  parts->entry = l->entry;
  vyre_lower_make_lean(l, l->function);
  parts->body_arguments = LLVMCountParams(l->function);
  VYRE_ASSERT(FIRST_ARGUMENT + parts->body_arguments <= ARGUMENTS_MAX);
  LLVMTypeRef types[ARGUMENTS_MAX] = {l->ptr};
  for (unsigned i = 0; i < parts->body_arguments; i++)
    types[FIRST_ARGUMENT + i] = LLVMTypeOf(LLVMGetParam(l->function, i));
  parts->type = LLVMFunctionType(l->i32, types, FIRST_ARGUMENT + parts->body_arguments, false);
}

bool vyre_lower_is_in_part(const vyre_lower_t *l) { return l->parts->is_open; }

bool vyre_lower_is_lean(const vyre_lower_t *l) {
  const struct vyre_lower_parts *parts = l->parts;
  return l->is_large && !(parts->is_open && parts->parts[parts->count - 1].is_fast);
}

static LLVMValueRef add_function(vyre_lower_t *l, bool is_fast) {
  const struct vyre_lower_parts *parts = l->parts;
  LLVMValueRef function = LLVMAddFunction(l->module, "part", parts->type);
  LLVMSetLinkage(function, LLVMInternalLinkage);
  vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
  if (is_fast)
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "noinline");
  else
    vyre_lower_make_lean(l, function);
  vyre_lower_add_attribute(function, 1 + STATE, "noalias");
  unsigned noalias = LLVMGetEnumAttributeKindForName("noalias", strlen("noalias"));
  for (unsigned i = 0; i < parts->body_arguments; i++)
    if (LLVMGetEnumAttributeAtIndex(parts->body, 1 + i, noalias))
      vyre_lower_add_attribute(function, 1 + FIRST_ARGUMENT + i, "noalias");
  return function;
}

static void begin_part(vyre_lower_t *l, bool is_fast) {
  struct vyre_lower_parts *parts = l->parts;
  VYRE_ASSERT(l->function == parts->body);
  if (!vyre_array_reserve((void **)&parts->parts, &parts->capacity, parts->count + 1, sizeof *parts->parts)) {
    parts->has_failed = true;
    return;
  }
  part_t *part = &parts->parts[parts->count++];
  *part = (part_t){.function = add_function(l, is_fast),
                   .is_fast = is_fast,
                   .before = LLVMGetInsertBlock(l->ir),
                   .after = vyre_lower_block(l, "after_part")};
  l->function = part->function;
  part->entry = l->entry = vyre_lower_block(l, "entry");
  part->first = vyre_lower_block(l, "first");
  part->leave = vyre_lower_block(l, "leave");
  LLVMPositionBuilderAtEnd(l->ir, part->leave);
  part->code = LLVMBuildPhi(l->ir, l->i32, "code");
  LLVMPositionBuilderAtEnd(l->ir, part->first);
  parts->is_open = true;
}

static void leave_with(vyre_lower_t *l, part_t *part, uint32_t code) {
  LLVMValueRef value = LLVMConstInt(l->i32, code, false);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(l->ir);
  LLVMBuildBr(l->ir, part->leave);
  LLVMAddIncoming(part->code, &value, &from, 1);
}

void vyre_lower_end_part(vyre_lower_t *l) {
  struct vyre_lower_parts *parts = l->parts;
  parts->room = 0;
  if (!parts->is_open) return;
  part_t *part = &parts->parts[parts->count - 1];
  if (!LLVMGetBasicBlockTerminator(LLVMGetInsertBlock(l->ir))) leave_with(l, part, 0);
  parts->is_open = false;
  l->function = parts->body;
  l->entry = parts->entry;
  LLVMPositionBuilderAtEnd(l->ir, part->after);
}

/* Nodes of the run that begins at the statement: up to what a part holds, to a large statement or a fast one. */
static uint32_t weigh_run(const vyre_lower_t *l, uint32_t id) {
  uint32_t sum = 0;
  for (; id != 0; id = l->program->stmts[id].next) {
    if (sum + l->parts->weights[id] > l->parts->most || l->parts->is_fast[id]) break;
    sum += l->parts->weights[id];
  }
  return sum;
}

void vyre_lower_part_at(vyre_lower_t *l, uint32_t first, uint32_t end) {
  struct vyre_lower_parts *parts = l->parts;
  uint32_t weight = 0;
  for (uint32_t id = first; id != end; id = l->program->stmts[id].next) weight += parts->weights[id];
  bool is_fast = parts->is_fast[first] && end == l->program->stmts[first].next;
  if (is_fast) {
    vyre_lower_end_part(l);
    parts->room = weight;
    begin_part(l, true);
  } else if (weight > parts->room) {
    vyre_lower_end_part(l);
    parts->room = weight > parts->most ? 0 : weigh_run(l, first);
    if (parts->room >= parts->least) begin_part(l, false);
  }
  parts->room -= weight < parts->room ? weight : parts->room;
}

/* ---- what parts use of the body ---- */

static size_t hash(const struct vyre_lower_parts *parts, LLVMValueRef value) {
  return (size_t)((uint64_t)(uintptr_t)value * 0x9E3779B97F4A7C15u >> 20) & (parts->table_size - 1);
}

static bool grow_table(struct vyre_lower_parts *parts) {
  size_t size = parts->table_size ? 2 * parts->table_size : 1024;
  uint32_t *table = vyre_calloc(size, sizeof *table);
  if (!table) return false;
  vyre_free(parts->table);
  parts->table = table;
  parts->table_size = size;
  for (size_t i = 0; i < parts->place_count; i++) {
    size_t at = hash(parts, parts->places[i].value);
    while (table[at]) at = (at + 1) & (size - 1);
    table[at] = (uint32_t)i + 1;
  }
  return true;
}

static LLVMValueRef function_of(LLVMValueRef instruction) {
  return LLVMGetBasicBlockParent(LLVMGetInstructionParent(instruction));
}

/* Who uses the variable, and how. Looked at before any part is changed, so that all uses are there. */
static void look_at_uses(place_t *place) {
  LLVMUseRef first = LLVMGetFirstUse(place->value);
  place->only = function_of(LLVMGetUser(first));
  for (LLVMUseRef use = first; use; use = LLVMGetNextUse(use)) {
    LLVMValueRef user = LLVMGetUser(use);
    bool is_load = LLVMIsALoadInst(user) && LLVMTypeOf(user) == place->type;
    bool is_store = LLVMIsAStoreInst(user) && LLVMGetOperand(user, 1) == place->value &&
                    LLVMTypeOf(LLVMGetOperand(user, 0)) == place->type;
    if (!is_load && !is_store) place->is_address = true;
    if (function_of(user) != place->only) place->only = NULL;
  }
}

static void give_slot(vyre_lower_t *l, place_t *place) {
  struct vyre_lower_parts *parts = l->parts;
  LLVMTargetDataRef layout = LLVMGetModuleDataLayout(l->module);
  uint64_t alignment =
      place->is_variable ? LLVMGetAlignment(place->value) : LLVMABIAlignmentOfType(layout, place->type);
  VYRE_ASSERT(alignment <= STATE_ALIGNMENT);
  place->offset = (parts->state_bytes + alignment - 1) / alignment * alignment;
  parts->state_bytes = place->offset + LLVMABISizeOfType(layout, place->type);
}

static place_t *find_place(vyre_lower_t *l, LLVMValueRef value) {
  struct vyre_lower_parts *parts = l->parts;
  if (2 * parts->place_count >= parts->table_size && !grow_table(parts)) return NULL;
  size_t at = hash(parts, value);
  for (; parts->table[at]; at = (at + 1) & (parts->table_size - 1))
    if (parts->places[parts->table[at] - 1].value == value) return &parts->places[parts->table[at] - 1];
  if (!vyre_array_reserve((void **)&parts->places, &parts->place_capacity, parts->place_count + 1,
                          sizeof *parts->places))
    return NULL;
  VYRE_ASSERT(function_of(value) == parts->body);
  place_t *place = &parts->places[parts->place_count];
  *place = (place_t){.value = value, .is_variable = LLVMIsAAllocaInst(value) != NULL};
  place->type = place->is_variable ? LLVMGetAllocatedType(value) : LLVMTypeOf(value);
  if (place->is_variable) look_at_uses(place);
  if (!place->only) give_slot(l, place);
  parts->table[at] = (uint32_t)++parts->place_count;
  return place;
}

/* ---- passing it ---- */

static LLVMValueRef slot_of(vyre_lower_t *l, const place_t *place, LLVMValueRef state) {
  LLVMValueRef offset = vyre_lower_i64(l, place->offset);
  return LLVMBuildInBoundsGEP2(l->ir, l->i8, state, &offset, 1, "slot");
}

/* In the part's entry: its own of what the body has at this place. */
static void enter_place(vyre_lower_t *l, const part_t *part, place_t *place) {
  place->user = part->function;
  place->is_written = false;
  LLVMPositionBuilderAtEnd(l->ir, part->entry);
  if (!place->only) place->slot = slot_of(l, place, LLVMGetParam(part->function, STATE));
  if (place->is_variable && place->is_address && !place->only) {
    place->local = place->slot;
  } else if (place->is_variable) {
    place->local = LLVMBuildAlloca(l->ir, place->type, LLVMGetValueName2(place->value, &(size_t){0}));
    if (!place->only) LLVMBuildStore(l->ir, vyre_lower_load(l, place->type, place->slot, ""), place->local);
  } else {
    place->local = vyre_lower_load(l, place->type, place->slot, "");
  }
}

/* The operand as the part has it; NULL when memory is out. */
static LLVMValueRef local_of(vyre_lower_t *l, const part_t *part, LLVMValueRef operand, bool is_written) {
  struct vyre_lower_parts *parts = l->parts;
  if (LLVMIsAArgument(operand)) {
    if (LLVMGetParamParent(operand) == part->function) return operand;
    for (unsigned i = 0; i < parts->body_arguments; i++)
      if (LLVMGetParam(parts->body, i) == operand) return LLVMGetParam(part->function, FIRST_ARGUMENT + i);
    VYRE_UNREACHABLE();
  }
  if (!LLVMIsAInstruction(operand) || function_of(operand) == part->function) return operand;
  place_t *place = find_place(l, operand);
  if (!place ||
      !vyre_array_reserve((void **)&parts->used, &parts->used_capacity, parts->used_count + 1, sizeof *parts->used))
    return NULL;
  if (place->user != part->function) {
    enter_place(l, part, place);
    parts->used[parts->used_count++] = (uint32_t)(place - parts->places);
  }
  place->is_written |= is_written;
  return place->local;
}

static bool pass_operands(vyre_lower_t *l, const part_t *part, LLVMValueRef instruction) {
  for (unsigned i = 0; i < (unsigned)LLVMGetNumOperands(instruction); i++) {
    LLVMValueRef operand = LLVMGetOperand(instruction, i);
    if (LLVMValueIsBasicBlock(operand)) continue;
    LLVMValueRef local = local_of(l, part, operand, i == 1 && LLVMIsAStoreInst(instruction));
    if (!local) return false;
    if (local != operand) LLVMSetOperand(instruction, i, local);
  }
  return true;
}

/* The jumps of one part out of it: where each number leads. */
typedef struct exits {
  LLVMBasicBlockRef *targets, *blocks; /* of the body; of the part: leaves with that number */
  size_t count, target_capacity, block_capacity;
} exits_t;

static LLVMBasicBlockRef find_exit(vyre_lower_t *l, part_t *part, exits_t *exits, LLVMBasicBlockRef target) {
  for (size_t i = 0; i < exits->count; i++)
    if (exits->targets[i] == target) return exits->blocks[i];
  if (!vyre_array_reserve((void **)&exits->targets, &exits->target_capacity, exits->count + 1, sizeof target) ||
      !vyre_array_reserve((void **)&exits->blocks, &exits->block_capacity, exits->count + 1, sizeof target))
    return NULL;
  VYRE_ASSERT(LLVMGetBasicBlockParent(target) == l->parts->body);
  LLVMBasicBlockRef block = LLVMAppendBasicBlockInContext(l->context, part->function, "jump");
  exits->targets[exits->count] = target;
  exits->blocks[exits->count++] = block;
  LLVMPositionBuilderAtEnd(l->ir, block);
  leave_with(l, part, (uint32_t)exits->count);
  return block;
}

static bool pass_jumps(vyre_lower_t *l, part_t *part, exits_t *exits, LLVMValueRef terminator) {
  for (unsigned i = 0; i < LLVMGetNumSuccessors(terminator); i++) {
    LLVMBasicBlockRef target = LLVMGetSuccessor(terminator, i);
    if (LLVMGetBasicBlockParent(target) == part->function) continue;
    LLVMBasicBlockRef block = find_exit(l, part, exits, target);
    if (!block) return false;
    LLVMSetSuccessor(terminator, i, block);
  }
  return true;
}

/* In the body: the call, and where it goes from there. */
static void build_call(vyre_lower_t *l, const part_t *part, const exits_t *exits) {
  const struct vyre_lower_parts *parts = l->parts;
  LLVMValueRef arguments[ARGUMENTS_MAX] = {parts->state};
  for (unsigned i = 0; i < parts->body_arguments; i++) arguments[FIRST_ARGUMENT + i] = LLVMGetParam(parts->body, i);
  LLVMPositionBuilderAtEnd(l->ir, part->before);
  LLVMValueRef code =
      LLVMBuildCall2(l->ir, parts->type, part->function, arguments, FIRST_ARGUMENT + parts->body_arguments, "");
  LLVMValueRef jump = LLVMBuildSwitch(l->ir, code, part->after, (unsigned)exits->count);
  for (size_t i = 0; i < exits->count; i++) {
    VYRE_ASSERT(!LLVMIsAPHINode(LLVMGetFirstInstruction(exits->targets[i])));
    LLVMAddCase(jump, LLVMConstInt(l->i32, i + 1, false), exits->targets[i]);
  }
}

static bool end_one(vyre_lower_t *l, part_t *part) {
  struct vyre_lower_parts *parts = l->parts;
  parts->used_count = 0;
  exits_t exits = {0};
  bool is_good = true;
  for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(part->function); block && is_good;
       block = LLVMGetNextBasicBlock(block)) {
    for (LLVMValueRef i = LLVMGetFirstInstruction(block); i && is_good; i = LLVMGetNextInstruction(i))
      is_good = pass_operands(l, part, i);
    LLVMValueRef terminator = LLVMGetBasicBlockTerminator(block);
    if (terminator && is_good) is_good = pass_jumps(l, part, &exits, terminator);
  }
  LLVMPositionBuilderAtEnd(l->ir, part->entry);
  LLVMBuildBr(l->ir, part->first);
  LLVMPositionBuilderAtEnd(l->ir, part->leave);
  for (size_t i = 0; i < parts->used_count; i++) {
    const place_t *place = &parts->places[parts->used[i]];
    if (place->is_variable && !place->only && place->is_written && place->local != place->slot)
      LLVMBuildStore(l->ir, vyre_lower_load(l, place->type, place->local, ""), place->slot);
  }
  LLVMBuildRet(l->ir, part->code);
  build_call(l, part, &exits);
  vyre_free(exits.targets);
  vyre_free(exits.blocks);
  return is_good;
}

/* In the body: variables lie in the state, values are stored there as they come about. */
static void keep_place(vyre_lower_t *l, const place_t *place) {
  if (place->only) {
    LLVMInstructionEraseFromParent(place->value);
    return;
  }
  LLVMPositionBuilderBefore(l->ir, LLVMGetNextInstruction(l->parts->state));
  LLVMValueRef slot = slot_of(l, place, l->parts->state);
  if (place->is_variable) {
    LLVMReplaceAllUsesWith(place->value, slot);
    LLVMInstructionEraseFromParent(place->value);
    return;
  }
  LLVMValueRef behind = LLVMGetNextInstruction(place->value);
  while (LLVMIsAPHINode(behind)) behind = LLVMGetNextInstruction(behind);
  LLVMPositionBuilderBefore(l->ir, behind);
  LLVMBuildStore(l->ir, place->value, slot);
}

bool vyre_lower_end_parts(vyre_lower_t *l) {
  struct vyre_lower_parts *parts = l->parts;
  LLVMPositionBuilderBefore(l->ir, LLVMGetFirstInstruction(parts->entry));
  parts->state = LLVMBuildArrayAlloca(l->ir, l->i8, vyre_lower_i64(l, 0), "state");
  LLVMSetAlignment(parts->state, STATE_ALIGNMENT);
  bool is_good = !parts->has_failed;
  for (size_t i = 0; i < parts->count && is_good; i++) is_good = end_one(l, &parts->parts[i]);
  for (size_t i = 0; i < parts->place_count && is_good; i++) keep_place(l, &parts->places[i]);
  LLVMSetOperand(parts->state, 0, vyre_lower_i64(l, parts->state_bytes));
  return is_good;
}
