// libsodium needs about ten system calls to map, guard and lock each allocation: nine tenths of a fuzzer's time. In the
// fuzzers, malloc replaces it, where the address sanitizer watches the memory too.
#include <malloc.h>
#include <stdlib.h>

void *sodium_malloc(size_t size) { return malloc(size); }
void sodium_free(void *memory) { free(memory); }

// Freed memory is reused instead of returned to the system.
__attribute__((constructor)) static void keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}
