/* The sum of floats over the positions of a stream (docs/language.md, "Reducers"): blocks of 4096 positions with 32
 * partial sums each, a binary tree over the blocks.
 *
 * Threads: the call's. */
#ifndef VYRE_INTERP_TREE_H
#define VYRE_INTERP_TREE_H

#include "ir/program.h"

enum { VYRE_TREE_BLOCK = 4096, VYRE_TREE_PARTIALS = 32, VYRE_TREE_LEVELS = 64 };

/* Node (level, index) covers the blocks index << level up to the next node's. */
typedef struct vyre_tree_node {
  uint64_t index, value;
  uint32_t level;
} vyre_tree_node_t;

typedef struct vyre_tree {
  vyre_type_t type;
  uint64_t zero;  /* -0.0: changes nothing */
  uint64_t total; /* of what was closed */
  uint64_t block; /* the open one */
  bool is_open;
  uint64_t partials[VYRE_TREE_PARTIALS];
  uint32_t depth; /* nodes that wait for what is right of them, the leftmost first; their levels fall */
  vyre_tree_node_t nodes[VYRE_TREE_LEVELS + 1];
} vyre_tree_t;

void vyre_tree_init(vyre_tree_t *tree, const vyre_param_t *param);
/* Positions do not fall from one addition to the next, until the tree is closed. */
void vyre_tree_add(vyre_tree_t *tree, uint64_t position, uint64_t value);
/* Adds the lowest node over all blocks to the total. */
void vyre_tree_close(vyre_tree_t *tree);

#endif
