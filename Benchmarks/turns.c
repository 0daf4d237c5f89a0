/* Runs two programs in turn and prints, for each turn, how many nanoseconds each took from its start to its end.
 *     turns RUNS [NAME=VALUE…] PROGRAM-A… -- [NAME=VALUE…] PROGRAM-B…
 * A variable is set for that program alone. Their output goes to /dev/null; their input is this program's, each time from its
 * beginning. Twenty turns before the first that counts are not printed, or a tenth of RUNS if that is less. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct program {
    char **words, **environment;
};

static struct program program(char **words) {
    struct program result = {words, environ};
    size_t count = 0, more = 0;
    while (environ[count]) count++;
    while (words[more] && strchr(words[more], '=')) more++;
    if (more > 0) {
        result.words = words + more;
        result.environment = calloc(count + more + 1, sizeof *environ);
        memcpy(result.environment, words, more * sizeof *words);
        memcpy(result.environment + more, environ, count * sizeof *environ);
    }
    return result;
}

static long long once(struct program program) {
    posix_spawn_file_actions_t actions;
    struct timespec begin, end;
    pid_t child;
    int status;
    lseek(0, 0, SEEK_SET);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (posix_spawn(&child, program.words[0], &actions, NULL, program.words, program.environment) ||
        waitpid(child, &status, 0) != child || status) {
        fprintf(stderr, "%s failed\n", program.words[0]);
        exit(2);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    posix_spawn_file_actions_destroy(&actions);
    return (end.tv_sec - begin.tv_sec) * 1000000000ll + (end.tv_nsec - begin.tv_nsec);
}

int main(int count, char **words) {
    int runs = count > 1 ? atoi(words[1]) : 0, split = 2;
    struct program a, b;
    while (split < count && strcmp(words[split], "--") != 0) split++;
    if (runs < 1 || split + 1 >= count) return 2;
    words[split] = NULL;
    a = program(words + 2);
    b = program(words + split + 1);
    for (int turn = runs < 200 ? -runs / 10 : -20; turn < runs; turn++) {
        long long x = once(a), y = once(b);
        if (turn >= 0) printf("%lld %lld\n", x, y);
    }
    return 0;
}
