#!/bin/sh
# How long `vault --version` takes beside a static C program that prints the same line; the ratio shall be at most 2.
#     startup.sh [VAULT [RUNS]]
set -eu
cd "$(dirname "$0")/.."
vault=${1:-.build/release/vault}
runs=${2:-500}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '#include <stdio.h>\nint main(void) { puts("vault 0.1.0"); return 0; }\n' >"$scratch/line.c"
gcc -static -O2 -o "$scratch/line" "$scratch/line.c"
gcc -O2 -o "$scratch/turns" Benchmarks/turns.c
"$scratch/turns" "$runs" 2 'vault --version' "$vault" --version -- 'static C' "$scratch/line"
