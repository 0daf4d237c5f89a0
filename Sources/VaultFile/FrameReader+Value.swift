internal import Platform

extension FrameReader {
    /// Calls `body` with the value of a version.
    ///
    /// - Parameter end: the end of the last committed transaction.
    /// - Throws: ``VaultFileError/damaged(at:)`` if the frame has changed since it was replayed.
    mutating func withValue<R>(
        of version: Version, address: Span<UInt8>, before end: UInt64,
        _ body: (Span<UInt8>) throws(VaultFileError) -> R
    ) throws(VaultFileError) -> R {
        scanner.reach = max(FrameScanner.shortReach, Int(version.end - version.offset))
        defer {
            scanner.reach = FrameScanner.longReach
            wipe()
        }
        var packed: [UInt8] = []
        let result = try open(at: version.offset, length: end) {
            frame, plaintext throws(VaultFileError) -> R? in
            guard frame.boxSize == version.boxSize else { return nil }
            let prefix = RecordPrefix(plaintext)
            guard case .version(let kind, let start) = RecordBody(prefix, in: plaintext, address: &packed),
                kind == version.kind, kind != .tombstone, packed.span.equals(address)
            else { return nil }
            return try body(plaintext.extracting(start..<Format.prefixSize + prefix.bodySize))
        }
        guard case .some(.some(let value)) = result else { throw .damaged(at: version.offset) }
        return value
    }
}
