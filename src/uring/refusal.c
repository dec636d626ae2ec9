#include "uring/refusal.h"

#include <errno.h>
#include <string.h>

#include "uring/facts.h"

#define SYSTEM_CALLS "io_uring_setup, io_uring_enter and io_uring_register"

static vyre_status_t no_uring(int error, const char *call, const vyre_uring_facts_t *facts) {
  vyre_status_t status =
      vyre_status_make(VYRE_E_NO_URING, "%s: %s (kernel %s, kernel.io_uring_disabled %d, seccomp mode %d)", call,
                       strerror(error), facts->kernel, (int)facts->uring_disabled, (int)facts->seccomp_mode);
  /* In the order in which the kernel asks: the filter comes before the system call, the setting inside it. */
  if (facts->seccomp_mode == 2 && (error == ENOSYS || facts->uring_disabled <= 0))
    return vyre_status_with_fix(status, "Allow " SYSTEM_CALLS
                                        " in the seccomp profile of this process or container "
                                        "(docker run --security-opt seccomp=PROFILE.json): its filter refuses them.");
  if (error == ENOSYS)
    return vyre_status_with_fix(
        status, "Boot a kernel of version 6.0 or newer built with CONFIG_IO_URING=y; this is %s.", facts->kernel);
  if (facts->uring_disabled == 2)
    return vyre_status_with_fix(
        status,
        "Run `sysctl kernel.io_uring_disabled=0` as root: it is 2 now, which forbids io_uring to every process.");
  if (facts->uring_disabled == 1)
    return vyre_status_with_fix(
        status,
        "Run `sysctl kernel.io_uring_disabled=0` as root, or add the user to the group "
        "kernel.io_uring_group (now %d): the setting is 1, which forbids io_uring to all others.",
        (int)facts->uring_group);
  return vyre_status_with_fix(status,
                              "Allow io_uring to this process in the security module (SELinux, AppArmor); "
                              "`dmesg` or the audit log names the rule that refused it.");
}

static vyre_status_t no_locked_memory(const char *call, uint64_t locked_bytes, const vyre_uring_facts_t *facts) {
  unsigned long long needed = (locked_bytes + 1023) / 1024, pinned = facts->pinned_bytes / 1024;
  unsigned long long limit = facts->memlock_bytes / 1024, total = needed + pinned;
  vyre_status_t status = vyre_status_make(
      VYRE_E_MEMLOCK, "%s: %llu KiB are needed, RLIMIT_MEMLOCK is %llu KiB, this process has locked %llu KiB of it",
      call, needed, limit, pinned);
  if (total <= limit)
    return vyre_status_with_fix(
        status,
        "Run `ulimit -l %llu` or higher: the limit of %llu KiB is shared by all processes of this "
        "user, and others have locked part of it.",
        limit + total, limit);
  if (total <= facts->memlock_bytes_hard / 1024 || facts->memlock_bytes_hard == VYRE_URING_UNLIMITED)
    return vyre_status_with_fix(status, "Run `ulimit -l %llu` in this shell, then start again.", total);
  return vyre_status_with_fix(
      status,
      "Raise the hard limit of %llu KiB as root (`memlock %llu` in /etc/security/limits.conf, or "
      "LimitMEMLOCK=%lluK of the service), then run `ulimit -l %llu`.",
      (unsigned long long)(facts->memlock_bytes_hard / 1024), total, total, total);
}

static bool is_limited(const vyre_uring_facts_t *facts) {
  return !facts->memlock_exempt && facts->memlock_bytes != VYRE_URING_UNLIMITED;
}

bool vyre_uring_memlock_may_pass(uint64_t locked_bytes) {
  vyre_uring_facts_t facts;
  vyre_uring_facts_read(&facts);
  return is_limited(&facts) && locked_bytes + facts.pinned_bytes <= facts.memlock_bytes;
}

vyre_status_t vyre_uring_refusal(int error, const char *call, uint64_t locked_bytes) {
  vyre_uring_facts_t facts;
  vyre_uring_facts_read(&facts);
  switch (error) {
    case EPERM:
    case EACCES:
    case ENOSYS: return no_uring(error, call, &facts);
    case ENOMEM:
      if (locked_bytes > 0 && is_limited(&facts)) return no_locked_memory(call, locked_bytes, &facts);
      return vyre_status_make(VYRE_E_MEMORY, "%s: the kernel has no memory for it (%llu KiB)", call,
                              (unsigned long long)((locked_bytes + 1023) / 1024));
    case EMFILE:
      return vyre_status_with_fix(vyre_status_make(VYRE_E_FILES, "%s: this process may have %llu files open", call,
                                                   (unsigned long long)facts.files_max),
                                  "Raise the limit with `ulimit -n %llu`, or name fewer files at a time.",
                                  (unsigned long long)facts.files_max * 2);
    case ENFILE:
      return vyre_status_with_fix(vyre_status_make(VYRE_E_FILES, "%s: the whole system has too many files open", call),
                                  "Raise fs.file-max with sysctl as root, or close other programs.");
    default: return vyre_status_from_errno(error, VYRE_E_INTERNAL, "%s", call);
  }
}

vyre_status_t vyre_uring_too_old(const char *call) {
  vyre_uring_facts_t facts;
  vyre_uring_facts_read(&facts);
  return vyre_status_with_fix(
      vyre_status_make(VYRE_E_NO_URING, "%s: kernel %s lacks a flag or operation that is used here", call,
                       facts.kernel),
      "Boot Linux 6.0 or newer (Debian 12 has 6.1); this kernel is %s.", facts.kernel);
}
