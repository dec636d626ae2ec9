#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "output.h"
#include "report.h"

static bool is_stdin(const char *path) { return strcmp(path, "-") == 0; }

const char *cli_file_label(const char *path) { return is_stdin(path) ? "<stdin>" : path; }

/* What may be read: a Program's length goes by what it begins with. */
static vyre_status_t check_length(const cli_file_t *file, const char *label, bool is_constant) {
  bool is_wire = file->length >= 4 && memcmp(file->bytes, "VYRE", 4) == 0;
  size_t most = is_constant ? CLI_CONSTANT_BYTES_MAX : is_wire ? CLI_WIRE_BYTES_MAX : CLI_SOURCE_BYTES_MAX;
  if (file->length <= most) return NULL;
  const char *what = is_constant ? "constant" : is_wire ? "wire form" : "source text";
  return cli_error(VYRE_E_TOO_LARGE, label, NULL, "a %s has at most %zu bytes", what, most);
}

static vyre_status_t read_all(int descriptor, const char *label, bool is_constant, cli_file_t *file) {
  size_t capacity = 0;
  for (;;) {
    if (capacity - file->length < 2) {
      capacity = capacity ? capacity * 2 : 1 << 16;
      char *grown = realloc(file->bytes, capacity);
      if (!grown) return cli_out_of_memory();
      file->bytes = grown;
    }
    ssize_t got = read(descriptor, file->bytes + file->length, capacity - file->length - 1);
    if (got < 0 && errno == EINTR && !cli_interrupt_name()) continue;
    if (got < 0) return cli_error_errno(errno, label, "read");
    file->length += (size_t)got;
    file->bytes[file->length] = '\0';
    if (got == 0) return NULL;
    CLI_TRY(check_length(file, label, is_constant));
  }
}

static vyre_status_t read_file(const char *path, bool is_constant, cli_file_t *out_file) {
  const char *label = cli_file_label(path);
  int descriptor = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return cli_error_errno(errno, label, "open");
  cli_file_t file = {0};
  vyre_status_t status = fstat(descriptor, &file.stat) == 0 ? NULL : cli_error_errno(errno, label, "stat");
  if (!status) status = read_all(descriptor, label, is_constant, &file);
  if (!is_stdin(path)) close(descriptor);
  if (status)
    cli_file_free(&file);
  else
    *out_file = file;
  return status;
}

vyre_status_t cli_file_read(const char *path, cli_file_t *out_file) { return read_file(path, false, out_file); }

vyre_status_t cli_file_read_constant(const char *path, cli_file_t *out_file) { return read_file(path, true, out_file); }

void cli_file_free(cli_file_t *file) {
  free(file->bytes);
  *file = (cli_file_t){0};
}

static bool same_version(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Fills the new file and gives it the owner and mode of `old` (NULL: those of a file just created). */
static vyre_status_t fill(int descriptor, const char *path, const char *bytes, size_t length, const struct stat *old) {
  CLI_TRY(cli_output_write_to(descriptor, path, bytes, length));
  struct stat fresh;
  if (fstat(descriptor, &fresh) != 0) return cli_error_errno(errno, path, "stat");
  if (old && (old->st_uid != fresh.st_uid || old->st_gid != fresh.st_gid) &&
      fchown(descriptor, old->st_uid, old->st_gid) != 0)
    return cli_error_errno(errno, path, "keep the owner");
  mode_t mask = umask(0); /* read by setting it; the command has one thread that creates files */
  umask(mask);
  if (fchmod(descriptor, old ? old->st_mode & 07777 : 0666 & ~mask) != 0)
    return cli_error_errno(errno, path, "keep the mode");
  if (fsync(descriptor) != 0) return cli_error_errno(errno, path, "write");
  return NULL;
}

/* `target` is no symbolic link; `old` is NULL when it does not exist. */
static vyre_status_t replace_regular(const char *target, const char *bytes, size_t length, const struct stat *old,
                                     const struct stat *expected) {
  /* rename asks the directory only; a file that its mode protects stays protected. */
  if (old && access(target, W_OK) != 0)
    return cli_error(VYRE_E_PERMISSION, target, "Run `chmod u+w` on the file, or run as its owner.",
                     "open for writing: %s", strerror(errno));
  char directory[PATH_MAX], name[PATH_MAX], temporary[PATH_MAX];
  snprintf(directory, sizeof directory, "%s", target);
  snprintf(name, sizeof name, "%s", target);
  int needed = snprintf(temporary, sizeof temporary, "%s/.%.200s.XXXXXX", dirname(directory), basename(name));
  if (needed < 0 || (size_t)needed >= sizeof temporary) return cli_error_errno(ENAMETOOLONG, target, "create");
  int descriptor = mkostemp(temporary, O_CLOEXEC);
  if (descriptor < 0) return cli_error_errno(errno, target, "create a file beside it");
  vyre_status_t status = fill(descriptor, target, bytes, length, old);
  if (close(descriptor) != 0 && !status) status = cli_error_errno(errno, target, "write");
  struct stat now;
  if (!status && expected && (stat(target, &now) != 0 || !same_version(&now, expected)))
    status = cli_error(VYRE_E_FILE_CHANGED, target, "Run again when nothing else writes the file.",
                       "it is not as it was when it was read; nothing was written");
  if (!status && rename(temporary, target) != 0) status = cli_error_errno(errno, target, "rename");
  if (status) unlink(temporary);
  return status;
}

static vyre_status_t write_special(const char *path, const char *bytes, size_t length) {
  int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return cli_error_errno(errno, path, "open");
  vyre_status_t status = cli_output_write_to(descriptor, path, bytes, length);
  if (close(descriptor) != 0 && !status) status = cli_error_errno(errno, path, "write");
  return status;
}

vyre_status_t cli_file_replace(const char *path, const char *bytes, size_t length, const struct stat *expected) {
  struct stat old;
  if (stat(path, &old) == 0) {
    if (S_ISDIR(old.st_mode)) return cli_error_errno(EISDIR, path, "write");
    if (!S_ISREG(old.st_mode)) return write_special(path, bytes, length);
    char *target = realpath(path, NULL);
    if (!target) return cli_error_errno(errno, path, "follow the links");
    vyre_status_t status = replace_regular(target, bytes, length, &old, expected);
    free(target);
    return status;
  }
  if (errno != ENOENT || expected) return cli_error_errno(errno, path, "stat");
  struct stat link;
  if (lstat(path, &link) == 0)
    return cli_error(VYRE_E_NOT_FOUND, path, "Remove the symbolic link or create the file that it names.",
                     "a symbolic link to nothing");
  return replace_regular(path, bytes, length, NULL, NULL);
}

vyre_status_t cli_program_load(const char *path, vyre_program_t **out_program) {
  if (!is_stdin(path)) return vyre_program_load(path, out_program);
  cli_file_t file;
  CLI_TRY(cli_file_read(path, &file));
  vyre_status_t status = vyre_program_read(file.bytes, file.length, cli_file_label(path), out_program);
  cli_file_free(&file);
  return status;
}

vyre_status_t cli_program_fingerprint(const vyre_program_t *program, char out_text[CLI_FINGERPRINT_CHARS + 1]) {
  uint8_t bytes[VYRE_FINGERPRINT_BYTES];
  CLI_TRY(vyre_program_fingerprint(program, bytes));
  for (unsigned i = 0; i < VYRE_FINGERPRINT_BYTES; i++) snprintf(out_text + (size_t)2 * i, 3, "%02x", bytes[i]);
  return NULL;
}
