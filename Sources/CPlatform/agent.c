#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>

static int set_path(struct sockaddr_un *address, const char *path) {
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address->sun_path, path);
    return 0;
}

int platform_socket_bind(int fd, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (set_path(&address, path) < 0) return -1;
    return bind(fd, (const struct sockaddr *)&address, sizeof address);
}

int platform_socket_connect(int fd, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (set_path(&address, path) < 0) return -1;
    return connect(fd, (const struct sockaddr *)&address, sizeof address);
}

int platform_socket_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int platform_socket_peer(int fd, uint32_t *user, int32_t *process) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -1;
    *user = peer.uid;
    *process = peer.pid;
    return 0;
}

/*
 * Descriptors with one message: as many as a request needs, and as many as Linux allows (SCM_MAX_FD), so that
 * the kernel never has to close some that did not fit.
 */
enum { MAX_SENT = 4, MAX_RECEIVED = 253 };

int64_t platform_socket_send(int fd, const void *bytes, size_t count, const int *descriptors, size_t number) {
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(MAX_SENT * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (number > MAX_SENT) {
        errno = EINVAL;
        return -1;
    }
    if (number > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(number * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(number * sizeof(int));
        memcpy(CMSG_DATA(&control.head), descriptors, number * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

int64_t platform_socket_receive(int fd, void *bytes, size_t count, int *descriptors, size_t *number) {
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(MAX_RECEIVED * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    *number = 0;
    ssize_t received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return -1;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        *number = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors, CMSG_DATA(head), *number * sizeof(int));
    }
    return received;
}

int platform_socket_shut_down(int fd) {
    int count = 0;
    return shutdown(fd, SHUT_RDWR) == 0 && ioctl(fd, FIONREAD, &count) == 0 && count == 0;
}

int platform_boot_timer(void) { return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK); }

int platform_boot_timer_set(int fd, uint64_t nanoseconds) {
    const struct itimerspec when = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int platform_wakeup(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/* Makes the standard input of a spawned program fd, or /dev/null if that is negative. */
static int add_input(posix_spawn_file_actions_t *actions, int fd) {
    return fd < 0 ? posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0)
                  : posix_spawn_file_actions_adddup2(actions, fd, 0);
}

int platform_start_detached(
    const char *name, const char *first, const char *second, char *const *variables, int input, int output) {
    char *words[] = {(char *)name, (char *)first, (char *)second, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    pid_t child;

    sigfillset(&all);
    sigemptyset(&none);
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0) return status;
    if ((status = posix_spawnattr_init(&attributes)) == 0) {
        if ((status = add_input(&actions, input)) == 0 &&
            (status = posix_spawn_file_actions_adddup2(&actions, output, 1)) == 0 &&
            (status = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0)) == 0 &&
            (status = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0 &&
            (status = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
            (status = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
            (status = posix_spawnattr_setflags(
                 &attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID)) == 0)
            /* This very program, even if its file was replaced or removed since it started. */
            status = posix_spawn(&child, "/proc/self/exe", &actions, &attributes, words, variables);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

void platform_detach(const char *name) {
    const struct rlimit none = {0, 0};
    struct rlimit files;

    (void)setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}
