#include "bench/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { BLOCK_BYTES = 1 << 20, WORDS_PER_BLOCK = BLOCK_BYTES / 8 };
/* Of 256 values of a random byte so many become newlines: lines of about 42 bytes. */
enum { NEWLINES_OF_256 = 6 };

vyre_status_t vyre_bench_file_read(int fd, void *to, size_t size, uint64_t offset) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return vyre_status_from_errno(errno, VYRE_E_IO, "pread at %llu", (unsigned long long)(offset + done));
    if (got == 0) return vyre_status_make(VYRE_E_FILE_CHANGED, "it ended at %llu", (unsigned long long)(offset + done));
    done += (size_t)got;
  }
  return NULL;
}

static void make_block(uint64_t *random, uint8_t *block) {
  for (uint32_t word = 0; word < WORDS_PER_BLOCK; word++) {
    uint64_t bits = vyre_bench_random(random);
    for (uint32_t i = 0; i < 8; i++, bits >>= 8) {
      uint8_t byte = (uint8_t)bits;
      block[word * 8 + i] = byte < NEWLINES_OF_256 ? (uint8_t)'\n' : (uint8_t)('a' + byte % 26);
    }
  }
}

static vyre_status_t write_blocks(int fd, uint8_t *block, uint64_t bytes, uint64_t seed) {
  uint64_t random = seed;
  for (uint64_t done = 0; done < bytes;) {
    size_t size = bytes - done < BLOCK_BYTES ? (size_t)(bytes - done) : BLOCK_BYTES;
    make_block(&random, block);
    for (size_t written = 0; written < size;) {
      ssize_t got = write(fd, block + written, size - written);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return vyre_status_from_errno(errno, VYRE_E_IO, "write");
      written += (size_t)got;
    }
    done += size;
  }
  /* Or the disk writes while others are measured. */
  return fdatasync(fd) == 0 ? NULL : vyre_status_from_errno(errno, VYRE_E_IO, "fdatasync");
}

static vyre_status_t open_temporary(const vyre_bench_params_t *params, uint8_t *block, vyre_bench_file_t *file) {
  const char *folder = getenv("TMPDIR");
  char path[PATH_MAX];
  if (!folder || !*folder) folder = "/var/tmp";
  /* Cut off, it would be the name of another folder. */
  bool fits = snprintf(path, sizeof path, "%s/vyre-bench-XXXXXX", folder) < (int)sizeof path;
  if (!fits) errno = ENAMETOOLONG;
  file->fd = fits ? mkostemp(path, O_CLOEXEC) : -1;
  if (file->fd < 0)
    return vyre_status_with_fix(
        vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "make a temporary file"), "%s", fits ? path : folder),
        "Set TMPDIR to a folder that can be written, or name a file by --file.");
  unlink(path);
  snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
  file->name = file->path;
  file->bytes = params->bytes;
  int error = posix_fallocate(file->fd, 0, (off_t)params->bytes); /* a full disk shows before minutes of writing */
  vyre_status_t status = error
                             ? vyre_status_from_errno(error, VYRE_E_IO, "%llu bytes", (unsigned long long)params->bytes)
                             : write_blocks(file->fd, block, params->bytes, params->seed);
  return vyre_status_with_fix(vyre_status_at(status, "%s", path),
                              "Lower --bytes, set TMPDIR to a folder with room, or name a file by --file.");
}

static vyre_status_t open_named(const vyre_bench_params_t *params, vyre_bench_file_t *file) {
  struct stat facts;
  file->name = params->file;
  file->fd = open(params->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file->fd < 0 || fstat(file->fd, &facts) != 0)
    return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "open"), "%s", params->file);
  if (!S_ISREG(facts.st_mode))
    return vyre_status_at(vyre_status_make(VYRE_E_NOT_A_FILE, "it cannot be measured"), "%s", params->file);
  file->bytes = (uint64_t)facts.st_size;
  if (file->bytes > 0) return NULL;
  return vyre_status_with_fix(
      vyre_status_at(vyre_status_make(VYRE_E_ARGUMENT, "the file is empty"), "%s", params->file),
      "Name a file with bytes in it by --file, or leave --file out.");
}

static vyre_status_t count_all(vyre_bench_file_t *file, uint8_t *block) {
  for (uint64_t at = 0; at < file->bytes; at += BLOCK_BYTES) {
    size_t size = file->bytes - at < BLOCK_BYTES ? (size_t)(file->bytes - at) : BLOCK_BYTES;
    VYRE_TRY(vyre_bench_file_read(file->fd, block, size, at));
    file->lines += vyre_bench_count_lines(block, size);
  }
  return NULL;
}

vyre_status_t vyre_bench_file_open(const vyre_bench_params_t *params, vyre_bench_file_t *out_file) {
  *out_file = (vyre_bench_file_t){.fd = -1};
  uint8_t *block = vyre_alloc(BLOCK_BYTES);
  if (!block) return vyre_out_of_memory(BLOCK_BYTES);
  vyre_status_t status = params->file ? open_named(params, out_file) : open_temporary(params, block, out_file);
  if (!status) status = vyre_status_at(count_all(out_file, block), "%s", out_file->name);
  vyre_free(block);
  return status;
}

void vyre_bench_file_close(vyre_bench_file_t *file) {
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
}
