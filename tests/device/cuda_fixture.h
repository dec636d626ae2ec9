/* A session on the fake driver. Tests that use it are linked with fake-cuda, and wrap vyre_codegen_load. Include after
 * cmocka.h. */
#ifndef TESTS_DEVICE_CUDA_FIXTURE_H
#define TESTS_DEVICE_CUDA_FIXTURE_H

#include <vyre/session.h>

#include "base/clock.h"
#include "base/status.h"
#include "fake_cuda/fake_cuda.h"
#include "support/expect.h"

enum { CUDA_WORKERS = 3, CUDA_WINDOW_BYTES = 8192 };

typedef struct cuda_fixture {
  vyre_device_t *device;
  vyre_session_t *session;
  uint32_t window;
  uint32_t *words; /* of the window */
} cuda_fixture_t;

/* cuda:0 with CUDA_WORKERS workers, 16 slots and cells, no Programs. What was made stays in *f when it fails. */
vyre_status_t cuda_fixture_open(cuda_fixture_t *f);
vyre_status_t cuda_fixture_start(cuda_fixture_t *f); /* a session on f->device, and its window */
/* Whether the session was stopped or not. */
void cuda_fixture_close(cuda_fixture_t *f);

vyre_slot_t cuda_slot_store(const cuda_fixture_t *f, uint32_t offset, uint32_t value);
vyre_slot_t cuda_slot_load(const cuda_fixture_t *f, uint32_t offset);
vyre_completion_t cuda_fixture_run(cuda_fixture_t *f, vyre_slot_t slot);

/* Fails the test unless the status has this code and its text, causes and Fix included, all of `words` ("a|b|c"). */
void cuda_expect(vyre_status_t status, vyre_code_t code, const char *words);
/* Fails the test unless the driver has got back all that it gave. */
void cuda_expect_nothing_left(void);

#endif
