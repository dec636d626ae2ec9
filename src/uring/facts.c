#include "uring/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "uring/uring.h"

#define CAP_IPC_LOCK_BIT 14 /* linux/capability.h */

/* Reads a whole small file of /proc as text; false when it cannot be read. */
static bool read_text(const char *path, char *buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t length = 0;
  while (length + 1 < size) {
    ssize_t got = read(fd, buffer + length, size - 1 - length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += (size_t)got;
  }
  close(fd);
  buffer[length] = '\0';
  return length > 0;
}

static int32_t read_setting(const char *path) {
  char text[32];
  return read_text(path, text, sizeof text) ? (int32_t)strtol(text, NULL, 10) : -1;
}

/* The value after "name:" at the beginning of a line, or NULL. */
static const char *field(const char *text, const char *name) {
  size_t length = strlen(name);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, name, length) == 0 && line[length] == ':') return line + length + 1;
  }
  return NULL;
}

/* The kernel looks for the capability in the first user namespace: root of a container has it only in name. There the
 * map of user ids is the identity over everything. */
static bool in_first_user_namespace(void) {
  char map[128];
  unsigned long inside = 1, outside = 1, count = 0;
  if (!read_text("/proc/self/uid_map", map, sizeof map)) return true; /* a kernel without user namespaces */
  return sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 &&
         count == UINT32_MAX;
}

static uint64_t limit_bytes(rlim_t limit) { return limit == RLIM_INFINITY ? VYRE_URING_UNLIMITED : (uint64_t)limit; }

void vyre_uring_facts_read(vyre_uring_facts_t *out) {
  *out = (vyre_uring_facts_t){.seccomp_mode = -1};
  struct utsname name;
  if (uname(&name) == 0) snprintf(out->kernel, sizeof out->kernel, "%s", name.release);
  out->uring_disabled = read_setting("/proc/sys/kernel/io_uring_disabled");
  out->uring_group = read_setting("/proc/sys/kernel/io_uring_group");
  char status[8192]; /* about 1.5 KiB; more with many processors */
  if (read_text("/proc/thread-self/status", status, sizeof status)) {
    const char *seccomp = field(status, "Seccomp"), *effective = field(status, "CapEff"),
               *pinned = field(status, "VmPin");
    if (seccomp) out->seccomp_mode = (int32_t)strtol(seccomp, NULL, 10);
    if (effective)
      out->memlock_exempt = (strtoull(effective, NULL, 16) >> CAP_IPC_LOCK_BIT & 1) && in_first_user_namespace();
    if (pinned) out->pinned_bytes = strtoull(pinned, NULL, 10) * 1024;
  }
  struct rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
    out->memlock_bytes = limit_bytes(limit.rlim_cur);
    out->memlock_bytes_hard = limit_bytes(limit.rlim_max);
  }
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) out->files_max = limit_bytes(limit.rlim_cur);
}

/* Asks the kernel itself, on a ring of its own: which operations, which features. */
static void probe_operations(vyre_uring_facts_t *out) {
  struct io_uring ring;
  if (io_uring_queue_init(2, &ring, 0) < 0) return;
  union {
    struct io_uring_probe probe;
    unsigned char bytes[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
  } answer = {.bytes = {0}};
  out->features = ring.features;
  if (io_uring_register_probe(&ring, &answer.probe, 256) == 0)
    out->read_fixed = io_uring_opcode_supported(&answer.probe, IORING_OP_READ_FIXED) != 0;
  io_uring_queue_exit(&ring);
}

vyre_status_t vyre_uring_probe(vyre_uring_facts_t *out_facts) {
  vyre_uring_facts_read(out_facts);
  vyre_uring_t *uring = NULL;
  VYRE_TRY(vyre_uring_create(NULL, &uring));
  out_facts->available = true;
  probe_operations(out_facts);
  vyre_uring_arena_t *arena = NULL;
  vyre_status_t status = vyre_uring_arena_create(1, 1, false, &arena);
  if (!status) status = vyre_uring_register_arena(uring, arena);
  out_facts->fixed_buffers = !status;
  vyre_uring_destroy(&uring);
  vyre_uring_arena_destroy(&arena);
  return status;
}
