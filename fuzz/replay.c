/* A fuzz target without libFuzzer: each file of the folders named goes through it once. Linked with one target, it is a
 * test that the findings so far stay mended. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 1 << 20 };

static int replay_file(const char *path) {
  static uint8_t input[INPUT_BYTES_MAX];
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return 1;
  }
  size_t size = fread(input, 1, sizeof input, file);
  int failed = ferror(file);
  fclose(file);
  uint8_t *exact = malloc(size ? size : 1); /* so that AddressSanitizer sees a read behind the end */
  if (failed || !exact) {
    perror(path);
    free(exact);
    return 1;
  }
  for (size_t i = 0; i < size; i++) exact[i] = input[i];
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  return 0;
}

int main(int argc, char **argv) {
  unsigned count = 0;
  for (int i = 1; i < argc; i++) {
    DIR *folder = opendir(argv[i]);
    if (!folder) {
      perror(argv[i]);
      return 1;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
      char path[4096];
      if (entry->d_name[0] == '.') continue;
      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      if (replay_file(path) != 0) return 1;
      count++;
    }
    closedir(folder);
  }
  printf("%u inputs\n", count);
  return count == 0;
}
