#include "device/cpu/loader.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/memory.h"

#define PAGE_BYTES ((uint64_t)4096)
#define STUB_BYTES ((uint64_t)16)
#define GOT_ENTRY_BYTES ((uint64_t)8)
#define TRAP_BYTE 0xcc /* int3, between functions: a stray jump stops at once */

/* Protections of the three parts of the image, in their order in memory. */
enum region { REGION_CODE, REGION_CONSTANT, REGION_DATA, REGION_COUNT, REGION_NONE };
static const int region_protection[REGION_COUNT] = {PROT_READ | PROT_EXEC, PROT_READ, PROT_READ | PROT_WRITE};

typedef struct section {
  Elf64_Shdr header;
  enum region region; /* REGION_NONE: not loaded */
  uint64_t offset;    /* in its region */
} section_t;

/* What relocations want of a symbol besides its address. Numbers count from 1; 0 is none. */
typedef struct symbol {
  Elf64_Sym entry;
  uint32_t got_number;
  uint32_t stub_number;
} symbol_t;

typedef struct loading {
  const unsigned char *object;
  size_t size;
  const vyre_loader_symbol_t *externals;
  size_t external_count;
  section_t *sections;
  uint32_t section_count;
  uint32_t name_table; /* section of the sections' names, 0 if there is none */
  symbol_t *symbols;
  uint32_t symbol_count;
  uint32_t symbol_table; /* section, 0 if there is none */
  uint32_t got_count;
  uint32_t stub_count;
  uint64_t region_bytes[REGION_COUNT];
  uint64_t region_start[REGION_COUNT]; /* from the image's begin */
  uint64_t stubs_offset;               /* in REGION_CODE */
  uint64_t got_offset;                 /* in REGION_CONSTANT */
  vyre_loaded_t *loaded;
} loading_t;

typedef struct relocation {
  uint32_t target; /* section that it changes */
  uint32_t type;
  uint32_t symbol;
  uint64_t offset; /* in the target */
  uint64_t addend; /* two's complement */
} relocation_t;

typedef struct export {
  uint32_t name;   /* offset in names */
  uint64_t offset; /* in the image */
}
export_t;

struct vyre_loaded {
  unsigned char *image;
  size_t image_bytes;
  export_t *exports;
  size_t export_count;
  char *names;
};

/* Of the compiler's own library: divisions of 128 bits, to which LLVM widens divisions of 64 bits next to mulhigh. Only
 * their addresses are used here. */
void __udivti3(void);
void __umodti3(void);
void __divti3(void);
void __modti3(void);

static const vyre_loader_symbol_t runtime[] = {
    {"memcpy", (vyre_loader_fn_t)memcpy},       {"memmove", (vyre_loader_fn_t)memmove},
    {"memset", (vyre_loader_fn_t)memset},       {"__udivti3", (vyre_loader_fn_t)__udivti3},
    {"__umodti3", (vyre_loader_fn_t)__umodti3}, {"__divti3", (vyre_loader_fn_t)__divti3},
    {"__modti3", (vyre_loader_fn_t)__modti3},
};

static bool inside(const loading_t *l, uint64_t offset, uint64_t bytes) {
  return offset <= l->size && bytes <= l->size - offset;
}

/* A name out of a string table, made safe to print: cut, and '?' for what is not printable ASCII. */
typedef struct shown {
  char text[48];
} shown_t;

static shown_t show_name(const char *name) {
  shown_t shown = {{0}};
  for (size_t i = 0; i + 1 < sizeof shown.text && name[i]; i++)
    shown.text[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
  return shown;
}

/* NULL when the offset lies outside. read_sections has checked that a used table ends in a NUL. */
static const char *string_at(const loading_t *l, uint32_t table, uint32_t offset) {
  const Elf64_Shdr *header = &l->sections[table].header;
  if (table == 0 || offset >= header->sh_size) return NULL;
  return (const char *)l->object + header->sh_offset + offset;
}

static shown_t show_section(const loading_t *l, uint32_t section) {
  const char *name = string_at(l, l->name_table, l->sections[section].header.sh_name);
  return show_name(name ? name : "?");
}

static const char *symbol_name(const loading_t *l, uint32_t symbol) {
  const section_t *table = &l->sections[l->symbol_table];
  const char *name = string_at(l, table->header.sh_link, l->symbols[symbol].entry.st_name);
  return name ? name : "";
}

static vyre_status_t check_header(loading_t *l, Elf64_Ehdr *header) {
  if (l->size > VYRE_LOADER_BYTES_MAX)
    return vyre_status_make(VYRE_E_OBJECT, "the object has %zu bytes, over the limit of %zu", l->size,
                            VYRE_LOADER_BYTES_MAX);
  if (l->size < sizeof *header)
    return vyre_status_make(VYRE_E_OBJECT, "%zu bytes are too few for an ELF header", l->size);
  memcpy(header, l->object, sizeof *header);
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return vyre_status_make(VYRE_E_OBJECT, "not an ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64)
    return vyre_status_make(VYRE_E_OBJECT, "class %d, data %d, machine %d: not x86-64", header->e_ident[EI_CLASS],
                            header->e_ident[EI_DATA], header->e_machine);
  if (header->e_type != ET_REL || header->e_version != EV_CURRENT)
    return vyre_status_make(VYRE_E_OBJECT, "type %d, version %u: not a relocatable object", header->e_type,
                            header->e_version);
  if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 || header->e_shnum >= SHN_LORESERVE)
    return vyre_status_make(VYRE_E_OBJECT, "%d section headers of %d bytes", header->e_shnum, header->e_shentsize);
  if (!inside(l, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr)))
    return vyre_status_make(VYRE_E_OBJECT, "the %d section headers at offset 0x%llx are outside the object",
                            header->e_shnum, (unsigned long long)header->e_shoff);
  return NULL;
}

static vyre_status_t check_string_table(const loading_t *l, uint32_t section) {
  if (section == 0 || section >= l->section_count)
    return vyre_status_make(VYRE_E_OBJECT, "section %u, named as a string table, does not exist", section);
  const Elf64_Shdr *header = &l->sections[section].header;
  if (header->sh_type != SHT_STRTAB || header->sh_size == 0 ||
      l->object[header->sh_offset + header->sh_size - 1] != '\0')
    return vyre_status_make(VYRE_E_OBJECT, "section %u is not a string table", section);
  return NULL;
}

/* Which part of the image a section belongs to, or why it cannot be loaded. */
static vyre_status_t choose_region(const loading_t *l, uint32_t number, enum region *out_region) {
  const Elf64_Shdr *header = &l->sections[number].header;
  *out_region = REGION_NONE;
  if (!(header->sh_flags & SHF_ALLOC) || header->sh_type == SHT_NOTE) return NULL;
  bool is_code = header->sh_flags & SHF_EXECINSTR;
  bool is_data = header->sh_flags & SHF_WRITE;
  const char *problem = NULL;
  if (header->sh_type != SHT_PROGBITS && header->sh_type != SHT_NOBITS && header->sh_type != SHT_X86_64_UNWIND)
    problem = "of a type that cannot be loaded"; /* constructors and the like: they would have to run */
  else if (header->sh_flags & (SHF_TLS | SHF_COMPRESSED))
    problem = "thread-local or compressed";
  else if (is_code && is_data)
    problem = "both writable and executable";
  else if (header->sh_type == SHT_NOBITS && !is_data)
    problem = "empty, yet not writable";
  if (problem)
    return vyre_status_make(VYRE_E_OBJECT, "section %u (%s), type 0x%x, flags 0x%llx, is %s", number,
                            show_section(l, number).text, header->sh_type, (unsigned long long)header->sh_flags,
                            problem);
  *out_region = is_code ? REGION_CODE : is_data ? REGION_DATA : REGION_CONSTANT;
  return NULL;
}

static vyre_status_t read_sections(loading_t *l) {
  Elf64_Ehdr header;
  VYRE_TRY(check_header(l, &header));
  l->section_count = header.e_shnum;
  l->sections = vyre_calloc(l->section_count, sizeof *l->sections);
  if (!l->sections) return vyre_out_of_memory(l->section_count * sizeof *l->sections);
  for (uint32_t i = 0; i < l->section_count; i++) {
    Elf64_Shdr *section = &l->sections[i].header;
    memcpy(section, l->object + header.e_shoff + i * sizeof *section, sizeof *section);
    if (section->sh_type != SHT_NULL && section->sh_type != SHT_NOBITS &&
        !inside(l, section->sh_offset, section->sh_size))
      return vyre_status_make(VYRE_E_OBJECT, "section %u, 0x%llx bytes at offset 0x%llx, is outside the object", i,
                              (unsigned long long)section->sh_size, (unsigned long long)section->sh_offset);
  }
  if (header.e_shstrndx != SHN_UNDEF) {
    VYRE_TRY(check_string_table(l, header.e_shstrndx));
    l->name_table = header.e_shstrndx;
  }
  for (uint32_t i = 0; i < l->section_count; i++) VYRE_TRY(choose_region(l, i, &l->sections[i].region));
  return NULL;
}

static vyre_status_t read_symbols(loading_t *l) {
  for (uint32_t i = 1; i < l->section_count; i++) {
    if (l->sections[i].header.sh_type != SHT_SYMTAB) continue;
    if (l->symbol_table)
      return vyre_status_make(VYRE_E_OBJECT, "sections %u and %u: two symbol tables", l->symbol_table, i);
    l->symbol_table = i;
  }
  if (!l->symbol_table) return vyre_status_make(VYRE_E_OBJECT, "the object has no symbols");
  const Elf64_Shdr *header = &l->sections[l->symbol_table].header;
  if (header->sh_entsize != sizeof(Elf64_Sym) || header->sh_size % sizeof(Elf64_Sym) != 0)
    return vyre_status_make(VYRE_E_OBJECT, "section %u: 0x%llx bytes of symbols, each 0x%llx bytes", l->symbol_table,
                            (unsigned long long)header->sh_size, (unsigned long long)header->sh_entsize);
  VYRE_TRY(check_string_table(l, header->sh_link));
  l->symbol_count = (uint32_t)(header->sh_size / sizeof(Elf64_Sym));
  l->symbols = vyre_calloc(l->symbol_count, sizeof *l->symbols);
  if (!l->symbols) return vyre_out_of_memory(l->symbol_count * sizeof *l->symbols);
  for (uint32_t i = 0; i < l->symbol_count; i++)
    memcpy(&l->symbols[i].entry, l->object + header->sh_offset + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
  return NULL;
}

/* Appends to a region. Bytes beyond the limit cannot overflow: each addition is checked before the next. */
static vyre_status_t reserve(loading_t *l, enum region region, uint64_t alignment, uint64_t bytes,
                             uint64_t *out_offset) {
  if (alignment == 0) alignment = 1;
  if ((alignment & (alignment - 1)) != 0 || alignment > PAGE_BYTES)
    return vyre_status_make(VYRE_E_OBJECT, "alignment 0x%llx, not a power of two up to 0x%llx",
                            (unsigned long long)alignment, (unsigned long long)PAGE_BYTES);
  uint64_t offset = (l->region_bytes[region] + alignment - 1) & ~(alignment - 1);
  if (bytes > VYRE_LOADER_BYTES_MAX || offset > VYRE_LOADER_BYTES_MAX - bytes)
    return vyre_status_make(VYRE_E_OBJECT, "0x%llx bytes bring the image over the limit of %zu bytes",
                            (unsigned long long)bytes, VYRE_LOADER_BYTES_MAX);
  l->region_bytes[region] = offset + bytes;
  *out_offset = offset;
  return NULL;
}

typedef vyre_status_t (*visit_fn)(loading_t *l, const relocation_t *relocation);

static vyre_status_t visit_table(loading_t *l, uint32_t table, visit_fn visit) {
  const Elf64_Shdr *header = &l->sections[table].header;
  uint32_t target = header->sh_info;
  if (target >= l->section_count)
    return vyre_status_make(VYRE_E_OBJECT, "section %u (%s) relocates section %u, which does not exist", table,
                            show_section(l, table).text, target);
  if (l->sections[target].region == REGION_NONE) return NULL; /* of debug information and the like */
  if (header->sh_type == SHT_REL || header->sh_link != l->symbol_table || header->sh_entsize != sizeof(Elf64_Rela) ||
      header->sh_size % sizeof(Elf64_Rela) != 0)
    return vyre_status_make(VYRE_E_OBJECT, "section %u (%s) is not a table of relocations with addends", table,
                            show_section(l, table).text);
  for (uint32_t i = 0; i < header->sh_size / sizeof(Elf64_Rela); i++) {
    Elf64_Rela entry;
    memcpy(&entry, l->object + header->sh_offset + i * sizeof entry, sizeof entry);
    relocation_t relocation = {.target = target,
                               .type = (uint32_t)ELF64_R_TYPE(entry.r_info),
                               .symbol = (uint32_t)ELF64_R_SYM(entry.r_info),
                               .offset = entry.r_offset,
                               .addend = (uint64_t)entry.r_addend};
    vyre_status_t status = visit(l, &relocation);
    if (status)
      return vyre_status_at(status, "section %u (%s), offset 0x%llx, relocation %u of section %u", target,
                            show_section(l, target).text, (unsigned long long)entry.r_offset, i, table);
  }
  return NULL;
}

static vyre_status_t visit_relocations(loading_t *l, visit_fn visit) {
  for (uint32_t i = 1; i < l->section_count; i++) {
    uint32_t type = l->sections[i].header.sh_type;
    if (type == SHT_RELA || type == SHT_REL) VYRE_TRY(visit_table(l, i, visit));
  }
  return NULL;
}

/* Bytes that a relocation writes; 0 for a type that is not supported. */
static uint64_t relocation_bytes(uint32_t type) {
  switch (type) {
    case R_X86_64_64:
    case R_X86_64_PC64: return 8;
    case R_X86_64_32:
    case R_X86_64_32S:
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX: return 4;
    default: return 0;
  }
}

static bool is_external(const symbol_t *symbol) { return symbol->entry.st_shndx == SHN_UNDEF; }

static bool wants_got(uint32_t type) {
  return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX || type == R_X86_64_REX_GOTPCRELX;
}

/* A 32-bit distance may not reach a function outside the image: the way there is a stub inside. */
static bool wants_stub(const symbol_t *symbol, uint32_t type) {
  return is_external(symbol) && (type == R_X86_64_PLT32 || type == R_X86_64_PC32);
}

/* The first pass: is each relocation well-formed, and how many stubs and entries of the global offset table are
 * there to be. */
static vyre_status_t check_relocation(loading_t *l, const relocation_t *r) {
  if (r->type == R_X86_64_NONE) return NULL;
  uint64_t bytes = relocation_bytes(r->type);
  if (bytes == 0) return vyre_status_make(VYRE_E_OBJECT, "relocation type %u is not supported", r->type);
  const Elf64_Shdr *target = &l->sections[r->target].header;
  if (target->sh_type == SHT_NOBITS || r->offset > target->sh_size || bytes > target->sh_size - r->offset)
    return vyre_status_make(VYRE_E_OBJECT, "the relocation is outside its section");
  if (r->symbol == 0 || r->symbol >= l->symbol_count)
    return vyre_status_make(VYRE_E_OBJECT, "there is no symbol %u", r->symbol);
  symbol_t *symbol = &l->symbols[r->symbol];
  if (wants_stub(symbol, r->type) && !symbol->stub_number) symbol->stub_number = ++l->stub_count;
  if ((wants_got(r->type) || symbol->stub_number) && !symbol->got_number) symbol->got_number = ++l->got_count;
  return NULL;
}

static vyre_status_t find_external(const loading_t *l, uint32_t number, uint64_t *out_address) {
  const char *name = symbol_name(l, number);
  for (size_t i = 0; i < l->external_count + sizeof runtime / sizeof *runtime; i++) {
    const vyre_loader_symbol_t *known = i < l->external_count ? &l->externals[i] : &runtime[i - l->external_count];
    if (strcmp(known->name, name) != 0) continue;
    *out_address = (uint64_t)(uintptr_t)known->function;
    return NULL;
  }
  return vyre_status_make(VYRE_E_OBJECT, "the object needs '%s', which is not given to it", show_name(name).text);
}

/* Offset from the image's begin of a symbol that the object defines; an error if it lies in nothing that is loaded. */
static vyre_status_t find_defined(const loading_t *l, uint32_t number, uint64_t *out_offset) {
  const Elf64_Sym *entry = &l->symbols[number].entry;
  unsigned type = ELF64_ST_TYPE(entry->st_info);
  const section_t *section = entry->st_shndx < l->section_count ? &l->sections[entry->st_shndx] : NULL;
  if (!section || section->region == REGION_NONE || type == STT_TLS || type == STT_GNU_IFUNC ||
      entry->st_value > section->header.sh_size)
    return vyre_status_make(VYRE_E_OBJECT, "symbol %u ('%s'), type %u, value 0x%llx in section %u, is not in the image",
                            number, show_name(symbol_name(l, number)).text, type, (unsigned long long)entry->st_value,
                            entry->st_shndx);
  *out_offset = l->region_start[section->region] + section->offset + entry->st_value;
  return NULL;
}

static uint64_t image_address(const loading_t *l, uint64_t offset) {
  return (uint64_t)(uintptr_t)l->loaded->image + offset;
}

static vyre_status_t symbol_address(const loading_t *l, uint32_t number, uint64_t *out_address) {
  if (is_external(&l->symbols[number])) return find_external(l, number, out_address);
  uint64_t offset = 0;
  VYRE_TRY(find_defined(l, number, &offset));
  *out_address = image_address(l, offset);
  return NULL;
}

static uint64_t got_entry(const loading_t *l, const symbol_t *symbol) {
  return l->region_start[REGION_CONSTANT] + l->got_offset + (symbol->got_number - 1) * GOT_ENTRY_BYTES;
}

static uint64_t stub_of(const loading_t *l, const symbol_t *symbol) {
  return l->region_start[REGION_CODE] + l->stubs_offset + (symbol->stub_number - 1) * STUB_BYTES;
}

/* The second pass: everything has its place. S, A and P as in the ABI: symbol, addend, place. */
static vyre_status_t apply_relocation(loading_t *l, const relocation_t *r) {
  if (r->type == R_X86_64_NONE) return NULL;
  const section_t *target = &l->sections[r->target];
  const symbol_t *symbol = &l->symbols[r->symbol];
  uint64_t place = l->region_start[target->region] + target->offset + r->offset;
  uint64_t value = 0;
  if (wants_got(r->type))
    value = image_address(l, got_entry(l, symbol));
  else if (wants_stub(symbol, r->type))
    value = image_address(l, stub_of(l, symbol));
  else
    VYRE_TRY(symbol_address(l, r->symbol, &value));
  value += r->addend;
  bool is_absolute = r->type == R_X86_64_64 || r->type == R_X86_64_32 || r->type == R_X86_64_32S;
  if (!is_absolute) value -= image_address(l, place);
  uint64_t bytes = relocation_bytes(r->type);
  bool fits = bytes == 8 || (r->type == R_X86_64_32 ? value <= UINT32_MAX : value + 0x80000000u <= UINT32_MAX);
  if (!fits) {
    vyre_status_t status =
        vyre_status_make(VYRE_E_OBJECT, "relocation type %u to '%s': the value 0x%llx does not fit into 32 bits",
                         r->type, show_name(symbol_name(l, r->symbol)).text, (unsigned long long)value);
    return vyre_status_with_fix(status, "Recompile the object as position-independent code (-fPIC, small code model).");
  }
  memcpy(l->loaded->image + place, &value, bytes);
  return NULL;
}

static vyre_status_t place_sections(loading_t *l) {
  for (uint32_t i = 0; i < l->section_count; i++) {
    section_t *section = &l->sections[i];
    if (section->region == REGION_NONE) continue;
    vyre_status_t status =
        reserve(l, section->region, section->header.sh_addralign, section->header.sh_size, &section->offset);
    if (status) return vyre_status_at(status, "section %u (%s)", i, show_section(l, i).text);
  }
  if (l->region_bytes[REGION_CODE] == 0) return vyre_status_make(VYRE_E_OBJECT, "the object holds no code");
  VYRE_TRY(reserve(l, REGION_CODE, STUB_BYTES, l->stub_count * STUB_BYTES, &l->stubs_offset));
  VYRE_TRY(reserve(l, REGION_CONSTANT, GOT_ENTRY_BYTES, l->got_count * GOT_ENTRY_BYTES, &l->got_offset));
  uint64_t start = 0;
  for (int i = 0; i < REGION_COUNT; i++) {
    l->region_start[i] = start;
    start += (l->region_bytes[i] + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  }
  if (start > VYRE_LOADER_BYTES_MAX)
    return vyre_status_make(VYRE_E_OBJECT, "the image has %llu bytes, over the limit of %zu", (unsigned long long)start,
                            VYRE_LOADER_BYTES_MAX);
  l->loaded->image_bytes = (size_t)start;
  return NULL;
}

/* A stub is `jmp *entry(%rip)`; both parts lie within one image, so the distance fits. */
static vyre_status_t fill_indirections(loading_t *l) {
  for (uint32_t i = 1; i < l->symbol_count; i++) {
    const symbol_t *symbol = &l->symbols[i];
    if (!symbol->got_number) continue;
    uint64_t address = 0;
    VYRE_TRY(symbol_address(l, i, &address));
    uint64_t entry = got_entry(l, symbol);
    memcpy(l->loaded->image + entry, &address, sizeof address);
    if (!symbol->stub_number) continue;
    uint64_t stub = stub_of(l, symbol);
    uint32_t distance = (uint32_t)(entry - (stub + 6));
    static const unsigned char jump[2] = {0xff, 0x25};
    memcpy(l->loaded->image + stub, jump, sizeof jump);
    memcpy(l->loaded->image + stub + sizeof jump, &distance, sizeof distance);
  }
  return NULL;
}

static vyre_status_t fill_image(loading_t *l) {
  vyre_loaded_t *loaded = l->loaded;
  void *image = mmap(NULL, loaded->image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (image == MAP_FAILED)
    return vyre_status_from_errno(errno, VYRE_E_MEMORY, "mapping %zu bytes for code", loaded->image_bytes);
  loaded->image = image;
  memset(loaded->image, TRAP_BYTE, (size_t)l->region_start[REGION_CONSTANT]);
  for (uint32_t i = 0; i < l->section_count; i++) {
    const section_t *section = &l->sections[i];
    if (section->region == REGION_NONE || section->header.sh_type == SHT_NOBITS) continue;
    memcpy(loaded->image + l->region_start[section->region] + section->offset, l->object + section->header.sh_offset,
           (size_t)section->header.sh_size);
  }
  VYRE_TRY(fill_indirections(l));
  return visit_relocations(l, apply_relocation);
}

static vyre_status_t protect_image(const loading_t *l) {
  for (int i = 0; i < REGION_COUNT; i++) {
    uint64_t end = i + 1 < REGION_COUNT ? l->region_start[i + 1] : l->loaded->image_bytes;
    size_t bytes = (size_t)(end - l->region_start[i]);
    if (bytes > 0 && mprotect(l->loaded->image + l->region_start[i], bytes, region_protection[i]) != 0)
      return vyre_status_from_errno(errno, VYRE_E_MEMORY, "protecting %zu bytes of code", bytes);
  }
  return NULL;
}

/* Global functions, with a copy of all names. */
static vyre_status_t export_symbols(loading_t *l) {
  vyre_loaded_t *loaded = l->loaded;
  const Elf64_Shdr *names = &l->sections[l->sections[l->symbol_table].header.sh_link].header;
  loaded->names = vyre_alloc((size_t)names->sh_size);
  loaded->exports = vyre_calloc(l->symbol_count, sizeof *loaded->exports);
  if (!loaded->names || !loaded->exports)
    return vyre_out_of_memory((size_t)names->sh_size + l->symbol_count * sizeof *loaded->exports);
  memcpy(loaded->names, l->object + names->sh_offset, (size_t)names->sh_size);
  for (uint32_t i = 1; i < l->symbol_count; i++) {
    const Elf64_Sym *entry = &l->symbols[i].entry;
    if (ELF64_ST_TYPE(entry->st_info) != STT_FUNC || ELF64_ST_BIND(entry->st_info) == STB_LOCAL ||
        entry->st_shndx == SHN_UNDEF)
      continue;
    uint64_t offset = 0;
    VYRE_TRY(find_defined(l, i, &offset));
    if (l->sections[entry->st_shndx].region != REGION_CODE || entry->st_name >= names->sh_size)
      return vyre_status_make(VYRE_E_OBJECT, "symbol %u, a function, has no name or is not in code", i);
    loaded->exports[loaded->export_count++] = (export_t){entry->st_name, offset};
  }
  return NULL;
}

vyre_status_t vyre_loader_load(const void *object, size_t size, const vyre_loader_symbol_t *externals,
                               size_t external_count, vyre_loaded_t **out_loaded) {
  VYRE_ASSERT(object && out_loaded && (externals || external_count == 0));
  vyre_loaded_t *loaded = vyre_calloc(1, sizeof *loaded);
  if (!loaded) return vyre_out_of_memory(sizeof *loaded);
  loading_t l = {
      .object = object, .size = size, .externals = externals, .external_count = external_count, .loaded = loaded};
  vyre_status_t status = read_sections(&l);
  if (!status) status = read_symbols(&l);
  if (!status) status = visit_relocations(&l, check_relocation);
  if (!status) status = place_sections(&l);
  if (!status) status = fill_image(&l);
  if (!status) status = protect_image(&l);
  if (!status) status = export_symbols(&l);
  vyre_free(l.sections);
  vyre_free(l.symbols);
  if (status) {
    vyre_loaded_destroy(loaded);
    return status;
  }
  *out_loaded = loaded;
  return NULL;
}

vyre_loader_fn_t vyre_loaded_symbol(const vyre_loaded_t *loaded, const char *name) {
  for (size_t i = 0; i < loaded->export_count; i++) {
    const export_t *export = &loaded->exports[i];
    if (strcmp(loaded->names + export->name, name) == 0)
      return (vyre_loader_fn_t)((uintptr_t)loaded->image + export->offset);
  }
  return NULL;
}

void vyre_loaded_destroy(vyre_loaded_t *loaded) {
  if (!loaded) return;
  if (loaded->image) munmap(loaded->image, loaded->image_bytes);
  vyre_free(loaded->exports);
  vyre_free(loaded->names);
  vyre_free(loaded);
}
