/* json-check PATH...: reads one JSON object from stdin, as another program would, and prints the values at the paths
 * ("outputs.counts.10"), one a line; strings bare, everything else as JSON. Exits 1 when the text is no single valid
 * JSON object on one line, or a path leads nowhere. Integers above 2^63 - 1, which jansson cannot hold, are read as
 * reals: tests compare their digits in the text. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *find(const json_t *value, char *path) {
  for (char *key = strtok(path, "."); key && value; key = strtok(NULL, "."))
    value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(key, NULL, 10)) : json_object_get(value, key);
  return value;
}

int main(int argc, char **argv) {
  static char text[1 << 24];
  size_t length = fread(text, 1, sizeof text, stdin);
  json_error_t error;
  json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
  if (!root) root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
  if (!root || !json_is_object(root)) {
    printf("no JSON object: %s\n", root ? "another value" : error.text);
    return 1;
  }
  if (memchr(text, '\n', length) != text + length - 1) {
    printf("not one line\n");
    return 1;
  }
  for (int i = 1; i < argc; i++) {
    const json_t *value = find(root, argv[i]);
    if (!value) {
      printf("nothing at the path\n");
      return 1;
    }
    if (json_is_string(value)) {
      puts(json_string_value(value));
      continue;
    }
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    puts(dump ? dump : "?");
    free(dump);
  }
  json_decref(root);
  return 0;
}
