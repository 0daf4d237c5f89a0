internal import Platform

/// What this machine saw last of a vault: vault-format.md, section 10.
public struct Checkpoint: Equatable, Sendable {
    /// Which vault.
    public let vaultID: Bytes16
    /// Which master key it had.
    let keyID: UInt64
    /// Which generation of its file.
    public let generation: UInt64
    /// The first half of the header's MAC.
    let headerTag: Bytes16
    /// Where the last transaction ended, in bytes.
    public let end: UInt64
    /// The tag of the last frame; if there was none, that of the header.
    public let tag: Bytes16
    /// When it was seen, in milliseconds since 1970.
    public let time: UInt64
    /// Whether the file came from a program that knows no proof of descent.
    let isLegacy: Bool
    /// The newest changes that the file contained.
    let heads: [ChangeID]
    /// Other changes that it contained, newest first.
    let recent: [ChangeID]

    /// How many of these are remembered.
    static let maxRecent = 64
    /// The bytes between magic and sum.
    package static let bodySize = 984

    /// A file with `header` that has reached `position`, seen at `time`.
    ///
    /// - Parameter past: other changes that it contains, newest first; `heads` may be among them.
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
        self.time = time
        self.isLegacy = isLegacy
        self.heads = heads
        var recent: [ChangeID] = []
        for id in past where !heads.contains(id) && !recent.contains(id) { recent.append(id) }
        self.recent = Array(recent.prefix(Checkpoint.maxRecent))
    }

    /// Reads the ``bodySize`` bytes; nil if a field has a value that none has.
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

    /// The ``bodySize`` bytes.
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

/// What this machine saw last of a vault, as this program remembers it or as those before it did.
public enum LastSeen: Equatable, Sendable {
    /// As this program remembers it.
    case checkpoint(Checkpoint)
    /// As the programs did that know no proof of descent.
    case legacy(CommitPoint)

    /// Which vault.
    public var vaultID: Bytes16 {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.vaultID
        case .legacy(let point): point.vaultID
        }
    }

    /// Which generation of its file.
    public var generation: UInt64 {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.generation
        case .legacy(let point): point.generation
        }
    }

    /// Where the last transaction ended, in bytes.
    public var end: UInt64 {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.end
        case .legacy(let point): point.end
        }
    }

    /// The tag of the last frame, or of the header.
    public var tag: Bytes16 {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.tag
        case .legacy(let point): point.tag
        }
    }

    /// When that was, in milliseconds since 1970; nil if it was not written down.
    public var time: UInt64? {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.time
        case .legacy: nil
        }
    }

    /// Whether it speaks of a file with this header.
    func isOf(_ header: Header) -> Bool {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.headerTag == header.macTag
        case .legacy(let point): point.generation == header.generation
        }
    }

    /// Whether it speaks of a file with this header before its first frame, if that is where the file ended.
    func isAtStart(of header: Header) -> Bool {
        guard case .legacy(let point) = self else { return isOf(header) }
        return isOf(header) && point.tag == header.macTag
    }

    /// Whether it says, in the words of this program, that a file with this header had reached `position`.
    func isAt(_ position: Replay.Position, of header: Header) -> Bool {
        guard case .checkpoint(let checkpoint) = self else { return false }
        return checkpoint.vaultID == header.vaultID && checkpoint.headerTag == header.macTag
            && checkpoint.end == position.end && checkpoint.tag == position.tag
    }
}

/// Why a file is not what this machine saw last, or what followed from that.
public struct Rollback: Equatable, Sendable {
    /// What can be said of it.
    public enum Reason: UInt8, Equatable, Sendable, CaseIterable {
        /// It lacks what was seen, and has nothing that was not.
        case older = 1
        /// It lacks what was seen, and has what was not.
        case diverged
        /// It was rewritten by a program that proves nothing.
        case unprovableRewrite
        /// It was rewritten, and what was seen is too long ago.
        case unprovableAge
        /// Its keys are not those that were seen, nor do they follow them.
        case keys
    }

    /// What can be said of it.
    public let reason: Reason
    /// When the vault was last seen, in milliseconds since 1970; 0 if that is not known.
    public let lastSeen: UInt64

    /// A file that is refused for `reason`.
    public init(_ reason: Reason, lastSeen: UInt64) { (self.reason, self.lastSeen) = (reason, lastSeen) }
}
