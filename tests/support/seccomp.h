/* A process without io_uring, as a container's seccomp profile leaves it. */
#ifndef VYRE_TESTS_SUPPORT_SECCOMP_H
#define VYRE_TESTS_SUPPORT_SECCOMP_H

/* From here on io_uring_setup, io_uring_enter and io_uring_register fail with `error` (EPERM, ENOSYS) in the calling
 * thread and in what it starts. Cannot be undone. 0, or -1 with errno. */
int vyre_forbid_uring(int error);

#endif
