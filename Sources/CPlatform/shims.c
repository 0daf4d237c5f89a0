#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int platform_rename_without_replacing(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

static struct rlimit core_limit = {RLIM_INFINITY, RLIM_INFINITY};

void platform_harden(void) {
    static const int crashes[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        struct sigaction present;
        if (sigaction(crashes[i], NULL, &present) == 0 && present.sa_handler != SIG_IGN) signal(crashes[i], SIG_DFL);
    }
    if (getrlimit(RLIMIT_CORE, &core_limit) == 0) {
        const struct rlimit none = {0, core_limit.rlim_max};
        (void)setrlimit(RLIMIT_CORE, &none);
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void platform_soften(void) { (void)setrlimit(RLIMIT_CORE, &core_limit); }

int platform_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

char **platform_environment(void) { return environ; }

int platform_exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

static volatile sig_atomic_t caught;

static void catch_signal(int number) { caught = number; }

int platform_wait_readable(int fd) {
    static const int interesting[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    enum { count = sizeof interesting / sizeof *interesting };
    struct sigaction old[count], action = {.sa_handler = catch_signal};
    sigset_t block, before;
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    int result, error, i;

    sigemptyset(&block);
    sigaddset(&block, SIGTSTP);
    for (i = 0; i < count; i++) sigaddset(&block, interesting[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    caught = 0;
    for (i = 0; i < count; i++) sigaction(interesting[i], &action, &old[i]);

    /* The signals are let in only inside ppoll, and SIGTSTP not at all: a terminal must not be left without its echo. */
    sigset_t during = before;
    sigaddset(&during, SIGTSTP);
    for (i = 0; i < count; i++) sigdelset(&during, interesting[i]);
    do {
        result = ppoll(&poll, 1, NULL, &during);
        error = errno;
    } while (result < 0 && error == EINTR && !caught);

    for (i = 0; i < count; i++) sigaction(interesting[i], &old[i], NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (caught) return caught;
    errno = error;
    return result < 0 ? -1 : 0;
}
