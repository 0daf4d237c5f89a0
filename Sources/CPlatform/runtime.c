#include "CPlatform.h"

/*
 * Two parts of Swift's runtime work before main in each process: one looks for the program that reports crashes, which may not run here
 * (it would print what a secret lies in), the other reads /proc/self/maps for the arguments. In the static program these stand in
 * their place, so that the linker leaves both out.
 */
#ifdef VAULT_STATIC

/* All zero: no crash is reported, no handler installed. */
char _swift_backtraceSettings[256] __attribute__((aligned(16)));

_Bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return 0;
}

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = platform_argument_count();
    return platform_arguments();
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **vector, int count) {
    (void)vector;
    (void)count;
}

#endif
