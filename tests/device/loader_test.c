/* The loader: compiled objects run, pages are never writable and executable, damaged objects are refused or load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cpu/loader.h"

#define MUTATIONS 50000

typedef struct object {
  unsigned char *bytes;
  size_t size;
} object_t;

/* From the command line, in this order: position independent, large model, neither. */
static object_t pic, large, absolute;

static uint64_t external(uint64_t value) { return value + 1000; }

static const vyre_loader_symbol_t externals[] = {{"fixture_external", (vyre_loader_fn_t)external}};

static object_t read_object(const char *path) {
  object_t object = {0};
  FILE *file = fopen(path, "rb");
  if (!file) return object;
  object.bytes = malloc(1 << 20);
  if (object.bytes) object.size = fread(object.bytes, 1, 1 << 20, file);
  fclose(file);
  return object;
}

static void print_status(vyre_status_t status) {
  char text[1024];
  vyre_status_format(status, text, sizeof text);
  print_error("%s", text);
}

static vyre_loaded_t *load(const object_t *object) {
  vyre_loaded_t *loaded = NULL;
  vyre_status_t status = vyre_loader_load(object->bytes, object->size, externals, 1, &loaded);
  if (status) print_status(status);
  assert_null(status);
  return loaded;
}

#define FUNCTION(loaded, type, name) ((type)find(loaded, name))
typedef uint64_t (*u64_fn)(uint64_t);
typedef uintptr_t (*address_fn)(void);

static vyre_loader_fn_t find(const vyre_loaded_t *loaded, const char *name) {
  vyre_loader_fn_t function = vyre_loaded_symbol(loaded, name);
  if (!function) fail_msg("%s is not there", name);
  return function;
}

static void check_functions(const vyre_loaded_t *loaded) {
  typedef int64_t (*add_fn)(int64_t, int64_t);
  typedef uint64_t (*switch_fn)(uint64_t, uint64_t, uint64_t);
  typedef int64_t (*operation_fn)(const char *, int64_t, int64_t);
  typedef uint64_t (*zeroes_fn)(size_t, uint64_t);
  typedef uint64_t (*memory_fn)(unsigned char *, const unsigned char *, size_t);
  typedef unsigned char (*distance_fn)(void);
  assert_int_equal(FUNCTION(loaded, add_fn, "fixture_add")(40, 2), 42);
  assert_int_equal(FUNCTION(loaded, u64_fn, "fixture_square")(9), 81);
  static const uint64_t expected[] = {17, 7, 60, 9, 2, 384, 1017, 39, 0};
  for (uint64_t i = 0; i < 9; i++)
    assert_int_equal(FUNCTION(loaded, switch_fn, "fixture_switch")(i, 12, 5), expected[i]);
  operation_fn operation = FUNCTION(loaded, operation_fn, "fixture_operation");
  assert_int_equal(operation("add", 6, 7), 13);
  assert_int_equal(operation("subtract", 6, 7), -1);
  assert_int_equal(operation("multiply", 6, 7), 42);
  assert_int_equal(operation("divide", 6, 7), INT64_MIN);
  assert_int_equal(FUNCTION(loaded, u64_fn, "fixture_count")(5), 12);
  assert_int_equal(FUNCTION(loaded, u64_fn, "fixture_count")(5), 17);
  assert_int_equal(FUNCTION(loaded, zeroes_fn, "fixture_zeroes")(0, 3), 3);
  assert_int_equal(FUNCTION(loaded, zeroes_fn, "fixture_zeroes")(4095, 4), 7);
  unsigned char to[32] = {0};
  assert_int_equal(FUNCTION(loaded, memory_fn, "fixture_memory")(to, (const unsigned char *)"abcdef", 6), 6);
  assert_memory_equal(to, "aabcdefZZZZZZZ\0", 15);
  assert_int_equal(FUNCTION(loaded, u64_fn, "fixture_tail")(21), 1042);
  assert_int_equal(FUNCTION(loaded, address_fn, "fixture_external_address")(), (uintptr_t)external);
  assert_int_equal(FUNCTION(loaded, distance_fn, "fixture_at_distance")(), 0xf4);
}

static void runs_position_independent_code(void **state) {
  (void)state;
  vyre_loaded_t *first = load(&pic), *second = load(&pic);
  check_functions(first);
  check_functions(second); /* its own data: the counter begins at 7 again */
  assert_null(vyre_loaded_symbol(first, "fixture_nothing"));
  assert_null(vyre_loaded_symbol(first, "subtract"));        /* local */
  assert_null(vyre_loaded_symbol(first, "fixture_counter")); /* not a function */
  assert_null(vyre_loaded_symbol(first, "memcpy"));          /* not its own */
  vyre_loaded_destroy(first);
  vyre_loaded_destroy(second);
  vyre_loaded_destroy(NULL);
}

static void runs_large_model_code(void **state) {
  (void)state;
  vyre_loaded_t *loaded = load(&large);
  check_functions(loaded);
  vyre_loaded_destroy(loaded);
}

/* The object need not be aligned, nor outlive the load. */
static void copies_an_unaligned_object(void **state) {
  (void)state;
  object_t moved = {malloc(pic.size + 1), pic.size};
  assert_non_null(moved.bytes);
  memcpy(moved.bytes + 1, pic.bytes, pic.size);
  vyre_loaded_t *loaded = NULL;
  assert_null(vyre_loader_load(moved.bytes + 1, moved.size, externals, 1, &loaded));
  memset(moved.bytes, 0, pic.size + 1);
  free(moved.bytes);
  check_functions(loaded);
  vyre_loaded_destroy(loaded);
}

static void permissions_at(uintptr_t address, char permissions[5]) {
  FILE *maps = fopen("/proc/self/maps", "r");
  assert_non_null(maps);
  char line[512];
  strcpy(permissions, "none");
  while (fgets(line, sizeof line, maps)) {
    uintptr_t begin = 0, end = 0;
    char found[5];
    assert_int_equal(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, found), 3);
    if (address >= begin && address < end) strcpy(permissions, found);
  }
  fclose(maps);
}

static void pages_are_writable_or_executable(void **state) {
  (void)state;
  vyre_loaded_t *loaded = load(&pic);
  char permissions[5];
  permissions_at((uintptr_t)find(loaded, "fixture_add"), permissions);
  assert_string_equal(permissions, "r-xp");
  permissions_at(FUNCTION(loaded, address_fn, "fixture_table_address")(), permissions);
  assert_string_equal(permissions, "r--p");
  permissions_at(FUNCTION(loaded, address_fn, "fixture_counter_address")(), permissions);
  assert_string_equal(permissions, "rw-p");
  permissions_at(FUNCTION(loaded, address_fn, "fixture_zeroed_address")(), permissions);
  assert_string_equal(permissions, "rw-p");
  uintptr_t gone = (uintptr_t)find(loaded, "fixture_add");
  vyre_loaded_destroy(loaded);
  permissions_at(gone, permissions);
  assert_string_not_equal(permissions, "r-xp");
}

/* Loads what must be refused; the message has to hold `expected`. */
static void refuses(const object_t *object, size_t external_count, const char *expected) {
  vyre_loaded_t *loaded = NULL;
  vyre_status_t status = vyre_loader_load(object->bytes, object->size, externals, external_count, &loaded);
  if (!status) fail_msg("loaded, though expected: %s", expected);
  assert_null(loaded);
  assert_int_equal(vyre_status_code(status), VYRE_E_OBJECT);
  char text[1024];
  vyre_status_format(status, text, sizeof text);
  if (!strstr(text, expected)) fail_msg("expected '%s' in: %s", expected, text);
  vyre_status_destroy(&status);
}

static void refuses_what_does_not_fit(void **state) {
  (void)state;
  refuses(&absolute, 1, "does not fit into 32 bits");
  refuses(&absolute, 1, "Fix: Recompile the object as position-independent code");
  refuses(&pic, 0, "needs 'fixture_external', which is not given");
}

static object_t copy_object(const object_t *object) {
  object_t copy = {malloc(object->size), object->size};
  assert_non_null(copy.bytes);
  memcpy(copy.bytes, object->bytes, object->size);
  return copy;
}

/* The header of the first section of a type (and not of debug information), for changing; bytes of malloc are aligned
 * for it and compilers align the table. */
static Elf64_Shdr *section_of_type(const object_t *object, uint32_t type, uint64_t flags) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)(void *)object->bytes;
  Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(object->bytes + header->e_shoff);
  for (int i = 1; i < header->e_shnum; i++) {
    if (sections[i].sh_type == type && (sections[i].sh_flags & flags) == flags && sections[i].sh_size > 0)
      return &sections[i];
  }
  fail_msg("no section of type %u", type);
  return NULL;
}

static void refuses_each_kind_of_damage(void **state) {
  (void)state;
  object_t object = copy_object(&pic);
  Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)object.bytes;
#define DAMAGE(place, value, expected)   \
  do {                                   \
    __typeof__(place) before_ = (place); \
    (place) = (value);                   \
    refuses(&object, 1, expected);       \
    (place) = before_;                   \
  } while (0)
  DAMAGE(object.size, 10, "too few for an ELF header");
  DAMAGE(object.size, object.size / 2, "outside the object");
  DAMAGE(object.size, VYRE_LOADER_BYTES_MAX + 1, "over the limit"); /* refused before a byte is read */
  DAMAGE(header->e_ident[0], 'E', "not an ELF file");
  DAMAGE(header->e_machine, EM_AARCH64, "not x86-64");
  DAMAGE(header->e_type, ET_EXEC, "not a relocatable object");
  DAMAGE(header->e_shnum, 0, "section headers");
  DAMAGE(header->e_shnum, 0xfe00, "are outside the object");
  DAMAGE(header->e_shoff, UINT64_MAX - 8, "are outside the object");
  DAMAGE(header->e_shstrndx, 2, "section 2 is not a string table");
  Elf64_Shdr *code = section_of_type(&object, SHT_PROGBITS, SHF_EXECINSTR);
  DAMAGE(code->sh_flags, SHF_ALLOC | SHF_EXECINSTR | SHF_WRITE, "both writable and executable");
  DAMAGE(code->sh_flags, SHF_ALLOC | SHF_TLS, "thread-local");
  DAMAGE(code->sh_type, SHT_INIT_ARRAY, "of a type that cannot be loaded");
  DAMAGE(code->sh_addralign, 3, "not a power of two");
  DAMAGE(code->sh_addralign, 1 << 20, "not a power of two up to");
  DAMAGE(code->sh_offset, UINT64_MAX - 4, "is outside the object");
  Elf64_Shdr *zeroes = section_of_type(&object, SHT_NOBITS, SHF_WRITE);
  DAMAGE(zeroes->sh_size, UINT64_MAX - 100, "over the limit");
  DAMAGE(zeroes->sh_size, VYRE_LOADER_BYTES_MAX, "over the limit");
  Elf64_Shdr *symbols = section_of_type(&object, SHT_SYMTAB, 0);
  DAMAGE(symbols->sh_type, SHT_NOTE, "the object has no symbols");
  DAMAGE(symbols->sh_entsize, 8, "bytes of symbols");
  DAMAGE(symbols->sh_link, 0x7fffffff, "does not exist");
  DAMAGE(symbols->sh_size, sizeof(Elf64_Sym), "there is no symbol");
  Elf64_Shdr *relocations = section_of_type(&object, SHT_RELA, 0);
  DAMAGE(relocations->sh_info, 0xffff, "which does not exist");
  DAMAGE(relocations->sh_type, SHT_REL, "not a table of relocations with addends");
  Elf64_Rela *entry = (Elf64_Rela *)(void *)(object.bytes + relocations->sh_offset);
  DAMAGE(entry->r_offset, UINT64_MAX - 2, "the relocation is outside its section");
  DAMAGE(entry->r_info, ELF64_R_INFO(1, R_X86_64_TPOFF32), "relocation type 23 is not supported");
  DAMAGE(entry->r_info, ELF64_R_INFO(0x7fffffff, R_X86_64_64), "there is no symbol 2147483647");
  DAMAGE(entry->r_addend, INT64_MAX, "does not fit into 32 bits");
#undef DAMAGE
  vyre_loaded_t *loaded = load(&object); /* nothing was left damaged */
  vyre_loaded_destroy(loaded);
  free(object.bytes);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

/* Where a change hurts most: the headers, the symbols, the relocations; else anywhere. */
static size_t choose_offset(const object_t *object, uint64_t *random) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)(void *)pic.bytes;
  size_t offset = (size_t)next_random(random);
  switch (next_random(random) % 5) {
    case 0: offset = offset % sizeof *header; break;
    case 1: offset = header->e_shoff + offset % (header->e_shnum * sizeof(Elf64_Shdr)); break;
    case 2: {
      const Elf64_Shdr *symbols = section_of_type(&pic, SHT_SYMTAB, 0);
      offset = symbols->sh_offset + offset % symbols->sh_size;
      break;
    }
    case 3: {
      const Elf64_Shdr *relocations = section_of_type(&pic, SHT_RELA, 0);
      offset = relocations->sh_offset + offset % relocations->sh_size;
      break;
    }
    default: break;
  }
  return offset % object->size;
}

static void survives_damage(void **state) {
  (void)state;
  static const unsigned char interesting[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  uint64_t random = UINT64_C(0x76797265);
  size_t loaded_count = 0;
  for (int i = 0; i < MUTATIONS; i++) {
    uint64_t seed = random;
    object_t object = {malloc(pic.size), pic.size}; /* its own size, so that a sanitizer sees an overrun */
    assert_non_null(object.bytes);
    memcpy(object.bytes, pic.bytes, pic.size);
    uint64_t changes = 1 + next_random(&random) % 4;
    for (uint64_t change = 0; change < changes; change++) {
      size_t offset = choose_offset(&object, &random);
      uint64_t value = next_random(&random);
      if (value & 1)
        object.bytes[offset] ^= (unsigned char)(1u << (value >> 1 & 7));
      else
        object.bytes[offset] = interesting[(value >> 1) % sizeof interesting];
    }
    if (next_random(&random) % 8 == 0) {
      object.size = (size_t)(next_random(&random) % pic.size);
      object.bytes = realloc(object.bytes, object.size ? object.size : 1);
      assert_non_null(object.bytes);
    }
    vyre_loaded_t *loaded = NULL;
    vyre_status_t status = vyre_loader_load(object.bytes, object.size, externals, 1, &loaded);
    vyre_code_t code = vyre_status_code(status);
    if (code != VYRE_OK && code != VYRE_E_OBJECT) {
      print_status(status);
      fail_msg("case %d, random state 0x%" PRIx64, i, seed);
    }
    if (!status) {
      loaded_count++;
      vyre_loaded_symbol(loaded, "fixture_add");
    }
    vyre_status_destroy(&status);
    vyre_loaded_destroy(loaded);
    free(object.bytes);
  }
  /* Neither all refused nor all loaded: the changes reach both the checks and what lies behind them. */
  assert_in_range(loaded_count, MUTATIONS / 50, MUTATIONS - MUTATIONS / 50);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  pic = read_object(argv[1]);
  large = read_object(argv[2]);
  absolute = read_object(argv[3]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_position_independent_code),
      cmocka_unit_test(runs_large_model_code),
      cmocka_unit_test(copies_an_unaligned_object),
      cmocka_unit_test(pages_are_writable_or_executable),
      cmocka_unit_test(refuses_what_does_not_fit),
      cmocka_unit_test(refuses_each_kind_of_damage),
      cmocka_unit_test(survives_damage),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(pic.bytes);
  free(large.bytes);
  free(absolute.bytes);
  return failed;
}
