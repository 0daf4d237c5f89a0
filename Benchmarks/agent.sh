#!/bin/sh
# How long `vault get`, `run`, `set` and `list` take through the agent, beside static C programs that do what has to be done
# (floors/client.c), and `vault get` beside one that derives the key each time.
#     agent.sh [VAULT [RUNS]]
set -eu
cd "$(dirname "$0")/.."
vault=$(realpath "${1:-.build/release/vault}")
runs=${2:-500}
scratch=$(mktemp -d)
trap '"$vault" lock --all --quiet || :; rm -rf "$scratch"' EXIT
gcc -static -O2 -o "$scratch/client" Benchmarks/floors/client.c
gcc -O2 -o "$scratch/turns" Benchmarks/turns.c
export HOME="$scratch" XDG_RUNTIME_DIR="$scratch"
unset VAULT_PROJECT VAULT_CLUSTER
socket=$scratch/vault/agent.sock
(umask 077; echo 'correct horse battery staple' >"$scratch/passphrase"; echo 'a value of forty bytes, or thereabouts.' >"$scratch/value")

# A vault with so many secrets, unlocked, which the verbs then take.
fill() {
    export VAULT_FILE="$scratch/$1.vault"
    seq -f 'NAME_%06.0f=a value of forty bytes, or thereabouts..' "$1" >"$scratch/$1.env"
    "$vault" init --quiet --passphrase-file "$scratch/passphrase" --kdf-memory 256 --kdf-time 3
    "$vault" unlock --quiet --passphrase-file "$scratch/passphrase"
    "$vault" import --quiet team --format dotenv "$scratch/$1.env"
}
turns() { (cd / && "$scratch/turns" "$@" <"$scratch/value") || result=1; }

result=0
fill 100
turns "$runs" 1.5 'vault get' "$vault" get NAME_000050 -- 'static C' "$scratch/client" get "$socket" "$VAULT_FILE" NAME_000050
turns "$runs" 2 'vault run, 100 secrets' "$vault" run /bin/true -- 'static C' "$scratch/client" run "$scratch/100.env" /bin/true
turns "$runs" 1.5 'vault set' "$vault" set team NAME_000050 -- 'static C' "$scratch/client" set "$socket" "$VAULT_FILE" NAME_000050 "$scratch/frames" 2>/dev/null
turns 20 1e9 'vault get, key derived' "$vault" get NAME_000050 --passphrase-file "$scratch/passphrase" -- 'vault get' "$vault" get NAME_000050
fill 100000
turns $((runs / 10)) 2 'vault list, 100,000 names' "$vault" list -- 'static C' "$scratch/client" list "$socket" "$VAULT_FILE"
exit $result
