/* The floors of four verbs that ask the agent: what each of them says on the socket (agent-protocol.md) and does with the
 * replies, in C, and nothing more. gcc -static -O2 -o client client.c
 *     client get SOCKET VAULT NAME          vault get NAME
 *     client list SOCKET VAULT              vault list
 *     client set SOCKET VAULT NAME FILE     vault set team NAME, the value on standard input; instead of a Commit the name is asked
 *                                           for, and a frame's 176 bytes are appended to FILE and synced here
 *     client run FILE CMD...                vault run -- CMD; without a socket, its lines NAME=VALUE are in FILE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { hello = 0, open_vault = 6, names = 7, contains = 8, value = 10 };

static unsigned char message[8192], reply[1 << 22];
static size_t size, had;
static int agent;

static void number(uint64_t value, int bytes) {
    while (bytes--) message[size++] = (unsigned char)value, value >>= 8;
}

static void text(const char *bytes) {
    memcpy(message + size, bytes, strlen(bytes));
    size += strlen(bytes);
}

static void head(int kind, size_t body) {
    number(1 + body, 4);
    number(kind, 1);
}

static void secret(const char *name) {
    number(1, 1);
    number(0, 1);
    number(strlen(name), 1);
    text(name);
}

static void all(int fd, const void *bytes, size_t count) {
    if (write(fd, bytes, count) != (ssize_t)count) exit(1);
}

static void ask(void) {
    all(agent, message, size);
    size = 0;
}

static void receive(size_t wanted) {
    while (had < wanted) {
        ssize_t more = read(agent, reply + had, sizeof reply - had);
        if (more <= 0) exit(1);
        had += more;
    }
}

/* Takes one reply off the front; returns how many bytes its body has, which then lie at reply + 5. */
static size_t answer(int kind) {
    uint32_t count;
    receive(5);
    memcpy(&count, reply, 4);
    receive(4 + count);
    if (reply[4] != kind + 128) exit(1);
    return count - 1;
}

static void drop(size_t body) {
    memmove(reply, reply + 5 + body, had - 5 - body);
    had -= 5 + body;
}

/* Sends what was put together, with a descriptor of the vault's file. */
static void ask_with(int file) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {.iov_base = message, .iov_len = size};
    struct msghdr all = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.head), &file, sizeof file);
    if (sendmsg(agent, &all, 0) != (ssize_t)size) exit(1);
    size = 0;
}

/* Hello, Open and, if a name is given, what asks for its value, in one write. */
static void begin(const char *path, const char *vault, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    agent = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(agent, (struct sockaddr *)&address, sizeof address) < 0) exit(1);
    head(hello, 10);
    text("vault-ag");
    number(4, 2);
    head(open_vault, 2 + strlen(vault));
    number(strlen(vault), 2);
    text(vault);
    if (name != NULL) {
        head(value, 3 + strlen(name) + 4);
        secret(name);
        number(0, 4);
    }
    int file = open(vault, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) exit(1);
    ask_with(file);
    drop(answer(hello));
    drop(answer(open_vault));
}

static void get(void) { all(1, reply + 5, answer(value)); }

static void list(void) {
    static unsigned char lines[1 << 24];
    size_t count = 0;
    int more;
    head(names, 0);
    ask();
    do {
        size_t body = answer(names), at = 6;
        more = reply[5];
        while (at < 5 + body) {
            size_t id = reply[at + 1], name = reply[at + 2];
            memcpy(lines + count, reply + at + 3 + id, name);
            lines[count + name] = '\n';
            count += name + 1;
            at += 3 + id + name;
        }
        drop(body);
    } while (more);
    all(1, lines, count);
}

static void set(const char *name, const char *file) {
    static unsigned char frame[176];
    ssize_t more, read_before = 0;
    while ((more = read(0, frame + read_before, sizeof frame - read_before)) > 0) read_before += more;
    head(contains, 3 + strlen(name));
    secret(name);
    ask();
    drop(answer(contains));
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    all(fd, frame, sizeof frame);
    if (fdatasync(fd) < 0) exit(1);
}

static void run(const char *file, char **words) {
    struct stat status;
    int fd = open(file, O_RDONLY | O_CLOEXEC), count = 0;
    if (fd < 0 || fstat(fd, &status) < 0) exit(1);
    while (environ[count] != NULL) count++;
    char *lines = malloc(status.st_size + 1), *line, *rest = lines;
    char **variables = malloc((count + status.st_size / 2 + 2) * sizeof *variables);
    if (read(fd, lines, status.st_size) != status.st_size) exit(1);
    lines[status.st_size] = 0;
    memcpy(variables, environ, count * sizeof *variables);
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line != 0) variables[count++] = line;
    }
    variables[count] = NULL;
    execve(words[0], words, variables);
    exit(127);
}

int main(int count, char **words) {
    if (count >= 4 && strcmp(words[1], "run") == 0) run(words[2], words + 3);
    if (count < 4) return 2;
    int gets = count == 5 && strcmp(words[1], "get") == 0;
    begin(words[2], words[3], gets ? words[4] : NULL);
    if (gets) get();
    else if (count == 4 && strcmp(words[1], "list") == 0) list();
    else if (count == 6 && strcmp(words[1], "set") == 0) set(words[4], words[5]);
    else return 2;
    return 0;
}
