// libsodium maps, guards and locks each piece of its memory with some ten system calls, which is nine tenths of a fuzzer's
// time. Here it comes from malloc, where the address sanitizer watches it too.
#include <malloc.h>
#include <stdlib.h>

void *sodium_malloc(size_t size) { return malloc(size); }
void sodium_free(void *memory) { free(memory); }

// What was freed is used again instead of given back.
__attribute__((constructor)) static void keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}
