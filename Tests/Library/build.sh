#!/bin/sh
# Builds the code of docs/library.md and of the tutorial, as it stands there, in a package of its own, and Examples/SecretServer.
# Prints the directory of the programs.
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
echo "$copy/.build/debug"
