#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Signals that stop, continue or by default end a process and may be sent to one that waits for input. */
static const int signals[] = {
    SIGTSTP, SIGCONT, SIGINT,    SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2,
    SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR, SIGSYS,  SIGTRAP, SIGABRT, SIGSTKFLT,
};
enum { signal_count = sizeof signals / sizeof *signals };

static volatile sig_atomic_t ending, pausing;
static struct sigaction previous_actions[signal_count];
static sigset_t previous_mask;

static int is_pausing(int number) { return number == SIGTSTP || number == SIGCONT; }

/* The later of a request to stop and one to continue replaces the earlier. */
static void record(int number) { *(is_pausing(number) ? &pausing : &ending) = number; }

static int recorded(void) { return ending ? ending : pausing; }

void platform_prompt_begin(void) {
    const struct sigaction action = {.sa_handler = record};
    sigset_t block;

    sigemptyset(&block);
    for (int i = 0; i < signal_count; i++) sigaddset(&block, signals[i]);
    sigprocmask(SIG_BLOCK, &block, &previous_mask);
    ending = pausing = 0;
    for (int i = 0; i < signal_count; i++) {
        struct sigaction *previous = &previous_actions[i];
        sigaction(signals[i], &action, previous);
        /* A shell without job control starts its programs with SIGTSTP ignored. It stays ignored. */
        if (is_pausing(signals[i]) && previous->sa_handler == SIG_IGN) sigaction(signals[i], previous, NULL);
    }
}

int platform_prompt_wait_readable(int fd, int milliseconds) {
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    const struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    sigset_t during = previous_mask;
    int result;

    for (int i = 0; i < signal_count; i++) sigdelset(&during, signals[i]);
    do {
        result = ppoll(&poll, 1, milliseconds < 0 ? NULL : &limit, &during);
    } while (result < 0 && errno == EINTR && !recorded());
    if (recorded()) return recorded();
    if (result == 0) errno = ETIMEDOUT;
    return result > 0 ? 0 : -1;
}

int platform_prompt_end(void) {
    /* Signals that are still pending reach our handler here, before the previous actions are restored. */
    sigprocmask(SIG_SETMASK, &previous_mask, NULL);
    for (int i = 0; i < signal_count; i++) sigaction(signals[i], &previous_actions[i], NULL);
    return recorded();
}

int platform_is_in_foreground(int fd) { return tcgetpgrp(fd) == getpgrp(); }

int platform_wait_for_foreground(int fd) {
    while (!platform_is_in_foreground(fd)) {
        /*
         * tcdrain changes nothing, yet the kernel stops a background job that calls it (SIGTTOU) until a
         * shell continues it in the foreground. It fails with EIO in an orphaned process group, which no
         * shell can continue, and succeeds if the signal is ignored.
         */
        if (tcdrain(fd) == 0) return platform_is_in_foreground(fd) ? 0 : 1;
        if (errno == EIO) return 1;
        if (errno != EINTR) return -1;
    }
    return 0;
}

void platform_set_turn(int lock, int terminal, int is_taken) {
    struct flock range = {.l_type = is_taken ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_len = 1};
    unsigned int device = 0;

    /* Terminals are told apart by their device number, since the path is always /dev/tty. */
    (void)ioctl(terminal, TIOCGDEV, &device);
    range.l_start = (off_t)(device & 0x7FFFFFFFu) << 32 | (off_t)(unsigned int)getpgrp();
    while (fcntl(lock, F_SETLKW, &range) < 0 && errno == EINTR) {}
}
