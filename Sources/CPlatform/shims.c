#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int failing_writes[] = {SIGXFSZ, SIGPIPE};
enum { failing_write_count = sizeof failing_writes / sizeof *failing_writes };

static void (*failing_write_actions[failing_write_count])(int) = {SIG_ERR, SIG_ERR};
static struct rlimit core_limit = {RLIM_INFINITY, RLIM_INFINITY};

const char *platform_c_library_version(void) { return gnu_get_libc_version(); }

void platform_harden(void) {
    static const int crashes[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        struct sigaction present;
        if (sigaction(crashes[i], NULL, &present) != 0) continue;
        if (present.sa_handler != SIG_IGN && present.sa_handler != SIG_DFL) signal(crashes[i], SIG_DFL);
    }
    if (getrlimit(RLIMIT_CORE, &core_limit) == 0) {
        const struct rlimit none = {0, core_limit.rlim_max};
        (void)setrlimit(RLIMIT_CORE, &none);
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    for (int i = 0; i < failing_write_count; i++) failing_write_actions[i] = signal(failing_writes[i], SIG_IGN);
}

void platform_soften(void) {
    (void)setrlimit(RLIMIT_CORE, &core_limit);
    for (int i = 0; i < failing_write_count; i++) {
        if (failing_write_actions[i] != SIG_ERR) signal(failing_writes[i], failing_write_actions[i]);
    }
}

int platform_spawn_softened(posix_spawnattr_t *attributes) {
    sigset_t signals;

    sigemptyset(&signals);
    for (int i = 0; i < failing_write_count; i++) {
        if (failing_write_actions[i] == SIG_DFL) sigaddset(&signals, failing_writes[i]);
    }
    const int error = posix_spawnattr_setsigdefault(attributes, &signals);
    return error ? error : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

int platform_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

static int argument_count;
static char **arguments;

/* glibc calls constructors with the arguments of main. */
__attribute__((constructor)) static void keep_arguments(int count, char **vector) {
    argument_count = count;
    arguments = vector;
}

int platform_argument_count(void) { return argument_count; }

char **platform_arguments(void) { return arguments; }

char **platform_environment(void) { return environ; }

int platform_exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

static const int prompt_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { prompt_signal_count = sizeof prompt_signals / sizeof *prompt_signals };

static volatile sig_atomic_t caught;
static struct sigaction before_actions[prompt_signal_count];
static sigset_t before_mask;

static void catch_signal(int number) { caught = number; }

void platform_prompt_begin(void) {
    const struct sigaction action = {.sa_handler = catch_signal};
    sigset_t block;

    sigemptyset(&block);
    sigaddset(&block, SIGTSTP);
    for (int i = 0; i < prompt_signal_count; i++) sigaddset(&block, prompt_signals[i]);
    sigprocmask(SIG_BLOCK, &block, &before_mask);
    caught = 0;
    for (int i = 0; i < prompt_signal_count; i++) sigaction(prompt_signals[i], &action, &before_actions[i]);
}

int platform_prompt_wait_readable(int fd, int milliseconds) {
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    const struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    sigset_t during = before_mask;
    int result;

    sigaddset(&during, SIGTSTP);
    for (int i = 0; i < prompt_signal_count; i++) sigdelset(&during, prompt_signals[i]);
    do {
        result = ppoll(&poll, 1, milliseconds < 0 ? NULL : &limit, &during);
    } while (result < 0 && errno == EINTR && !caught);
    if (caught) return caught;
    if (result == 0) errno = ETIMEDOUT;
    return result > 0 ? 0 : -1;
}

int platform_prompt_end(void) {
    /* What is still pending is delivered to the handler here, before the actions of old come back. */
    sigprocmask(SIG_SETMASK, &before_mask, NULL);
    for (int i = 0; i < prompt_signal_count; i++) sigaction(prompt_signals[i], &before_actions[i], NULL);
    return caught;
}
