/* Finds and loads libvyre-codegen. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "codegen/codegen.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const vyre_codegen_table_t *loaded; /* under lock */

/* A failure is not remembered: the next call tries again, and says what is wrong then. */
static vyre_status_t load(void) {
  void *library = dlopen("libvyre-codegen.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *words = dlerror();
    /* What the loader says under a limit on the address space, or on files. */
    bool is_memory = strstr(words, "failed to map segment") || strstr(words, "cannot allocate memory");
    bool is_files = strstr(words, strerror(EMFILE));
    return vyre_status_make(is_memory ? VYRE_E_MEMORY : is_files ? VYRE_E_FILES : VYRE_E_COMPILER_MISSING, "%s", words);
  }
  const vyre_codegen_table_t *table = dlsym(library, VYRE_CODEGEN_TABLE_SYMBOL);
  if (!table || table->abi != VYRE_CODEGEN_ABI) {
    vyre_status_t status = vyre_status_with_fix(
        vyre_status_make(VYRE_E_COMPILER_MISSING, "libvyre-codegen.so is of another version of vyre"),
        "Install libvyre and libvyre-codegen from the same build.");
    dlclose(library);
    return status;
  }
  loaded = table;
  return NULL;
}

vyre_status_t vyre_codegen_load(const vyre_codegen_table_t **out_table) {
  pthread_mutex_lock(&lock);
  vyre_status_t status = loaded ? NULL : load();
  *out_table = loaded;
  pthread_mutex_unlock(&lock);
  return status;
}
