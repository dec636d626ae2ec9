#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
  BLOCK_BYTES = 1 << 20,
  WORD_COUNT = 4096,
  WORD_BYTES_MAX = 12,
  SIZE_MIN_MIB = 64,
  SPARE_MIB = 512, /* what the rest of the machine keeps */
};

typedef struct words {
  char text[WORD_COUNT][WORD_BYTES_MAX + 4];
  uint8_t bytes[WORD_COUNT];
} words_t;

_Noreturn static void die(const char *what, const char *fix) {
  fprintf(stderr, "bench: the text file: %s: %s\nFix: %s\n", what, errno ? strerror(errno) : "failed", fix);
  exit(1);
}

static uint64_t draw(uint64_t *random, uint64_t below) {
  *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (*random >> 33) % below;
}

/* Letters as often as in English. */
static void make_words(uint64_t *random, words_t *words) {
  static const char letters[] =
      "eeeeeeeeeeeetttttttttaaaaaaaaoooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuu"
      "mmmwwffggyyppbbvkjxqz";
  for (int i = 0; i < WORD_COUNT; i++) {
    words->bytes[i] = (uint8_t)(1 + draw(random, 6) + draw(random, WORD_BYTES_MAX - 6));
    for (int k = 0; k < words->bytes[i]; k++) words->text[i][k] = letters[draw(random, sizeof letters - 1)];
    if (draw(random, 12) == 0) words->text[i][0] = (char)(words->text[i][0] - 'a' + 'A');
    if (draw(random, 40) == 0) words->text[i][0] = (char)('0' + draw(random, 10));
    if (draw(random, 12) == 0) words->text[i][words->bytes[i]++] = draw(random, 3) ? ',' : '.';
    words->text[i][words->bytes[i]++] = ' ';
  }
}

/* Lines of 0 to 24 words; a block begins a line and may end within one. */
static void make_block(uint64_t *random, const words_t *words, char *block) {
  size_t used = 0, left_in_line = 0;
  while (used < BLOCK_BYTES) {
    if (left_in_line == 0) {
      if (used > 0) block[used++] = '\n';
      left_in_line = draw(random, 25);
      continue;
    }
    uint64_t word = draw(random, WORD_COUNT);
    size_t part = words->bytes[word] < BLOCK_BYTES - used ? words->bytes[word] : BLOCK_BYTES - used;
    memcpy(block + used, words->text[word], part);
    used += part;
    left_in_line--;
  }
}

static void write_text(int fd, uint64_t bytes) {
  static words_t words;
  static char block[BLOCK_BYTES];
  uint64_t random = 20261122;
  make_words(&random, &words);
  for (uint64_t done = 0; done < bytes;) {
    make_block(&random, &words, block);
    size_t part = bytes - done < BLOCK_BYTES ? (size_t)(bytes - done) : BLOCK_BYTES;
    errno = 0;
    if (write(fd, block, part) != (ssize_t)part)
      die("write", "Name a folder with room by --dir, or a size by --bytes.");
    done += part;
  }
  if (fsync(fd) != 0) die("fsync", "Name another folder by --dir."); /* or the disk writes while others are measured */
}

static void read_all(int fd) {
  static char block[BLOCK_BYTES];
  ssize_t got;
  for (off_t at = 0; (got = pread(fd, block, sizeof block, at)) != 0; at += got)
    if (got < 0) die("read", "Name another folder by --dir.");
}

static uint64_t memory_available(void) {
  char line[256];
  unsigned long long kib = 0;
  FILE *file = fopen("/proc/meminfo", "r");
  while (file && fgets(line, sizeof line, file) && sscanf(line, "MemAvailable: %llu kB", &kib) != 1) continue;
  if (file) fclose(file);
  return (uint64_t)kib << 10;
}

static uint64_t size_that_fits(const char *folder, uint64_t wanted) {
  struct statvfs facts;
  if (statvfs(folder, &facts) != 0) die(folder, "Name a folder by --dir.");
  uint64_t disk = (uint64_t)facts.f_bavail * facts.f_frsize, memory = memory_available(),
           spare = (uint64_t)SPARE_MIB << 20, bytes = wanted;
  while (bytes + spare > disk || bytes + spare > memory) bytes /= 2;
  if (bytes == wanted) return bytes;
  errno = 0;
  if (bytes < (uint64_t)SIZE_MIN_MIB << 20) die("no room for even a small one", "Free disk or memory, or use --dir.");
  printf("NOTE: %llu MiB of text were asked for; %s has room for %llu MiB and memory for %llu MiB: taking %llu MiB\n",
         (unsigned long long)(wanted >> 20), folder, (unsigned long long)(disk >> 20),
         (unsigned long long)(memory >> 20), (unsigned long long)(bytes >> 20));
  return bytes;
}

static const char *default_folder(const char *folder) {
  const char *temporary = getenv("TMPDIR");
  return folder ? folder : temporary && *temporary ? temporary : "/var/tmp";
}

/* A file without a name is opened through the descriptor of this process. */
static void create(const char *folder, bool is_kept, bench_text_file_t *file) {
  errno = 0;
  snprintf(file->path, sizeof file->path, "%.200s/vyre-bench-XXXXXX", folder);
  file->fd = mkostemp(file->path, O_CLOEXEC);
  if (file->fd < 0) die(file->path, "Name a folder that can be written by --dir.");
  if (is_kept) {
    printf("the text file is kept: %s\n", file->path);
    return;
  }
  unlink(file->path);
  snprintf(file->path, sizeof file->path, "/proc/%d/fd/%d", (int)getpid(), file->fd);
}

void bench_text_file_open(const char *folder, uint64_t bytes, bool is_kept, bench_text_file_t *out_file) {
  folder = default_folder(folder);
  out_file->bytes = size_that_fits(folder, bytes);
  create(folder, is_kept, out_file);
  write_text(out_file->fd, out_file->bytes);
  read_all(out_file->fd);
  read_all(out_file->fd);
}

void bench_text_file_open_hole(const char *folder, uint64_t bytes, bench_text_file_t *out_file) {
  create(default_folder(folder), false, out_file);
  out_file->bytes = bytes;
  if (ftruncate(out_file->fd, (off_t)bytes) != 0) die("ftruncate", "Name a folder that takes sparse files by --dir.");
}

double bench_text_file_resident(const bench_text_file_t *file) {
  enum { STEP_PAGES = 1 << 16 };
  static unsigned char present[STEP_PAGES];
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages = (file->bytes + page - 1) / page, count = 0;
  uint8_t *map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, file->fd, 0);
  if (map == MAP_FAILED) die("mmap", "Ask for fewer --bytes.");
  for (uint64_t at = 0; at < pages; at += STEP_PAGES) {
    uint64_t step = pages - at < STEP_PAGES ? pages - at : STEP_PAGES;
    if (mincore(map + at * page, step * page, present) != 0) die("mincore", "Ask for fewer --bytes.");
    for (uint64_t i = 0; i < step; i++) count += present[i] & 1;
  }
  munmap(map, file->bytes);
  return (double)count / (double)pages;
}

void bench_text_file_close(bench_text_file_t *file) {
  close(file->fd);
  file->fd = -1;
}
