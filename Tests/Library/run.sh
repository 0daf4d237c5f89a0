#!/bin/sh
# Builds the example of docs/library.md, as it stands there, in a package of its own, and runs it with the given vault:
#     run.sh VAULT
set -eu
VAULT_PACKAGE=$(cd "$(dirname "$0")/../.." && pwd)
export VAULT_PACKAGE
copy=$VAULT_PACKAGE/.build/library-example
mkdir -p "$copy/Sources/example"
cp "$VAULT_PACKAGE/Tests/Library/Package.swift" "$copy/"
awk '/^```/ { inside = $0 == "```swift"; next } inside' "$VAULT_PACKAGE/docs/library.md" >"$copy/main.swift"
test -s "$copy/main.swift" || { echo "docs/library.md has no swift block" >&2; exit 1; }
# Only a change makes the build do anything.
cmp -s "$copy/main.swift" "$copy/Sources/example/main.swift" || cp "$copy/main.swift" "$copy/Sources/example/main.swift"
swift build --package-path "$copy" --product example >"$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
exec "$copy/.build/debug/example" "$1"
