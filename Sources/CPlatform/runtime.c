#include "CPlatform.h"

/*
 * Replacements for two parts of the Swift runtime that run before main, tried with Swift 6.3.1. The linker
 * then takes neither from libswiftCore.a. Only the static program has them (VAULT_STATIC).
 */
#ifdef VAULT_STATIC

/*
 * The crash reporter. It would write registers, a stack and memory to a file or the terminal, and
 * SWIFT_BACKTRACE, its only switch, belongs to whoever starts the process. All zero, these settings report
 * nothing and install no signal handlers, so that not even a crash before platform_harden is reported.
 */
char _swift_backtraceSettings[256] __attribute__((aligned(16)));

_Bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return 0;
}

/*
 * The arguments, which the runtime finds by reading /proc/self/maps at each start. That takes 70 to 90 µs, 4
 * to 5 % of a `vault get` that an agent answers.
 */
char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    char **arguments = platform_arguments();
    for (*count = 0; arguments[*count] != NULL; ++*count) {}
    return arguments;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int count) {
    (void)arguments;
    (void)count;
}

#endif
