internal import Platform

/// The last state of a vault that this machine saw: vault-format.md, section 10.
public struct Checkpoint: Equatable, Sendable {
    /// The id of the vault.
    public let vaultID: Bytes16
    /// The id of its master key.
    let keyID: UInt64
    /// The generation of its file.
    public let generation: UInt64
    /// The first half of the header's MAC.
    let headerTag: Bytes16
    /// The offset at which the last transaction ended.
    public let end: UInt64
    /// The tag of the last frame, or of the header if there was no frame.
    public let tag: Bytes16
    /// The time at which it was seen, in milliseconds since 1970.
    public let time: UInt64
    /// True if a program that does not write descent records wrote the file.
    let isLegacy: Bool
    /// The newest changes that the file contained.
    let heads: [ChangeID]
    /// Other changes that the file contained, newest first.
    let recent: [ChangeID]

    /// The largest number of other changes that a checkpoint holds.
    static let maxRecent = 64
    /// The length of ``body``, in bytes.
    package static let bodySize = 984

    /// Creates the checkpoint of a file with `header` whose last commit is at `position`.
    ///
    /// - Parameter past: other changes that the file contains, newest first; `heads` and duplicates are left
    ///   out.
    init(
        _ header: Header, _ position: Replay.Position, keyID: UInt64, isLegacy: Bool, heads: [ChangeID],
        past: [ChangeID], time: UInt64
    ) {
        vaultID = header.vaultID
        self.keyID = keyID
        generation = header.generation
        headerTag = header.macTag
        end = position.end
        tag = position.tag
        (self.time, self.isLegacy, self.heads) = (time, isLegacy, heads)
        var recent: [ChangeID] = []
        for id in past where !heads.contains(id) && !recent.contains(id) {
            if recent.count == Checkpoint.maxRecent { break }
            recent.append(id)
        }
        self.recent = recent
    }

    /// Decodes the ``bodySize`` bytes of a body; nil if a field has an invalid value.
    package init?(_ body: Span<UInt8>) {
        guard body.count == Checkpoint.bodySize else { return nil }
        vaultID = Bytes16(body, at: 0)
        keyID = body.load(UInt64.self, at: 16)
        generation = body.load(UInt64.self, at: 24)
        headerTag = Bytes16(body, at: 32)
        end = body.load(UInt64.self, at: 48)
        tag = Bytes16(body, at: 56)
        time = body.load(UInt64.self, at: 72)
        let (headCount, recentCount) = (body.load(UInt16.self, at: 80), body.load(UInt16.self, at: 82))
        isLegacy = body.load(UInt16.self, at: 84) & 1 != 0
        guard (1...Descent.maxHeads).contains(Int(headCount)), recentCount <= Checkpoint.maxRecent else {
            return nil
        }
        heads = (0..<Int(headCount)).map { body.load(UInt64.self, at: 88 + 8 * $0) }
        recent = (0..<Int(recentCount)).map { body.load(UInt64.self, at: 344 + 8 * $0) }
    }

    /// The encoded form: the bytes between magic and hash.
    package var body: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Checkpoint.bodySize)
        var span = bytes.mutableSpan
        vaultID.store(into: &span, at: 0)
        span.store(keyID, at: 16)
        span.store(generation, at: 24)
        headerTag.store(into: &span, at: 32)
        span.store(end, at: 48)
        tag.store(into: &span, at: 56)
        span.store(time, at: 72)
        span.store(UInt16(heads.count), at: 80)
        span.store(UInt16(recent.count), at: 82)
        span.store(UInt16(isLegacy ? 1 : 0), at: 84)
        for (index, id) in heads.enumerated() { span.store(id, at: 88 + 8 * index) }
        for (index, id) in recent.enumerated() { span.store(id, at: 344 + 8 * index) }
        return bytes
    }
}

/// The last state of a vault that this machine saw, in either form in which it can be stored.
public enum LastSeen: Equatable, Sendable {
    /// The present form.
    case checkpoint(Checkpoint)
    /// The form of programs that do not write descent records.
    case legacy(CommitPoint)

    /// The fields that both forms have.
    private var fields: (vaultID: Bytes16, generation: UInt64, end: UInt64, tag: Bytes16) {
        switch self {
        case .checkpoint(let seen): (seen.vaultID, seen.generation, seen.end, seen.tag)
        case .legacy(let seen): (seen.vaultID, seen.generation, seen.end, seen.tag)
        }
    }

    /// The id of the vault.
    public var vaultID: Bytes16 { fields.vaultID }

    /// The generation of its file.
    public var generation: UInt64 { fields.generation }

    /// The offset at which the last transaction ended.
    public var end: UInt64 { fields.end }

    /// The tag of the last frame, or of the header if there was no frame.
    public var tag: Bytes16 { fields.tag }

    /// The time at which it was seen, in milliseconds since 1970; nil if it was not stored.
    public var time: UInt64? {
        if case .checkpoint(let checkpoint) = self { checkpoint.time } else { nil }
    }

    /// Returns whether this is a state of a file with this header.
    func isOf(_ header: Header) -> Bool {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.headerTag == header.macTag
        case .legacy(let point): point.generation == header.generation
        }
    }

    /// Returns whether this is a state of a file with this header before its first frame.
    ///
    /// The caller has checked that ``end`` is there.
    func isAtStart(of header: Header) -> Bool {
        guard case .legacy(let point) = self else { return isOf(header) }
        return isOf(header) && point.tag == header.macTag
    }

    /// Returns whether this is a checkpoint in the present form of a file with this header at `position`.
    func isAt(_ position: Replay.Position, of header: Header) -> Bool {
        guard case .checkpoint(let checkpoint) = self else { return false }
        return vaultID == header.vaultID && checkpoint.headerTag == header.macTag && end == position.end
            && tag == position.tag
    }
}

/// A refusal of a file that does not contain what this machine last saw of the vault.
public struct Rollback: Equatable, Sendable {
    /// The ways in which a file can fail to contain what was seen.
    public enum Reason: UInt8, Equatable, Sendable, CaseIterable {
        /// The file lacks changes that were seen, and has no new ones: it is an older state.
        case older = 1
        /// The file lacks changes that were seen, and has others: it has diverged.
        case diverged
        /// A program that does not write descent records rewrote the file.
        case unprovableRewrite
        /// The file was rewritten, and what was seen is too old to be listed in it.
        case unprovableAge
        /// The file's keys are neither those that were seen nor their successors.
        case keys
    }

    /// The reason.
    public let reason: Reason
    /// The time at which the vault was last seen, in milliseconds since 1970; 0 if it is not known.
    public let lastSeen: UInt64

    /// Creates a refusal.
    public init(_ reason: Reason, lastSeen: UInt64) { (self.reason, self.lastSeen) = (reason, lastSeen) }
}
