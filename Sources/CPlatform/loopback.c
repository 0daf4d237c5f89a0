#define _GNU_SOURCE
#include "CPlatform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Asks the kernel for one socket by its addresses and ports, which is a lookup in its hash table. */
static ssize_t ask(const struct inet_diag_req_v2 *question, void *answer, size_t size) {
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 question;
    } message = {
        .head = {
            .nlmsg_len = sizeof message, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .question = *question};
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return -1;
    ssize_t count = sendto(fd, &message, sizeof message, 0, (const struct sockaddr *)&kernel, sizeof kernel);
    if (count >= 0) {
        do count = recv(fd, answer, size, 0);
        while (count < 0 && errno == EINTR);
    }
    int error = errno;
    close(fd);
    errno = error;
    return count;
}

int platform_loopback_owner(int is_ipv6, uint16_t from, uint16_t to, uint32_t *user) {
    const uint32_t address[4] = {htonl(is_ipv6 ? 0 : INADDR_LOOPBACK), 0, 0, htonl(is_ipv6 ? 1 : 0)};
    struct inet_diag_req_v2 question = {
        .sdiag_family = is_ipv6 ? AF_INET6 : AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u,
        .id = {
            .idiag_sport = htons(from), .idiag_dport = htons(to),
            .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    memcpy(question.id.idiag_src, address, sizeof address);
    memcpy(question.id.idiag_dst, address, sizeof address);
    ssize_t count = ask(&question, &answer, sizeof answer);
    if (count < 0) return -1;
    if (!NLMSG_OK(&answer.head, (size_t)count)) {
        errno = EPROTO;
        return -1;
    }
    const void *body = NLMSG_DATA(&answer.head);
    if (answer.head.nlmsg_type == NLMSG_ERROR) {
        errno = -((const struct nlmsgerr *)body)->error;
        return -1;
    }
    const struct inet_diag_msg *found = body;
    /* A socket without an inode is no longer open in any process and would count as root's. */
    if (answer.head.nlmsg_len < NLMSG_LENGTH(sizeof *found) || found->id.idiag_dport != htons(to) ||
        found->idiag_inode == 0 || found->idiag_state == TCP_TIME_WAIT) {
        errno = ENOENT;
        return -1;
    }
    *user = found->idiag_uid;
    return 0;
}
