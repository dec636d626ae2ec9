#include "stream/inject.h"

#include "base/status.h"
#include "uring/uring.h"

inject_t inject;

/* The names are the linker's. */
bool __real_vyre_uring_read_fixed(vyre_uring_t *uring, int fd, uint32_t buffer, void *address, uint32_t bytes,
                                  uint64_t file_offset, uint64_t user_data, vyre_uring_read_flags_t flags);
bool __wrap_vyre_uring_read_fixed(vyre_uring_t *uring, int fd, uint32_t buffer, void *address, uint32_t bytes,
                                  uint64_t file_offset, uint64_t user_data, vyre_uring_read_flags_t flags);
vyre_status_t __real_vyre_uring_submit(vyre_uring_t *uring);
vyre_status_t __wrap_vyre_uring_submit(vyre_uring_t *uring);
uint32_t __real_vyre_uring_reap(vyre_uring_t *uring, vyre_uring_completion_t *out_completions, uint32_t max);
uint32_t __wrap_vyre_uring_reap(vyre_uring_t *uring, vyre_uring_completion_t *out_completions, uint32_t max);

bool __wrap_vyre_uring_read_fixed(vyre_uring_t *uring, int fd, uint32_t buffer, void *address, uint32_t bytes,
                                  uint64_t file_offset, uint64_t user_data, vyre_uring_read_flags_t flags) {
  if (inject.read) bytes = inject.read(bytes, file_offset);
  return __real_vyre_uring_read_fixed(uring, fd, buffer, address, bytes, file_offset, user_data, flags);
}

vyre_status_t __wrap_vyre_uring_submit(vyre_uring_t *uring) {
  int error = inject.submit ? inject.submit() : 0;
  if (error) return vyre_status_from_errno(error, VYRE_E_INTERNAL, "io_uring_enter");
  return __real_vyre_uring_submit(uring);
}

uint32_t __wrap_vyre_uring_reap(vyre_uring_t *uring, vyre_uring_completion_t *out_completions, uint32_t max) {
  if (inject.holds && inject.holds()) return 0;
  uint32_t count = __real_vyre_uring_reap(uring, out_completions, max);
  for (uint32_t i = 0; inject.reverses && i < count / 2; i++) {
    vyre_uring_completion_t late = out_completions[count - 1 - i];
    out_completions[count - 1 - i] = out_completions[i];
    out_completions[i] = late;
  }
  for (uint32_t i = 0; inject.result && i < count; i++)
    out_completions[i].result = inject.result(out_completions[i].result);
  return count;
}
