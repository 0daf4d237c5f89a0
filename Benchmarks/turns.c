/* Runs two programs in turn and compares their medians: turns RUNS MOST NAME-A PROGRAM-A… -- NAME-B PROGRAM-B…
 * Their output goes to /dev/null, their environment is this program's, and so is their input, each time from its beginning. Ends with 1 if A takes more than MOST times as long as B. */
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

static double once(char **words) {
    posix_spawn_file_actions_t actions;
    struct timespec begin, end;
    pid_t child;
    int status;
    lseek(0, 0, SEEK_SET);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (posix_spawn(&child, words[0], &actions, NULL, words, environ) || waitpid(child, &status, 0) != child || status) {
        fprintf(stderr, "%s failed\n", words[0]);
        exit(2);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    posix_spawn_file_actions_destroy(&actions);
    return (end.tv_sec - begin.tv_sec) * 1e6 + (end.tv_nsec - begin.tv_nsec) / 1e3;
}

static int ascending(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

int main(int count, char **words) {
    int runs = atoi(words[1]), split = 4;
    double most = atof(words[2]), *a = malloc(runs * sizeof *a), *b = malloc(runs * sizeof *b);
    while (split < count && strcmp(words[split], "--") != 0) split++;
    if (split + 2 >= count) return 2;
    words[split] = NULL;
    for (int i = -20; i < runs; i++) {
        double x = once(words + 4), y = once(words + split + 2);
        if (i >= 0) a[i] = x, b[i] = y;
    }
    qsort(a, runs, sizeof *a, ascending);
    qsort(b, runs, sizeof *b, ascending);
    double ratio = a[runs / 2] / b[runs / 2];
    printf("%-28s %8.0f us (least %.0f)\n%-28s %8.0f us (least %.0f)\nratio %31.2f (of the least %.2f)\n", words[3], a[runs / 2], a[0],
           words[split + 1], b[runs / 2], b[0], ratio, a[0] / b[0]);
    return ratio > most;
}
