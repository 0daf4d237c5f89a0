internal import Platform

/// The variables that hold a passphrase or name its source, which no child process may see.
package enum PassphraseVariables {
    /// Returns whether the entry `NAME=value` of an environment, or a name alone, is one of them.
    static func contains(_ entry: Span<UInt8>) -> Bool {
        let name = entry.variableName
        return name.starts(with: "VAULT_".utf8)
            && name.indices.contains { name[$0...].starts(with: "PASSPHRASE".utf8) }
    }

    /// The indices of the inherited variables that are none of them.
    package static func others() -> [Int] {
        (0..<Environment.count).filter { index in !Environment.withEntry(at: index) { contains($0) } }
    }
}

extension Span<UInt8> {
    /// The name in an environment entry `NAME=value`.
    var variableName: [UInt8] { indices.prefix { self[$0] != UInt8(ascii: "=") }.map { self[$0] } }
}
