internal import Platform

/// A commit in the history of a vault: vault-format.md, section 10.
public struct CommitPoint: Equatable, Sendable {
    /// The id of the vault.
    public let vaultID: Bytes16
    /// The generation of its file.
    public let generation: UInt64
    /// The `seq` of the last frame.
    public let seq: UInt64
    /// The offset at which that frame ends.
    public let end: UInt64
    /// The tag of that frame; if the file has no frame, the first half of the header's MAC.
    public let tag: Bytes16

    /// The length of ``body``, in bytes.
    package static let bodySize = 56

    /// Creates the point for the commit at `position` of a file with this header.
    init(_ header: Header, _ position: Replay.Position) {
        vaultID = header.vaultID
        generation = header.generation
        seq = position.seq
        end = position.end
        tag = position.tag
    }

    /// Decodes the ``bodySize`` bytes at `offset`.
    package init(_ bytes: Span<UInt8>, at offset: Int) {
        vaultID = Bytes16(bytes, at: offset)
        generation = bytes.load(UInt64.self, at: offset + 16)
        seq = bytes.load(UInt64.self, at: offset + 24)
        end = bytes.load(UInt64.self, at: offset + 32)
        tag = Bytes16(bytes, at: offset + 40)
    }

    /// The encoded form.
    package var body: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: CommitPoint.bodySize)
        var span = bytes.mutableSpan
        vaultID.store(into: &span, at: 0)
        span.store(generation, at: 16)
        span.store(seq, at: 24)
        span.store(end, at: 32)
        tag.store(into: &span, at: 40)
        return bytes
    }
}
