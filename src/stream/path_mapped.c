/* The copy engine reads the page cache itself: parts of a file are mapped, their pages registered with the device, and
 * each chunk is copied from there into a mirror in the device's memory. No CPU touches the bytes. A part is given back
 * when the last chunk of it has been copied.
 *
 * Registering reads what the page cache does not hold, page by page: files that are cold are faster by `direct`. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "megakernel/session.h"
#include "stream/path.h"

/* A part is as much as is registered at once: its cost is by call and by page (1.6 ms for 64 MiB), and while one is
 * registered the copy engine works on those before it. */
enum { PART_BYTES = 64 << 20, PARTS = 4, PAGE_BYTES = 4096 };

typedef struct part {
  uint8_t *map; /* NULL: free */
  uint64_t bytes;
  uint32_t file;
  uint64_t number; /* of the part in its file */
  uint32_t chunks; /* not copied yet, of those that were begun */
  bool is_begun;   /* its last chunk has been */
  vyre_memory_t pinned;
} part_t;

typedef struct mapper {
  vyre_stream_mirror_t mirror;
  part_t parts[PARTS];
} mapper_t;

static mapper_t *mapper_of(const vyre_stream_worker_t *worker) { return worker->own; }

static uint64_t part_bytes(const vyre_stream_pump_t *pump) {
  uint32_t chunk_bytes = pump->files->chunk_bytes;
  return chunk_bytes >= PART_BYTES ? chunk_bytes : PART_BYTES / chunk_bytes * chunk_bytes;
}

static vyre_status_t give_back(const vyre_stream_pump_t *pump, part_t *part) {
  vyre_status_t status = pump->copy_ops->unpin(vyre_session_device(pump->session), &part->pinned);
  munmap(part->map, part->bytes);
  *part = (part_t){0};
  return status;
}

/* A page that is behind the end of the file has no memory. */
static vyre_status_t tell_shrunk(const vyre_stream_file_t *file, uint64_t end, vyre_status_t status) {
  struct stat now;
  if (fstat(file->fd, &now) != 0 || (uint64_t)now.st_size >= end) return status;
  return vyre_status_because(
      vyre_status_make(VYRE_E_FILE_CHANGED, "it has %llu bytes now; it had %llu when it was opened",
                       (unsigned long long)now.st_size, (unsigned long long)file->bytes),
      status);
}

static vyre_status_t open_part(const vyre_stream_pump_t *pump, const vyre_stream_chunk_t *chunk, part_t *part) {
  const vyre_stream_file_t *file = &pump->files->files[chunk->file];
  uint64_t number = chunk->offset / part_bytes(pump), offset = number * part_bytes(pump);
  uint64_t bytes = file->bytes - offset < part_bytes(pump) ? file->bytes - offset : part_bytes(pump);
  void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file->fd, (off_t)offset);
  if (map == MAP_FAILED) return vyre_status_from_errno(errno, VYRE_E_IO, "mmap");
  part_t opened = {.map = map, .bytes = bytes, .file = chunk->file, .number = number};
  vyre_status_t status = pump->copy_ops->pin(vyre_session_device(pump->session), map,
                                             (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES, &opened.pinned);
  if (status) {
    munmap(map, bytes);
    return tell_shrunk(file, offset + bytes, status);
  }
  *part = opened;
  return NULL;
}

/* The part that has the chunk; a free one for it; NULL: none is free. */
static part_t *find_part(const vyre_stream_pump_t *pump, mapper_t *mapper, const vyre_stream_chunk_t *chunk) {
  uint64_t number = chunk->offset / part_bytes(pump);
  part_t *free_part = NULL;
  for (unsigned i = 0; i < PARTS; i++) {
    part_t *part = &mapper->parts[i];
    if (part->map && part->file == chunk->file && part->number == number) return part;
    if (!part->map && !free_part) free_part = part;
  }
  return free_part;
}

static bool begin(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  mapper_t *mapper = mapper_of(worker);
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
  part_t *part = find_part(pump, mapper, chunk);
  if (!part) return false;
  if (!part->map) {
    vyre_status_t status = open_part(pump, chunk, part);
    if (status) {
      vyre_stream_lose(pump, buffer, 0, status);
      return true;
    }
  }
  uint64_t within = chunk->offset - part->number * part_bytes(pump);
  buffer->part = (uint32_t)(part - mapper->parts);
  part->chunks++;
  part->is_begun |= within + chunk->bytes == part->bytes;
  if (!vyre_stream_mirror_begin(pump, worker, &mapper->mirror, buffer, part->map + within)) part->chunks--;
  return true;
}

/* The chunk's bytes are copied, or given up. */
static void leave_part(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  part_t *part = &mapper_of(worker)->parts[buffer->part];
  part->chunks--;
  if (part->chunks > 0 || !part->is_begun) return;
  vyre_status_t status = give_back(pump, part);
  if (status) vyre_stream_fail(pump, buffer, status);
}

static uint32_t progress(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  return vyre_stream_mirror_reap(pump, worker, &mapper_of(worker)->mirror, leave_part);
}

static uint64_t place(const vyre_stream_pump_t *pump, const vyre_stream_worker_t *worker,
                      const vyre_stream_buffer_t *buffer) {
  (void)pump;
  return vyre_stream_index_of(worker, buffer) * mapper_of(worker)->mirror.place_bytes;
}

static vyre_status_t init(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  mapper_t *mapper = worker->own = vyre_calloc(1, sizeof *mapper);
  if (!mapper) return vyre_out_of_memory(sizeof *mapper);
  return vyre_stream_mirror_init(pump, worker, &mapper->mirror, pump->files->chunk_bytes);
}

static void deinit(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  mapper_t *mapper = mapper_of(worker);
  if (!mapper) return;
  vyre_stream_mirror_deinit(pump, &mapper->mirror);
  for (unsigned i = 0; i < PARTS; i++) {
    vyre_status_t status = mapper->parts[i].map ? give_back(pump, &mapper->parts[i]) : NULL;
    vyre_status_destroy(&status); /* of a device that is lost: the stream has told */
  }
  vyre_free(mapper);
  worker->own = NULL;
}

const vyre_stream_path_t vyre_stream_path_mapped = {
    .init = init, .deinit = deinit, .begin = begin, .progress = progress, .place = place, .begins_all = true};
