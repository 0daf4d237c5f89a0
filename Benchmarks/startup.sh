#!/bin/sh
# How long `vault --version` takes beside a static C program that prints the same line: the two in turn, their medians, and the ratio,
# which shall be at most 2.
#     startup.sh [VAULT [RUNS]]
set -eu
cd "$(dirname "$0")/.."
vault=${1:-.build/release/vault}
runs=${2:-500}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '#include <stdio.h>\nint main(void) { puts("vault 0.1.0"); return 0; }\n' >"$scratch/line.c"
gcc -static -O2 -o "$scratch/line" "$scratch/line.c"
# The clock: starts a program with posix_spawn and waits for it.
cat >"$scratch/turns.c" <<'END'
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

static double once(char *path) {
    char *arguments[] = {path, "--version", NULL}, *none[] = {NULL};
    posix_spawn_file_actions_t actions;
    struct timespec begin, end;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (posix_spawn(&child, path, &actions, NULL, arguments, none) || waitpid(child, &status, 0) != child || status) {
        fprintf(stderr, "%s failed\n", path);
        exit(1);
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
    int runs = atoi(words[3]);
    double *a = malloc(runs * sizeof *a), *b = malloc(runs * sizeof *b);
    for (int i = -20; i < runs; i++) {
        double x = once(words[1]), y = once(words[2]);
        if (i >= 0) a[i] = x, b[i] = y;
    }
    qsort(a, runs, sizeof *a, ascending);
    qsort(b, runs, sizeof *b, ascending);
    double ratio = a[runs / 2] / b[runs / 2];
    printf("vault --version  %6.0f us (least %.0f)\nstatic C         %6.0f us (least %.0f)\nratio            %6.2f (of the least %.2f)\n",
           a[runs / 2], a[0], b[runs / 2], b[0], ratio, a[0] / b[0]);
    return (void)count, ratio > 2;
}
END
gcc -O2 -o "$scratch/turns" "$scratch/turns.c"
"$scratch/turns" "$vault" "$scratch/line" "$runs"
