#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
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
    for (int i = 0; i < failing_write_count; i++) {
        failing_write_actions[i] = signal(failing_writes[i], SIG_IGN);
    }
}

void platform_soften(void) {
    (void)setrlimit(RLIMIT_CORE, &core_limit);
    for (int i = 0; i < failing_write_count; i++) {
        if (failing_write_actions[i] != SIG_ERR) signal(failing_writes[i], failing_write_actions[i]);
    }
}

/* The signals blocked before platform_defer_signals, and those that it blocks; valid while is_deferring. */
static sigset_t blocked_before, deferred;
static int is_deferring;

/*
 * Signals that do not wait: they cannot be blocked, tell of a fault in the program, or do not end a process
 * unless it wants that.
 */
static const int never_deferred[] = {
    SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL,  SIGFPE,  SIGABRT, SIGTRAP, SIGSYS,
    SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGURG, SIGWINCH,
};

int platform_defer_signals(void) {
    sigfillset(&deferred);
    for (size_t i = 0; i < sizeof never_deferred / sizeof *never_deferred; i++) {
        sigdelset(&deferred, never_deferred[i]);
    }
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction present;
        /* A blocked signal becomes pending even if it is ignored, as under nohup. */
        if (sigaction(number, NULL, &present) != 0 || present.sa_handler == SIG_IGN) {
            sigdelset(&deferred, number);
        }
    }
    const int fd = signalfd(-1, &deferred, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return -1;
    pthread_sigmask(SIG_BLOCK, &deferred, &blocked_before);
    is_deferring = 1;
    return fd;
}

void platform_stop_deferring(int fd) {
    close(fd);
    is_deferring = 0;
    pthread_sigmask(SIG_SETMASK, &blocked_before, NULL);
}

static const int keys[] = {SIGINT, SIGQUIT};
enum { key_count = sizeof keys / sizeof *keys };

static struct sigaction key_actions[key_count];

void platform_ignore_keys(void) {
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    for (int i = 0; i < key_count; i++) {
        sigaddset(&set, keys[i]);
        sigaction(keys[i], &ignore, &key_actions[i]);
    }
    /* While they are blocked they would become pending although they are ignored. */
    if (is_deferring) pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void platform_heed_keys(void) {
    if (is_deferring) pthread_sigmask(SIG_BLOCK, &deferred, NULL);
    for (int i = 0; i < key_count; i++) sigaction(keys[i], &key_actions[i], NULL);
}

int platform_spawn_softened(posix_spawnattr_t *attributes) {
    sigset_t signals, blocked;

    sigemptyset(&signals);
    for (int i = 0; i < failing_write_count; i++) {
        if (failing_write_actions[i] == SIG_DFL) sigaddset(&signals, failing_writes[i]);
    }
    if (is_deferring) blocked = blocked_before;
    else pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    int error = posix_spawnattr_setsigdefault(attributes, &signals);
    if (error == 0) error = posix_spawnattr_setsigmask(attributes, &blocked);
    if (error != 0) return error;
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

int platform_spawn_closing_others(posix_spawn_file_actions_t *actions) {
    return posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

int platform_is_in_memory(const char *path) {
    struct statfs system;
    return statfs(path, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

int platform_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

static char **arguments;

/* glibc calls constructors with the arguments of main. */
__attribute__((constructor)) static void keep_arguments(int count, char **vector) {
    (void)count;
    arguments = vector;
}

char **platform_arguments(void) { return arguments; }

char **platform_environment(void) { return environ; }

int platform_exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int platform_wait_readable_or_ended(int fd, int child, int milliseconds) {
    const int ended = pidfd_open(child, 0);
    struct pollfd states[] = {{.fd = fd, .events = POLLIN}, {.fd = ended, .events = POLLIN}};
    const int64_t limit = milliseconds < 0 ? INT64_MAX : now() + milliseconds;
    int result, has_ended = 0, is_late = 0;

    do {
        const int64_t rest = limit - now();
        const int most = ended < 0 ? 50 : 1000000;
        /* Without pidfd_open, the child is looked at now and then. */
        result = poll(states, ended < 0 ? 1 : 2, rest < most ? (rest > 0 ? (int)rest : 0) : most);
        if (result == 0) {
            siginfo_t end = {0};
            if (waitid(P_PID, child, &end, WEXITED | WNOHANG | WNOWAIT) < 0) result = -1;
            has_ended = end.si_pid != 0;
            is_late = now() >= limit;
        }
    } while ((result < 0 && errno == EINTR) || (result == 0 && !has_ended && !is_late));
    /* The child may have written and ended after poll looked at fd: look again. */
    if (result > 0 && states[0].revents == 0) has_ended = 1;
    if (result >= 0 && has_ended) result = poll(states, 1, 0);
    else if (result == 0) {
        errno = ETIMEDOUT;
        result = -1;
    }
    const int error = errno;
    if (ended >= 0) close(ended);
    errno = error;
    return result;
}

int platform_make_small_pipe(int fd) {
    (void)fcntl(fd, F_SETPIPE_SZ, 1);
    return fcntl(fd, F_SETFL, O_NONBLOCK);
}

int platform_unread(int fd) {
    int count;
    return ioctl(fd, FIONREAD, &count) < 0 ? -1 : count;
}
