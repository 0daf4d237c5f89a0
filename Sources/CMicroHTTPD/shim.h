/* libmicrohttpd takes its options as variadic arguments, which Swift cannot pass. */
#pragma once

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

struct microhttpd_settings {
    int is_ipv6;                    /* whether it is at ::1, else at 127.0.0.1 */
    uint16_t port;                  /* 0 lets the system choose */
    unsigned int connections;       /* at most, at a time */
    unsigned int seconds;           /* that a connection may be quiet */
    size_t head;                    /* bytes for the head of a request */
    void *context;                  /* handed to every callback */
    MHD_AcceptPolicyCallback accept;
    MHD_NotifyConnectionCallback connection;
    void *(*begin)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback handle;
    MHD_RequestCompletedCallback complete;
};

/* The target of a request is taken apart by who asked for it, from its raw bytes. */
static inline size_t microhttpd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void) context, (void) connection;
    return strlen(text);
}

/* A server that works inside MHD_run alone; NULL with errno if there is none. */
static inline struct MHD_Daemon *microhttpd_start(const struct microhttpd_settings *settings) {
    struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(settings->port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(settings->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    return MHD_start_daemon(
        MHD_USE_EPOLL | (settings->is_ipv6 ? MHD_USE_IPv6 : 0),
        0, settings->accept, settings->context, settings->handle, settings->context,
        MHD_OPTION_SOCK_ADDR, settings->is_ipv6 ? (struct sockaddr *) &ipv6 : (struct sockaddr *) &ipv4,
        MHD_OPTION_CONNECTION_LIMIT, settings->connections,
        MHD_OPTION_CONNECTION_TIMEOUT, settings->seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings->head,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, settings->connection, settings->context,
        MHD_OPTION_URI_LOG_CALLBACK, settings->begin, settings->context,
        MHD_OPTION_NOTIFY_COMPLETED, settings->complete, settings->context,
        MHD_OPTION_UNESCAPE_CALLBACK, microhttpd_keep_escapes, NULL,
        MHD_OPTION_END);
}

/* What MHD_get_daemon_info and MHD_get_connection_info tell, which are unions. */
static inline uint16_t microhttpd_port(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}
static inline int microhttpd_poll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}
static inline int microhttpd_descriptor(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* The port of a client at 127.0.0.1, or of one at ::1; 0 if it has another address. */
static inline uint16_t microhttpd_client_port(const struct sockaddr *address) {
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *) address;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *) address;
    if (address->sa_family == AF_INET && ipv4->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) return ntohs(ipv4->sin_port);
    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr)) return ntohs(ipv6->sin6_port);
    return 0;
}
static inline int microhttpd_is_ipv6(const struct sockaddr *address) { return address->sa_family == AF_INET6; }

/* Overwrites the part of a body that was taken, in the library's own buffer, with zeros. */
static inline void microhttpd_wipe(const char *bytes, size_t count) { explicit_bzero((char *) bytes, count); }
