internal import Synchronization
internal import VaultKit

/// Tells a person what to do next; commands in it stand between single quotes, and can be pasted as they stand.
///
/// Every command acts on the vault that the failed command was about. Only what is written in the source is searched for commands: the
/// name of a file that looks like one stays a name.
package struct Hint: ExpressibleByStringInterpolation, Equatable, Sendable {
    /// The text, divided where an option belongs that names the vault.
    private var pieces = [""]

    /// The vault that commands have to name; nil if a command that names none acts on the same one.
    private static let vault = Mutex<String?>(nil)

    /// What follows `vault` in commands that are about no vault.
    private static let general = ["help", "lock --all", "trust"]

    /// Has the commands of every hint act on the vault at `path`, without which they would act on the one that is meant by default.
    package static func name(_ path: String) {
        vault.withLock { $0 = path }
    }

    /// Whether `path` is the vault that commands act on, and no other file that was named.
    static func isAbout(_ path: String) -> Bool {
        let named = vault.withLock { $0 }
        return (named ?? (try? Locations.vaultFile()) ?? nil) == path
    }

    package init(stringLiteral text: String) { append(literal: text) }

    package init(stringInterpolation: StringInterpolation) { self = stringInterpolation.hint }

    /// The hint as it is shown.
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
            if !Hint.general.contains(where: rest.hasPrefix) { pieces.append("") }
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
    /// A path as an argument in a shell, which no program takes for an option.
    package static func quoted(path: String) -> String {
        quoted(path.hasPrefix("-") ? "./" + path : path)
    }

    private static func quoted(_ word: String) -> String {
        if word.unicodeScalars.contains(where: Output.isControl) {
            return "$'" + word.utf8.reduce(into: "") { $0 += escaped($1) } + "'"
        }
        if isPlain(word) { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
            + "'"
    }

    /// A byte between `$'` and `'`, without what could steer a terminal.
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
