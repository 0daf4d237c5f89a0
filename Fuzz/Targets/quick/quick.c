// libsodium locks and guards each piece of its memory with some ten system calls, which is nine tenths of a fuzzer's time.
// The canaries at the end of each piece are checked all the same.
#include <stddef.h>

int mlock(const void *address, size_t length) { return 0; }
int munlock(const void *address, size_t length) { return 0; }
int madvise(void *address, size_t length, int advice) { return 0; }
int mprotect(void *address, size_t length, int protection) { return 0; }
