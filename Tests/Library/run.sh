#!/bin/sh
# Runs the programs of build.sh, the server with the vault that is unlocked at VAULT, which PROGRAM then locks and unlocks:
#     run.sh VAULT TOKEN PROGRAM PASSPHRASE-FILE
set -eu
binaries=$("$(dirname "$0")/build.sh")

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
