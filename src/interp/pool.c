#include "interp/pool.h"

#include <pthread.h>

#include "base/memory.h"

enum { HEAD_BYTES = 16 }; /* in front of a piece, which keeps its alignment */

typedef struct piece {
  struct piece *next;
} piece_t;

struct vyre_pool {
  size_t piece_bytes;
  pthread_mutex_t lock;
  pthread_cond_t given;
  piece_t *free_pieces;
};

static piece_t *make_piece(const vyre_pool_t *pool) { return vyre_alloc(HEAD_BYTES + pool->piece_bytes); }

vyre_status_t vyre_pool_create(size_t piece_bytes, vyre_pool_t **out_pool) {
  vyre_pool_t *pool = vyre_calloc(1, sizeof *pool);
  if (!pool) return vyre_out_of_memory(sizeof *pool);
  pool->piece_bytes = piece_bytes;
  pool->free_pieces = make_piece(pool);
  if (!pool->free_pieces) {
    vyre_free(pool);
    return vyre_out_of_memory(piece_bytes);
  }
  pool->free_pieces->next = NULL;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->given, NULL);
  *out_pool = pool;
  return NULL;
}

void vyre_pool_destroy(vyre_pool_t *pool) {
  if (!pool) return;
  while (pool->free_pieces) {
    piece_t *piece = pool->free_pieces;
    pool->free_pieces = piece->next;
    vyre_free(piece);
  }
  pthread_cond_destroy(&pool->given);
  pthread_mutex_destroy(&pool->lock);
  vyre_free(pool);
}

void *vyre_pool_take(vyre_pool_t *pool) {
  pthread_mutex_lock(&pool->lock);
  piece_t *piece = pool->free_pieces ? NULL : make_piece(pool);
  if (!piece) {
    while (!pool->free_pieces) pthread_cond_wait(&pool->given, &pool->lock);
    piece = pool->free_pieces;
    pool->free_pieces = piece->next;
  }
  pthread_mutex_unlock(&pool->lock);
  return (uint8_t *)piece + HEAD_BYTES;
}

void vyre_pool_give(vyre_pool_t *pool, void *memory) {
  piece_t *piece = (piece_t *)(void *)((uint8_t *)memory - HEAD_BYTES);
  pthread_mutex_lock(&pool->lock);
  piece->next = pool->free_pieces;
  pool->free_pieces = piece;
  pthread_cond_signal(&pool->given);
  pthread_mutex_unlock(&pool->lock);
}
