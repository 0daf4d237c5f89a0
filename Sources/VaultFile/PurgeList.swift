internal import Platform
internal import Sodium

/// The versions that were purged from a vault, as hashes that say nothing of their values: vault-format.md, section 5.
package struct PurgeList: Sendable {
    /// Each entry once, in the order in which they were found.
    package private(set) var entries: [Bytes16] = []
    private var known: Set<Bytes16> = []

    /// How many entries one record has at most.
    package static let maxEntries = 65_536

    /// How many entries all records of a file have at most.
    package static let maxTotal = 1_048_576

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// Adds those that are not in it.
    ///
    /// - Returns: whether there are any.
    @discardableResult
    package mutating func add(_ more: [Bytes16]) -> Bool {
        let count = entries.count
        for entry in more where known.insert(entry).inserted { entries.append(entry) }
        return entries.count > count
    }

    /// Whether a version is on the list.
    package func contains(
        _ address: Span<UInt8>, _ version: Version, of vaultID: Bytes16
    ) throws(VaultFileError) -> Bool {
        if isEmpty { return false }
        return known.contains(try PurgeList.entry(address, version, of: vaultID))
    }

    package func contains(_ entry: Bytes16) -> Bool { known.contains(entry) }

    /// The entry of a version; its value is not in it, so that the list does not serve to test guesses.
    ///
    /// - Parameter address: packed.
    package static func entry(
        _ address: Span<UInt8>, _ version: Version, of vaultID: Bytes16
    ) throws(VaultFileError) -> Bytes16 {
        var message: [UInt8] = []
        message.append(copying: address.extracting(0..<3))
        message.append(0)
        message.append(copying: address.extracting(3..<address.count))
        var time = [UInt8](repeating: 0, count: 8)
        var span = time.mutableSpan
        span.store(version.time, at: 0)
        message += time
        message.append(version.kind.rawValue)
        let hash = try guarding { () throws(SodiumError) in
            try BLAKE2b.hash(message.span, underPublicKey: vaultID.bytes.span, count: 16)
        }
        return Bytes16(hash.span, at: 0)
    }

    /// The entries of a record; nil if the body breaks a rule of the format.
    package static func entries(_ body: Span<UInt8>) -> [Bytes16]? {
        guard body.count % 16 == 0, (1...maxEntries).contains(body.count / 16) else { return nil }
        return stride(from: 0, to: body.count, by: 16).map { Bytes16(body, at: $0) }
    }

    /// The bodies of as many records as it takes to list `entries`.
    package static func bodies(_ entries: some Collection<Bytes16>) -> [[UInt8]] {
        stride(from: 0, to: entries.count, by: maxEntries).map { start in
            entries.dropFirst(start).prefix(maxEntries).flatMap(\.bytes)
        }
    }
}
