/* What the command asks libc for that libc allocates: it fails and is counted as the other allocations are. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __wrap_vasprintf(char **out_text, const char *format, va_list arguments);
char *__wrap_realpath(const char *path, char *resolved);
char *__real_realpath(const char *path, char *resolved);
void __real_free(void *memory);

int __wrap_vasprintf(char **out_text, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  *out_text = length < 0 ? NULL : malloc((size_t)length + 1);
  return *out_text ? vsnprintf(*out_text, (size_t)length + 1, format, arguments) : -1;
}

char *__wrap_realpath(const char *path, char *resolved) {
  if (resolved) return __real_realpath(path, resolved);
  char *text = __real_realpath(path, NULL);
  char *copy = text ? malloc(strlen(text) + 1) : NULL;
  if (copy) strcpy(copy, text);
  __real_free(text);
  if (text && !copy) errno = ENOMEM;
  return copy;
}
