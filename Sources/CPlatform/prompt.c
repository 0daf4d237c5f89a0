#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Signals that end a process by default and may be sent to one that waits for input. */
static const int ending_signals[] = {SIGINT,  SIGTERM, SIGHUP,    SIGQUIT, SIGALRM, SIGUSR1,
                                     SIGUSR2, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,
                                     SIGSYS,  SIGTRAP, SIGABRT,   SIGSTKFLT};
static const int pausing_signals[] = {SIGTSTP, SIGCONT};
enum {
    ending_count = sizeof ending_signals / sizeof *ending_signals,
    pausing_count = sizeof pausing_signals / sizeof *pausing_signals
};

static volatile sig_atomic_t ending, pausing;
static struct sigaction previous_ending[ending_count], previous_pausing[pausing_count];
static sigset_t previous_mask;

static void note_ending(int number) { ending = number; }

/* The later of a request to stop and one to continue replaces the earlier. */
static void note_pausing(int number) { pausing = number; }

static int noted(void) { return ending ? ending : pausing; }

void platform_prompt_begin(void) {
    const struct sigaction end = {.sa_handler = note_ending}, pause = {.sa_handler = note_pausing};
    sigset_t block;

    sigemptyset(&block);
    for (int i = 0; i < ending_count; i++) sigaddset(&block, ending_signals[i]);
    for (int i = 0; i < pausing_count; i++) sigaddset(&block, pausing_signals[i]);
    sigprocmask(SIG_BLOCK, &block, &previous_mask);
    ending = pausing = 0;
    for (int i = 0; i < ending_count; i++) sigaction(ending_signals[i], &end, &previous_ending[i]);
    for (int i = 0; i < pausing_count; i++) {
        sigaction(pausing_signals[i], &pause, &previous_pausing[i]);
        /* A shell without job control starts its programs with SIGTSTP ignored. It stays ignored. */
        if (previous_pausing[i].sa_handler == SIG_IGN) sigaction(pausing_signals[i], &previous_pausing[i], NULL);
    }
}

int platform_prompt_wait_readable(int fd, int milliseconds) {
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    const struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    sigset_t during = previous_mask;
    int result;

    for (int i = 0; i < ending_count; i++) sigdelset(&during, ending_signals[i]);
    for (int i = 0; i < pausing_count; i++) sigdelset(&during, pausing_signals[i]);
    do {
        result = ppoll(&poll, 1, milliseconds < 0 ? NULL : &limit, &during);
    } while (result < 0 && errno == EINTR && !noted());
    if (noted()) return noted();
    if (result == 0) errno = ETIMEDOUT;
    return result > 0 ? 0 : -1;
}

int platform_prompt_end(void) {
    /* Signals that are still pending reach our handlers here, before the previous actions are restored. */
    sigprocmask(SIG_SETMASK, &previous_mask, NULL);
    for (int i = 0; i < ending_count; i++) sigaction(ending_signals[i], &previous_ending[i], NULL);
    for (int i = 0; i < pausing_count; i++) sigaction(pausing_signals[i], &previous_pausing[i], NULL);
    return noted();
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
