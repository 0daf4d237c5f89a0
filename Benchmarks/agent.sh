#!/bin/sh
# How long `vault get` takes through the agent, beside a static C program that makes the same requests to the same socket (the ratio
# shall be at most 2), and beside a `vault get` that derives the key each time.
#     agent.sh [VAULT [RUNS]]
set -eu
cd "$(dirname "$0")/.."
vault=$(realpath "${1:-.build/release/vault}")
runs=${2:-500}
scratch=$(mktemp -d)
trap '"$vault" lock --all --quiet || :; rm -rf "$scratch"' EXIT
gcc -static -O2 -o "$scratch/ask" Benchmarks/ask.c
gcc -O2 -o "$scratch/turns" Benchmarks/turns.c
export HOME="$scratch" XDG_RUNTIME_DIR="$scratch" VAULT_FILE="$scratch/default.vault"
unset VAULT_PROJECT VAULT_CLUSTER
(umask 077; echo 'correct horse battery staple' >"$scratch/passphrase")
"$vault" init --quiet --passphrase-file "$scratch/passphrase" --kdf-memory 256 --kdf-time 3
"$vault" unlock --quiet --passphrase-file "$scratch/passphrase"
echo 'a value of forty bytes, or thereabouts' | "$vault" set --quiet team NAME
cd /
"$scratch/turns" "$runs" 2 'vault get, from the agent' "$vault" get NAME -- 'static C, same requests' "$scratch/ask" "$scratch/vault/agent.sock" "$scratch/default.vault" NAME
echo
"$scratch/turns" 20 1e9 'vault get, key derived' "$vault" get NAME --passphrase-file "$scratch/passphrase" -- 'vault get, from the agent' "$vault" get NAME
