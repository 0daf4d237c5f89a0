#!/bin/sh
# Builds the code of docs/library.md and of the tutorial, as it stands there, in a package of its own, and Examples/SecretServer;
# runs all three, the server with the vault that is unlocked at VAULT, which PROGRAM then locks and unlocks:
#     run.sh VAULT TOKEN PROGRAM PASSPHRASE-FILE
set -eu
VAULT_PACKAGE=$(cd "$(dirname "$0")/../.." && pwd)
export VAULT_PACKAGE
copy=$VAULT_PACKAGE/.build/library-example
extract() { # DOCUMENT TARGET
    mkdir -p "$copy/Sources/$2"
    awk '/^```/ { inside = $0 == "```swift"; next } inside' "$VAULT_PACKAGE/$1" >"$copy/$2.swift"
    test -s "$copy/$2.swift" || { echo "$1 has no swift block" >&2; exit 1; }
    # Only a change makes the build do anything.
    cmp -s "$copy/$2.swift" "$copy/Sources/$2/main.swift" || cp "$copy/$2.swift" "$copy/Sources/$2/main.swift"
}
extract docs/library.md example
extract Sources/VaultKit/VaultKit.docc/GettingStarted.md tutorial
cp "$VAULT_PACKAGE/Tests/Library/Package.swift" "$copy/"
swift build --package-path "$copy" >"$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
binaries=$copy/.build/debug

"$binaries/example" "$1"
"$binaries/tutorial"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
VAULT_FILE=$1 "$binaries/secret-server" "$port" >&2 &
trap 'kill $!' EXIT
python3 - "$port" "$1" "$2" "$3" "$4" <<'END'
import subprocess, sys, time, urllib.error, urllib.request

port, file, token, program, passphrase = sys.argv[1:]

def ask(token):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Authorization": f"Bearer {token}"})
    for attempt in range(100):
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:  # it does not listen yet
            time.sleep(0.1)

def vault(*words):
    subprocess.run([program, "--vault", file, *words, "--quiet"], check=True)

answers = [ask(token), ask("wrong")]
vault("lock")
answers.append(ask(token))
vault("unlock", "--passphrase-file", passphrase)
answers.append(ask(token))
# The agent exits, and another one takes its place.
vault("lock", "--all")
answers.append(ask(token))
vault("unlock", "--passphrase-file", passphrase)
answers.append(ask(token))
print("the server answers", *answers)
END
