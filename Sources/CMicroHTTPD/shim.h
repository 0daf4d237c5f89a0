/* The parts of libmicrohttpd that Swift cannot use: variadic options and unions. */
#pragma once

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

struct microhttpd_settings {
    int is_ipv6;                    /* listens at ::1, otherwise at 127.0.0.1 */
    uint16_t port;                  /* 0 lets the system choose */
    unsigned int connections;       /* the limit on simultaneous connections */
    unsigned int seconds;           /* after which an idle connection is closed */
    size_t head;                    /* the memory for the head of a request, in bytes */
    void *context;                  /* passed to every callback */
    MHD_AcceptPolicyCallback accept;
    MHD_NotifyConnectionCallback connection;
    void *(*begin)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback handle;
    MHD_RequestCompletedCallback complete;
};

/* Leaves percent escapes alone, since the caller parses the raw target of a request. */
static inline size_t microhttpd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void) context, (void) connection;
    return strlen(text);
}

/* Starts a server that works only inside MHD_run: NULL with errno on failure. */
static inline struct MHD_Daemon *microhttpd_start(const struct microhttpd_settings *settings) {
    const uint16_t port = htons(settings->port);
    const struct sockaddr_in ipv4 = {AF_INET, port, {htonl(INADDR_LOOPBACK)}, {0}};
    const struct sockaddr_in6 ipv6 = {AF_INET6, port, 0, IN6ADDR_LOOPBACK_INIT, 0};
    return MHD_start_daemon(
        MHD_USE_EPOLL | (settings->is_ipv6 ? MHD_USE_IPv6 : 0),
        0, settings->accept, settings->context, settings->handle, settings->context,
        MHD_OPTION_SOCK_ADDR,
        settings->is_ipv6 ? (const struct sockaddr *) &ipv6 : (const struct sockaddr *) &ipv4,
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

/* Accessors for the unions of MHD_get_daemon_info and MHD_get_connection_info. */
static inline uint16_t microhttpd_port(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}
static inline int microhttpd_poll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}
static inline int microhttpd_descriptor(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* Returns the port of a client at 127.0.0.1 or ::1; 0 if it has another address. */
static inline uint16_t microhttpd_client_port(const struct sockaddr *address) {
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *) address;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *) address;
    if (address->sa_family == AF_INET && ipv4->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
        return ntohs(ipv4->sin_port);
    }
    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr)) {
        return ntohs(ipv6->sin6_port);
    }
    return 0;
}

/* Wipes a consumed piece of a body in the library's buffer. */
static inline void microhttpd_wipe(const char *bytes, size_t count) { explicit_bzero((char *) bytes, count); }
