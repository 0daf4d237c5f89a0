/// The changes that a file proves to contain, and the master keys that came before its own: vault-format.md, section 9.
///
/// A replay gathers tags, which cost nothing; they become ids only where somebody asks.
package struct Ancestry: Sendable {
    /// A run of changes, oldest first, as the file gives them.
    private enum Run: Sendable {
        case ids([ChangeID])
        case tags([Bytes16])
        /// Those that count as older than all before them that are not among them.
        case earlier([ChangeID])
    }

    /// The newest changes.
    enum Frontier: Sendable {
        case tag(Bytes16)
        case ids([ChangeID])

        func ids(_ namer: ChangeNamer) throws(VaultFileError) -> [ChangeID] {
            switch self {
            case .tag(let tag): [try namer.id(of: tag)]
            case .ids(let ids): ids
            }
        }
    }

    /// A change, as the file names it.
    enum Change: Sendable {
        case tag(Bytes16)
        case id(ChangeID)

        func id(_ namer: ChangeNamer) throws(VaultFileError) -> ChangeID {
            switch self {
            case .tag(let tag): try namer.id(of: tag)
            case .id(let id): id
            }
        }
    }

    private var runs: [Run] = []
    private(set) var frontier: Frontier
    /// The ids of the master keys that came before this one, in the order in which they were found.
    package private(set) var keys: [UInt64] = []
    private var knownKeys: Set<UInt64> = []
    /// How many ids were left out for want of room.
    package private(set) var dropped: UInt64 = 0
    /// Whether a program rewrote the file that knows no proof of descent.
    package private(set) var isLegacy: Bool

    /// What a file contains before its first frame.
    package init(_ header: Header) {
        isLegacy = header.generation > 1
        let tag = isLegacy ? header.lineage : header.macTag
        runs = [.tags([tag])]
        frontier = .tag(tag)
    }

    /// Takes in a transaction that takes effect.
    ///
    /// - Parameters:
    ///   - descent: the record with which it begins, if it has one.
    ///   - tag: of its last frame.
    ///   - isFirst: whether it begins the file.
    ///   - isContent: whether it is part of what a rewrite carried over.
    package mutating func take(_ descent: Descent?, tag: Bytes16, isFirst: Bool, isContent: Bool) {
        guard let descent else {
            if !isContent { append(tag) }
            return
        }
        if isFirst, isLegacy {
            isLegacy = false
            runs = []
        }
        if descent.isChange {
            // What a file with other keys contains counts as older than what this one does.
            if !descent.ids.isEmpty { runs.append(.earlier(descent.ids)) }
        } else {
            runs.append(.ids(descent.ids + descent.heads))
        }
        for key in descent.keys where knownKeys.insert(key).inserted { keys.append(key) }
        dropped = descent.dropped > .max - dropped ? .max : dropped + descent.dropped
        if descent.isChange { append(tag) } else { frontier = .ids(Ancestry.once(descent.heads)) }
    }

    /// Each id once.
    private static func once(_ ids: [ChangeID]) -> [ChangeID] {
        var known: Set<ChangeID> = []
        return ids.filter { known.insert($0).inserted }
    }

    private mutating func append(_ tag: Bytes16) {
        frontier = .tag(tag)
        if case .tags(var tags) = runs.last {
            runs.removeLast()
            tags.append(tag)
            runs.append(.tags(tags))
        } else {
            runs.append(.tags([tag]))
        }
    }

    /// The ids of the newest changes.
    package func heads(_ namer: ChangeNamer) throws(VaultFileError) -> [ChangeID] {
        try frontier.ids(namer)
    }

    /// The ids of all changes, oldest first, each once.
    package func ids(_ namer: ChangeNamer) throws(VaultFileError) -> [ChangeID] {
        var (all, known): ([ChangeID], Set<ChangeID>) = ([], [])
        var earlier: [[ChangeID]] = []
        for run in runs {
            switch run {
            case .ids(let ids):
                for id in ids where known.insert(id).inserted { all.append(id) }
            case .earlier(let ids): earlier.append(ids.filter { known.insert($0).inserted })
            case .tags(let tags):
                for tag in tags {
                    let id = try namer.id(of: tag)
                    if known.insert(id).inserted { all.append(id) }
                }
            }
        }
        return earlier.reversed().flatMap(\.self) + all
    }

    /// At most `count` of the newest changes, newest first.
    func newest(_ count: Int) -> [Change] {
        var newest: [Change] = []
        for run in runs.reversed() where newest.count < count {
            let rest = count - newest.count
            switch run {
            case .ids(let ids): newest += ids.suffix(rest).reversed().map { .id($0) }
            case .tags(let tags): newest += tags.suffix(rest).reversed().map { .tag($0) }
            case .earlier: continue
            }
        }
        return newest
    }

    /// Whether all of `wanted` are among the changes.
    package func contains(
        _ wanted: [ChangeID], _ namer: ChangeNamer
    ) throws(VaultFileError) -> Bool {
        var missing = Set(wanted)
        for run in runs.reversed() where !missing.isEmpty {
            switch run {
            case .ids(let ids), .earlier(let ids):
                for id in ids { missing.remove(id) }
            case .tags(let tags):
                for tag in tags.reversed() where !missing.isEmpty { missing.remove(try namer.id(of: tag)) }
            }
        }
        return missing.isEmpty
    }
}
