#include "stream/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* Files of /proc say that they are empty whatever they hold. */
static vyre_status_t check_empty(const char *path, int fd) {
  uint8_t byte;
  ssize_t got = pread(fd, &byte, sizeof byte, 0);
  if (got == 0) return NULL;
  if (got < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "read"), "%s", path);
  return vyre_status_with_fix(
      vyre_status_at(vyre_status_make(VYRE_E_NOT_A_FILE, "it holds bytes, but its size is 0, as in /proc"), "%s", path),
      "Copy it first (`cat %s >FILE`) and name the copy.", path);
}

static vyre_status_t open_file(const char *path, uint32_t element_bytes, vyre_stream_file_t *file) {
  /* O_NONBLOCK: opening a pipe that nobody writes does not hang; it is refused below. */
  file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file->fd < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "open"), "%s", path);
  struct stat facts;
  if (fstat(file->fd, &facts) != 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "stat"), "%s", path);
  if (!S_ISREG(facts.st_mode)) {
    const char *what = S_ISDIR(facts.st_mode)    ? "a directory"
                       : S_ISFIFO(facts.st_mode) ? "a pipe"
                       : S_ISCHR(facts.st_mode)  ? "a character device"
                       : S_ISBLK(facts.st_mode)  ? "a block device"
                                                 : "a socket";
    return vyre_status_at(vyre_status_make(VYRE_E_NOT_A_FILE, "it is %s", what), "%s", path);
  }
  /* From here on a read may wait: with O_NONBLOCK, kernels give EAGAIN for it where a device cannot read without. */
  if (fcntl(file->fd, F_SETFL, O_RDONLY) != 0)
    return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "fcntl"), "%s", path);
  file->bytes = (uint64_t)facts.st_size;
  if (file->bytes == 0) VYRE_TRY(check_empty(path, file->fd));
  if (file->bytes % element_bytes)
    return vyre_status_with_fix(
        vyre_status_at(
            vyre_status_make(VYRE_E_ARGUMENT, "its size, %llu bytes, is no multiple of the stream's element, %u bytes",
                             (unsigned long long)file->bytes, element_bytes),
            "%s", path),
        "Declare the stream with u8, or name a file of whole elements.");
  file->path = vyre_strdup(path);
  return file->path ? NULL : vyre_out_of_memory(strlen(path));
}

/* The same file again, whatever the name says by now. */
static vyre_status_t open_direct(vyre_stream_file_t *file, bool is_needed) {
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", file->fd);
  file->direct_fd = open(name, O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (file->direct_fd >= 0 || !is_needed) return NULL;
  if (errno != EINVAL && errno != EOPNOTSUPP)
    return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "open, O_DIRECT"), "%s", file->path);
  return vyre_status_with_fix(
      vyre_status_at(vyre_status_make(VYRE_E_UNSUPPORTED, "its file system does not read past the page cache"), "%s",
                     file->path),
      "Use --ingest fixed, or auto.");
}

vyre_status_t vyre_stream_files_open(vyre_stream_files_t *files, const char *const *paths, uint32_t count,
                                     uint32_t chunk_bytes, uint32_t element_bytes, vyre_stream_direct_t direct) {
  *files = (vyre_stream_files_t){.chunk_bytes = chunk_bytes};
  pthread_mutex_init(&files->lock, NULL);
  files->files = vyre_calloc(count, sizeof *files->files);
  if (!files->files) return vyre_out_of_memory(count * sizeof *files->files);
  for (uint32_t i = 0; i < count; i++) files->files[i].fd = files->files[i].direct_fd = -1;
  files->count = count;
  for (uint32_t i = 0; i < count; i++) {
    VYRE_TRY(open_file(paths[i], element_bytes, &files->files[i]));
    files->bytes += files->files[i].bytes;
  }
  /* When all are open: what may be done without takes no descriptor from what may not. */
  for (uint32_t i = 0; i < count && direct != VYRE_STREAM_CACHED; i++)
    VYRE_TRY(open_direct(&files->files[i], direct == VYRE_STREAM_DIRECT));
  return NULL;
}

vyre_status_t vyre_stream_files_of_buffer(vyre_stream_files_t *files, uint64_t bytes, uint32_t chunk_bytes) {
  *files = (vyre_stream_files_t){.chunk_bytes = chunk_bytes, .bytes = bytes};
  pthread_mutex_init(&files->lock, NULL);
  files->files = vyre_calloc(1, sizeof *files->files);
  if (!files->files) return vyre_out_of_memory(sizeof *files->files);
  files->count = 1;
  files->files[0] = (vyre_stream_file_t){.fd = -1, .direct_fd = -1, .bytes = bytes, .path = vyre_strdup("the buffer")};
  return files->files[0].path ? NULL : vyre_out_of_memory(16);
}

void vyre_stream_files_close(vyre_stream_files_t *files) {
  for (uint32_t i = 0; files->files && i < files->count; i++) {
    if (files->files[i].fd >= 0) close(files->files[i].fd);
    if (files->files[i].direct_fd >= 0) close(files->files[i].direct_fd);
    vyre_free(files->files[i].path);
  }
  vyre_free(files->files);
  pthread_mutex_destroy(&files->lock);
}

bool vyre_stream_files_next(vyre_stream_files_t *files, vyre_stream_chunk_t *out_chunk) {
  pthread_mutex_lock(&files->lock);
  bool has_next = files->next_file < files->count;
  if (has_next) {
    uint64_t left = files->files[files->next_file].bytes - files->next_offset;
    *out_chunk = (vyre_stream_chunk_t){.file = files->next_file,
                                       .offset = files->next_offset,
                                       .bytes = left < files->chunk_bytes ? (uint32_t)left : files->chunk_bytes,
                                       .is_last = left <= files->chunk_bytes,
                                       .number = files->next_number++};
    files->next_offset += out_chunk->bytes;
    if (out_chunk->is_last) {
      files->next_file++;
      files->next_offset = 0;
    }
  }
  pthread_mutex_unlock(&files->lock);
  return has_next;
}

bool vyre_stream_files_has_next(vyre_stream_files_t *files) {
  pthread_mutex_lock(&files->lock);
  bool has_next = files->next_file < files->count;
  pthread_mutex_unlock(&files->lock);
  return has_next;
}
