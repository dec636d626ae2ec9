#include "interp/tree.h"

#include "ir/layout.h"
#include "ir/value.h"

static uint64_t add(const vyre_tree_t *tree, uint64_t a, uint64_t b) {
  return vyre_value_binary(VYRE_EXPR_ADD, tree->type, a, b);
}

void vyre_tree_init(vyre_tree_t *tree, const vyre_param_t *param) {
  tree->type = param->type;
  tree->zero = tree->total = vyre_output_identity(param);
  tree->is_open = false;
  tree->depth = 0;
}

/* Makes the last node its parent. The one before it waits for what is right of it, so that when they are of one level
 * they are siblings and join; else the last one has no sibling in the call. */
static void lift(vyre_tree_t *tree) {
  vyre_tree_node_t *last = &tree->nodes[tree->depth - 1];
  if (tree->depth > 1 && last[-1].level == last->level) {
    last[-1].value = add(tree, last[-1].value, last->value);
    tree->depth--;
    last--;
  }
  last->level++;
  last->index /= 2;
}

/* Lifts what a later block has no part in, until the parent of the last node holds that block. Blocks are below 2^52.
 */
static void lift_up_to(vyre_tree_t *tree, uint64_t block) {
  while (tree->depth > 0) {
    const vyre_tree_node_t *last = &tree->nodes[tree->depth - 1];
    if (block >> (last->level + 1) == last->index / 2) return;
    lift(tree);
  }
}

static void close_block(vyre_tree_t *tree) {
  if (!tree->is_open) return;
  tree->is_open = false;
  uint64_t *s = tree->partials;
  for (unsigned half = VYRE_TREE_PARTIALS / 2; half > 0; half /= 2)
    for (unsigned j = 0; j < half; j++) s[j] = add(tree, s[j], s[j + half]);
  lift_up_to(tree, tree->block);
  tree->nodes[tree->depth++] = (vyre_tree_node_t){.index = tree->block, .value = s[0]};
}

void vyre_tree_add(vyre_tree_t *tree, uint64_t position, uint64_t value) {
  uint64_t block = position / VYRE_TREE_BLOCK;
  if (!tree->is_open || tree->block != block) {
    close_block(tree);
    tree->is_open = true;
    tree->block = block;
    for (unsigned j = 0; j < VYRE_TREE_PARTIALS; j++) tree->partials[j] = tree->zero;
  }
  uint64_t *partial = &tree->partials[position % VYRE_TREE_PARTIALS];
  *partial = add(tree, *partial, value);
}

void vyre_tree_close(vyre_tree_t *tree) {
  close_block(tree);
  while (tree->depth > 1) lift(tree);
  if (tree->depth == 1) tree->total = add(tree, tree->total, tree->nodes[0].value);
  tree->depth = 0;
}
