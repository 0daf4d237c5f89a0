internal import Synchronization
internal import VaultCore

/// A suggestion of what to do next; commands in it are in single quotes and can be pasted into a shell unchanged.
///
/// Every command gets the option that names the vault of the failed command. Only literals in the source are searched for commands, so
/// an interpolated file name that looks like one stays as it is.
package struct Hint: ExpressibleByStringInterpolation, Equatable, Sendable {
    /// The text, split where the option that names the vault is inserted.
    private var pieces = [""]

    /// The vault that commands must name; nil if it is the default one.
    private static let vault = Mutex<String?>(nil)

    /// The vault that commands act on without naming it, if that is not the one of ``Locations/vaultFile()``.
    private static let configured = Mutex<String?>(nil)

    /// The commands that do not act on a vault.
    private static let vaultless = ["help", "lock --all", "trust"]

    /// Makes the commands of every hint name the vault at `path`.
    package static func name(_ path: String) {
        vault.withLock { $0 = path }
    }

    /// Says that commands which name no vault act on the one at `path`.
    package static func setDefault(_ path: String) { configured.withLock { $0 = path } }

    /// Returns whether `path` is the vault that the commands of hints act on.
    static func isAbout(_ path: String) -> Bool {
        let named = vault.withLock { $0 } ?? configured.withLock { $0 }
        return (named ?? (try? Locations.vaultFile()) ?? nil) == path
    }

    package init(stringLiteral text: String) { append(literal: text) }

    package init(stringInterpolation: StringInterpolation) { self = stringInterpolation.hint }

    /// The hint as shown to the user.
    package var text: String {
        let vault = Hint.vault.withLock { $0 }
        return pieces.joined(separator: vault.map { "--vault \(Hint.quoted(path: $0)) " } ?? "")
    }

    private mutating func append(_ text: String) { pieces[pieces.count - 1] += text }

    private mutating func append(literal: String) {
        let start = "'vault "
        var rest = literal[...]
        while let index = rest.indices.first(where: { rest[$0...].hasPrefix(start) }) {
            append(String(rest[..<index]) + start)
            rest = rest[index...].dropFirst(start.count)
            if !Hint.vaultless.contains(where: rest.hasPrefix) { pieces.append("") }
        }
        append(String(rest))
    }

    /// Collects the parts of a hint.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var hint: Hint = ""

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ text: String) { hint.append(literal: text) }

        package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            hint.append("\(value)")
        }

        package mutating func appendInterpolation(_ other: Hint) {
            hint.append(other.pieces[0])
            hint.pieces += other.pieces.dropFirst()
        }
    }
}

extension Hint {
    /// Quotes a path as a shell argument that no program takes for an option.
    package static func quoted(path: String) -> String {
        quoted(path.hasPrefix("-") ? "./" + path : path)
    }

    private static func quoted(_ word: String) -> String {
        if word.unicodeScalars.contains(where: Output.isControl) {
            // Only some shells have $'…', but a command substitution loses newlines at the end.
            return word.hasSuffix("\n")
                ? "$'" + word.utf8.reduce(into: "") { $0 += escaped($1) } + "'"
                : "\"$(printf '" + word.utf8.reduce(into: "") { $0 += $1 == 0x25 ? "%%" : escaped($1) }
                    + "')\""
        }
        if isPlain(word) { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
            + "'"
    }

    /// A byte inside `$'…'` or the format of `printf`, escaped if it is not printable ASCII.
    private static func escaped(_ byte: UInt8) -> String {
        if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "'"), byte != UInt8(ascii: "\\") {
            return String(Unicode.Scalar(byte))
        }
        let digits = String(byte, radix: 8)
        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }

    private static func isPlain(_ word: String) -> Bool {
        !word.isEmpty
            && word.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || ("0"..."9").contains($0)
                    || "_./@%+=:,-".unicodeScalars.contains($0)
            }
    }
}
