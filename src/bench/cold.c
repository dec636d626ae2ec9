/* Lines of a file that the page cache does not hold: a stream, and the same reads into memory of the host. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/file.h"
#include "device/device.h"
#include "uring/uring.h"

/* As many bytes in flight as a stream of a GPU has by default. */
enum { READ_BYTES = 4 << 20, READS = 32, BLOCK_BYTES = 4096 };

/* Clean pages go; what was written and has not reached the disk is written first. */
static vyre_status_t drop_pages(const vyre_bench_file_t *file) {
  if (fdatasync(file->fd) != 0 && errno != EBADF && errno != EINVAL)
    return vyre_status_from_errno(errno, VYRE_E_IO, "fdatasync");
  int error = posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
  return error ? vyre_status_from_errno(error, VYRE_E_IO, "posix_fadvise") : NULL;
}

typedef struct reader {
  vyre_uring_t *uring;
  vyre_uring_arena_t *arena;
  int fd;
  uint64_t bytes, next, done;
  uint64_t at[READS]; /* of the read in each buffer */
} reader_t;

static void ask(reader_t *r, uint32_t buffer) {
  if (r->next >= r->bytes) return;
  r->at[buffer] = r->next;
  vyre_uring_read_fixed(r->uring, r->fd, buffer, vyre_uring_arena_buffer(r->arena, buffer), READ_BYTES, r->next, buffer,
                        VYRE_URING_ASYNC);
  r->next += READ_BYTES;
}

/* A direct read of a regular file is short at its end only. */
static vyre_status_t take(reader_t *r, const vyre_uring_completion_t *completion) {
  uint32_t buffer = (uint32_t)completion->user_data;
  uint64_t left = r->bytes - r->at[buffer], wanted = left < READ_BYTES ? left : READ_BYTES;
  if (completion->result < 0) return vyre_status_from_errno(-completion->result, VYRE_E_IO, "O_DIRECT read");
  if ((uint64_t)completion->result < wanted)
    return vyre_bench_wrong(VYRE_BENCH_ROW_COLD_READ, r->at[buffer], (uint64_t)completion->result, wanted);
  r->done += wanted;
  ask(r, buffer);
  return NULL;
}

static vyre_status_t read_all(reader_t *r) {
  for (uint32_t i = 0; i < READS; i++) ask(r, i);
  while (vyre_uring_in_flight(r->uring)) {
    VYRE_TRY(vyre_uring_submit_and_wait(r->uring, 1, UINT64_MAX));
    vyre_uring_completion_t completions[READS];
    uint32_t count = vyre_uring_reap(r->uring, completions, READS);
    for (uint32_t i = 0; i < count; i++) VYRE_TRY(take(r, &completions[i]));
  }
  return NULL;
}

/* What lies in the buffers last is what the file holds there. */
static vyre_status_t verify(const reader_t *r, const vyre_bench_file_t *file) {
  uint8_t *wanted = vyre_alloc(READ_BYTES);
  if (!wanted) return vyre_out_of_memory(READ_BYTES);
  vyre_status_t status = r->done == r->bytes ? NULL : vyre_bench_wrong(VYRE_BENCH_ROW_COLD_READ, 0, r->done, r->bytes);
  for (uint32_t i = 0; i < READS && !status; i++) {
    uint64_t left = r->bytes - r->at[i];
    size_t size = left < READ_BYTES ? (size_t)left : READ_BYTES;
    if (i * (uint64_t)READ_BYTES >= r->bytes) break;
    status = vyre_bench_file_read(file->fd, wanted, size, r->at[i]);
    if (!status && memcmp(wanted, vyre_uring_arena_buffer(r->arena, i), size) != 0)
      status = vyre_bench_wrong(VYRE_BENCH_ROW_COLD_READ, r->at[i], 0, 1);
  }
  vyre_free(wanted);
  return status;
}

static vyre_status_t open_reader(const vyre_bench_file_t *file, reader_t *r) {
  r->bytes = file->bytes;
  r->fd = open(file->name, O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (r->fd < 0)
    return vyre_status_with_fix(vyre_status_from_errno(errno, VYRE_E_IO, "open, O_DIRECT"),
                                "Name a file of a disk by --file, or leave `cold` out of --only.");
  VYRE_TRY(vyre_uring_arena_create(READ_BYTES, READS, true, &r->arena));
  VYRE_TRY(vyre_uring_create(&(vyre_uring_params_t){.entries = READS}, &r->uring));
  return vyre_uring_register_arena(r->uring, r->arena);
}

static vyre_status_t direct_reads(vyre_bench_t *bench, const vyre_bench_file_t *file) {
  reader_t r = {.fd = -1};
  vyre_status_t status = open_reader(file, &r);
  uint64_t start_ns = vyre_clock_ns();
  if (!status) status = read_all(&r);
  double seconds = vyre_bench_seconds(start_ns);
  if (!status) status = verify(&r, file);
  vyre_uring_destroy(&r.uring);
  vyre_uring_arena_destroy(&r.arena);
  if (r.fd >= 0) close(r.fd);
  if (!status) vyre_bench_record(bench, VYRE_BENCH_ROW_COLD_READ, (double)file->bytes / seconds * 1e-9, file->bytes, 1);
  return status;
}

/* The path that is chosen, then each by its name, then the reads: all of them cold. */
vyre_status_t vyre_bench_cold(vyre_bench_t *bench, const vyre_bench_file_t *file) {
  static const struct {
    const char *ingest;
    vyre_bench_row_id_t row;
  } paths[] = {{NULL, VYRE_BENCH_ROW_COLD_STREAM},
               {"direct", VYRE_BENCH_ROW_COLD_DIRECT},
               {"fixed", VYRE_BENCH_ROW_COLD_FIXED},
               {"mapped", VYRE_BENCH_ROW_COLD_MAPPED}};
  static const vyre_bench_row_id_t named[] = {VYRE_BENCH_ROW_COLD_DIRECT, VYRE_BENCH_ROW_COLD_FIXED,
                                              VYRE_BENCH_ROW_COLD_MAPPED};
  unsigned count = bench->device->ops->copies ? 4 : 3; /* `mapped` is for a copy engine */
  for (unsigned i = 0; i < count; i++) {
    vyre_bench_stream_rows_t rows = {paths[i].row, VYRE_BENCH_ROW_COUNT, VYRE_BENCH_ROW_COUNT};
    VYRE_TRY(drop_pages(file));
    VYRE_TRY(vyre_bench_run_stream(bench, file, paths[i].ingest, &rows));
  }
  vyre_bench_record(bench, VYRE_BENCH_ROW_COLD_PATHS, vyre_bench_best(bench, named, 3), file->bytes, 0);
  VYRE_TRY(drop_pages(file));
  return direct_reads(bench, file);
}
