internal import Platform
internal import Sodium

/// The versions that were purged from a vault: vault-format.md, section 5.
///
/// They are listed as hashes that reveal nothing about their values.
package struct PurgeList: Sendable {
    /// The entries without duplicates, in the order in which they were found.
    package private(set) var entries: [Bytes16] = []
    private var known: Set<Bytes16> = []

    /// The maximum number of entries in one record.
    package static let maxEntries = 65_536

    /// The maximum number of entries in all records of a file.
    package static let maxTotal = 1_048_576

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// Adds the entries that are not in the list.
    ///
    /// - Returns: whether there were any.
    @discardableResult
    package mutating func add(_ more: [Bytes16]) -> Bool {
        let count = entries.count
        for entry in more where known.insert(entry).inserted { entries.append(entry) }
        return entries.count > count
    }

    /// Returns whether a version is on the list.
    package func contains(
        _ address: Span<UInt8>, _ version: Version, of vaultID: Bytes16
    ) throws(VaultFileError) -> Bool {
        if isEmpty { return false }
        return known.contains(try PurgeList.entry(address, version, of: vaultID))
    }

    package func contains(_ entry: Bytes16) -> Bool { known.contains(entry) }

    /// Computes the entry of a version.
    ///
    /// Its value is not hashed, so that the list cannot be used to test guesses.
    ///
    /// - Parameter address: the packed address.
    package static func entry(
        _ address: Span<UInt8>, _ version: Version, of vaultID: Bytes16
    ) throws(VaultFileError) -> Bytes16 {
        var message = [UInt8](repeating: 0, count: address.count + 10)
        var span = message.mutableSpan
        let end = Address.store(address, into: &span, at: 0)
        span.store(version.time, at: end)
        span[end + 8] = version.kind.rawValue
        let hash = try guarding(BLAKE2b.hash(message.span, underPublicKey: vaultID.bytes.span, count: 16))
        return Bytes16(hash.span, at: 0)
    }

    /// Decodes the body of a record; nil if it breaks a rule of the format.
    package static func entries(_ body: Span<UInt8>) -> [Bytes16]? {
        guard body.count % 16 == 0, (1...maxEntries).contains(body.count / 16) else { return nil }
        return stride(from: 0, to: body.count, by: 16).map { Bytes16(body, at: $0) }
    }
}
