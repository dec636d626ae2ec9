/* The copy engine reads the page cache itself: files are mapped, their pages registered with the device part by part
 * (registrar.h), and each chunk is copied from there into a mirror in the device's memory. No CPU touches the bytes.
 *
 * Parts go round: those of the chunks that are copied now, behind them those that are given back, ahead of them those
 * that are registered. A stream finishes when its last part has been given back, so that what that says is told.
 *
 * Registering reads what the page cache does not hold, page by page: files that are cold are faster by `direct`. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "megakernel/session.h"
#include "stream/path.h"
#include "stream/registrar.h"

/* A part is as much as is registered at once: its cost is by call and by page. PARTS of them are as many pages as the
 * page cache cannot give up meanwhile. */
enum { PART_BYTES = 64 << 20, PARTS = 8 };

typedef struct place {
  uint32_t file;
  uint64_t offset; /* of the part, in the file */
} place_t;

/* What the path knows of a part beside the registrar. */
typedef struct use {
  place_t place;
  uint32_t chunks; /* not copied yet, of those that were begun; a chunk that had to wait may come behind later ones */
  uint64_t begun;  /* bytes of chunks that were begun: from the first on, the stream waits for the part's end */
} use_t;

/* A file's mapping, while parts of it are there. */
typedef struct mapping {
  uint8_t *start;
  uint64_t left; /* bytes of parts that have not come to their end */
} mapping_t;

typedef struct mapper {
  vyre_stream_mirror_t mirror;
  vyre_registrar_t *registrar;
  vyre_part_t parts[PARTS];
  use_t uses[PARTS];
  uint64_t first, end; /* parts that are not free, round and round */
  place_t next;        /* of the part at `end` */
  mapping_t *mappings; /* by file */
  uint64_t part_bytes; /* whole chunks */
} mapper_t;

static mapper_t *mapper_of(const vyre_stream_worker_t *worker) { return worker->own; }

/* A page that is behind the end of the file has no memory. */
static vyre_status_t tell_shrunk(const vyre_stream_file_t *file, uint64_t end, vyre_status_t status) {
  struct stat now;
  if (fstat(file->fd, &now) != 0 || (uint64_t)now.st_size >= end) return status;
  return vyre_status_because(
      vyre_status_make(VYRE_E_FILE_CHANGED, "it has %llu bytes now; it had %llu when it was opened",
                       (unsigned long long)now.st_size, (unsigned long long)file->bytes),
      status);
}

/* ---- parts ---- */

static vyre_status_t map_file(const vyre_stream_file_t *file, mapping_t *mapping) {
  if (mapping->start) return NULL;
  void *start = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, file->fd, 0);
  if (start == MAP_FAILED) return vyre_status_from_errno(errno, VYRE_E_IO, "mmap");
  *mapping = (mapping_t){.start = start, .left = file->bytes};
  return NULL;
}

static void unmap_file(const vyre_stream_file_t *file, mapping_t *mapping) {
  munmap(mapping->start, file->bytes);
  mapping->start = NULL;
}

/* Wants the next part of the stream's files, while a part is free. A file that cannot be mapped gives a part that says
 * so: the chunk that comes to it ends the stream. */
static void want_parts(vyre_stream_pump_t *pump, mapper_t *mapper) {
  const vyre_stream_files_t *files = pump->files;
  while (mapper->end - mapper->first < PARTS) {
    place_t at = mapper->next;
    while (at.file < files->count && files->files[at.file].bytes == at.offset) at = (place_t){.file = at.file + 1};
    mapper->next = at;
    if (at.file == files->count) return;
    const vyre_stream_file_t *file = &files->files[at.file];
    uint64_t left = file->bytes - at.offset;
    vyre_part_t *part = &mapper->parts[mapper->end % PARTS];
    mapping_t *mapping = &mapper->mappings[at.file];
    part->bytes = left < mapper->part_bytes ? left : mapper->part_bytes;
    part->status = map_file(file, mapping);
    mapper->uses[mapper->end % PARTS] = (use_t){.place = at};
    mapper->next.offset += part->bytes;
    mapper->end++;
    part->pages = part->status ? NULL : mapping->start + at.offset;
    if (part->status) {
      atomic_store(&part->state, VYRE_PART_OPEN);
      return;
    }
    vyre_registrar_want(mapper->registrar, part);
  }
}

/* Gives back the parts that no chunk will be copied from any more. True: one was. */
static bool leave_parts(vyre_stream_pump_t *pump, mapper_t *mapper) {
  bool is_over = atomic_load(&pump->is_exhausted);
  bool has_left = false;
  for (uint64_t i = mapper->first; i < mapper->end; i++) {
    use_t *use = &mapper->uses[i % PARTS];
    vyre_part_t *part = &mapper->parts[i % PARTS];
    if (!use->begun || use->chunks || vyre_part_state(part) != VYRE_PART_OPEN) continue;
    if (use->begun < part->bytes && !is_over) continue;
    vyre_registrar_leave(mapper->registrar, part);
    has_left = true;
  }
  return has_left;
}

/* Takes those that have been given back. True: there was one. */
static bool take_parts(vyre_stream_pump_t *pump, mapper_t *mapper) {
  uint64_t before = mapper->first;
  for (; mapper->first < mapper->end; mapper->first++) {
    uint32_t index = mapper->first % PARTS;
    vyre_part_t *part = &mapper->parts[index];
    if (vyre_part_state(part) != VYRE_PART_CLOSED) break;
    place_t place = mapper->uses[index].place;
    mapping_t *mapping = &mapper->mappings[place.file];
    mapping->left -= part->bytes;
    if (mapping->left == 0) unmap_file(&pump->files->files[place.file], mapping);
    vyre_stream_chunk_t chunk = {.file = place.file, .offset = place.offset};
    vyre_status_t status = part->status;
    part->status = NULL;
    atomic_store(&part->state, VYRE_PART_FREE);
    vyre_stream_let_go(pump, &chunk, status);
  }
  return mapper->first != before;
}

/* ---- chunks ---- */

/* The chunk's part, as chunks come in the order of parts; NULL: it is not open yet. */
static vyre_part_t *find_part(mapper_t *mapper, const vyre_stream_chunk_t *chunk) {
  for (uint64_t i = mapper->first; i < mapper->end; i++) {
    const use_t *use = &mapper->uses[i % PARTS];
    vyre_part_t *part = &mapper->parts[i % PARTS];
    if (use->place.file != chunk->file || chunk->offset < use->place.offset) continue;
    if (chunk->offset - use->place.offset >= part->bytes) continue;
    return vyre_part_state(part) == VYRE_PART_OPEN ? part : NULL;
  }
  return NULL;
}

static bool begin(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  mapper_t *mapper = mapper_of(worker);
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
  want_parts(pump, mapper);
  vyre_part_t *part = find_part(mapper, chunk);
  if (!part) return false;
  if (part->status) {
    vyre_status_t status = part->status;
    part->status = NULL;
    vyre_stream_lose(pump, buffer, 0,
                     tell_shrunk(&pump->files->files[chunk->file], chunk->offset + part->bytes, status));
    return true;
  }
  buffer->part = (uint32_t)(part - mapper->parts);
  use_t *use = &mapper->uses[buffer->part];
  uint64_t within = chunk->offset - use->place.offset;
  if (!vyre_stream_mirror_begin(pump, worker, &mapper->mirror, buffer, part->pages + within)) return true;
  if (!use->begun) vyre_stream_hold(pump);
  use->begun += chunk->bytes;
  use->chunks++;
  return true;
}

/* The chunk's bytes are copied, or given up. */
static void leave_chunk(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  (void)pump;
  mapper_of(worker)->uses[buffer->part].chunks--;
}

static uint32_t progress(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  mapper_t *mapper = mapper_of(worker);
  uint32_t work = vyre_stream_mirror_reap(pump, worker, &mapper->mirror, leave_chunk);
  work += leave_parts(pump, mapper);
  return work + take_parts(pump, mapper);
}

/* Copies end without a word; a part's news come at once. */
static bool wait(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, uint64_t timeout_ns) {
  enum { COPY_NS = 40000 /* a chunk of 2 MiB over the bus */ };
  const mapper_t *mapper = mapper_of(worker);
  if (!atomic_load(&pump->busy)) return false;
  vyre_registrar_wait(mapper->registrar, timeout_ns < COPY_NS ? timeout_ns : COPY_NS);
  return true;
}

static uint64_t place(const vyre_stream_pump_t *pump, const vyre_stream_worker_t *worker,
                      const vyre_stream_buffer_t *buffer) {
  (void)pump;
  return vyre_stream_index_of(worker, buffer) * mapper_of(worker)->mirror.place_bytes;
}

/* ---- life ---- */

static vyre_status_t init(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  uint32_t chunk_bytes = pump->files->chunk_bytes;
  mapper_t *mapper = worker->own = vyre_calloc(1, sizeof *mapper);
  if (!mapper) return vyre_out_of_memory(sizeof *mapper);
  mapper->part_bytes = chunk_bytes >= PART_BYTES ? chunk_bytes : PART_BYTES / chunk_bytes * chunk_bytes;
  mapper->mappings = vyre_calloc(pump->files->count, sizeof *mapper->mappings);
  if (!mapper->mappings) return vyre_out_of_memory(pump->files->count * sizeof *mapper->mappings);
  VYRE_TRY(vyre_stream_mirror_init(pump, worker, &mapper->mirror, chunk_bytes));
  return vyre_registrar_create(vyre_session_device(pump->session), pump->copy_ops, mapper->parts, PARTS,
                               &mapper->registrar);
}

static void deinit(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  mapper_t *mapper = mapper_of(worker);
  if (!mapper) return;
  vyre_stream_mirror_deinit(pump, &mapper->mirror);
  vyre_registrar_destroy(mapper->registrar);
  for (uint32_t i = 0; mapper->mappings && i < pump->files->count; i++)
    if (mapper->mappings[i].start) unmap_file(&pump->files->files[i], &mapper->mappings[i]);
  vyre_free(mapper->mappings);
  vyre_free(mapper);
  worker->own = NULL;
}

const vyre_stream_path_t vyre_stream_path_mapped = {.init = init,
                                                    .deinit = deinit,
                                                    .begin = begin,
                                                    .progress = progress,
                                                    .wait = wait,
                                                    .place = place,
                                                    .begins_all = true,
                                                    .sleeps = true};
