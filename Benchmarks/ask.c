/* The floor of `vault get NAME` from an agent: the same requests over the same socket, in C: ask SOCKET VAULT NAME */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static unsigned char message[8192], reply[1 << 20];
static size_t size;

static void number(uint64_t value, int bytes) {
    while (bytes--) message[size++] = (unsigned char)value, value >>= 8;
}

static void text(const char *bytes, size_t count) {
    memcpy(message + size, bytes, count);
    size += count;
}

static void head(int kind, size_t body) {
    number(1 + body, 4);
    number(kind, 1);
}

static void flush(int fd) {
    if (write(fd, message, size) != (ssize_t)size) exit(1);
    size = 0;
}

static size_t receive(int fd, size_t had, size_t wanted) {
    while (had < wanted) {
        ssize_t more = read(fd, reply + had, sizeof reply - had);
        if (more <= 0) exit(1);
        had += more;
    }
    return had;
}

/* Takes one reply off the front; returns how many bytes its body has, which then lie at reply + 5. */
static size_t answer(int fd, size_t *had, int kind) {
    uint32_t count;
    *had = receive(fd, *had, 5);
    memcpy(&count, reply, 4);
    *had = receive(fd, *had, 4 + count);
    if (reply[4] != kind + 128) exit(1);
    return count - 1;
}

static void drop(size_t *had, size_t body) {
    memmove(reply, reply + 5 + body, *had - 5 - body);
    *had -= 5 + body;
}

static void secret(const char *name) {
    number(1, 1);
    number(0, 1);
    number(strlen(name), 1);
    text(name, strlen(name));
}

int main(int count, char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t had = 0, body;
    if (count != 4) return 2;
    strncpy(address.sun_path, words[1], sizeof address.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return 1;
    head(0, 10);
    text("vault-ag", 8);
    number(1, 2);
    head(6, 2 + strlen(words[2]));
    number(strlen(words[2]), 2);
    text(words[2], strlen(words[2]));
    flush(fd);
    drop(&had, answer(fd, &had, 0));
    drop(&had, answer(fd, &had, 6));
    head(8, 3 + strlen(words[3]));
    secret(words[3]);
    flush(fd);
    drop(&had, answer(fd, &had, 8));
    head(10, 3 + strlen(words[3]) + 4);
    secret(words[3]);
    number(0, 4);
    flush(fd);
    body = answer(fd, &had, 10);
    return write(1, reply + 5, body) != (ssize_t)body;
}
