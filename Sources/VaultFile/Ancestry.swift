/// The changes that a file proves to contain, and the master keys before its own: vault-format.md, section 9.
///
/// Replay only collects tags, which costs nothing; an id is computed from a tag when it is needed.
package struct Ancestry: Sendable {
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

    private enum Entry: Sendable {
        case change(Change)
        /// Changes that count as older than all before this entry, except those that are among them.
        case earlier([ChangeID])
    }

    /// The changes, oldest first.
    private var entries: [Entry]
    /// The newest changes: those that no other change of the file follows.
    private(set) var frontier: [Change]
    /// The ids of the master keys before this one, in the order in which they were found.
    package private(set) var keys: [UInt64] = []
    private var knownKeys: Set<UInt64> = []
    /// The number of ids that a descent record left out because it was full.
    package private(set) var dropped: UInt64 = 0
    /// True if the file was rewritten by a program that does not write descent records.
    package private(set) var isLegacy: Bool

    /// Creates the ancestry of a file before its first frame.
    package init(_ header: Header) {
        isLegacy = header.generation > 1
        let start = Change.tag(isLegacy ? header.lineage : header.macTag)
        entries = [.change(start)]
        frontier = [start]
    }

    /// Adds a committed transaction.
    ///
    /// - Parameters:
    ///   - descent: the descent record with which the transaction begins, if there is one.
    ///   - tag: the tag of its last frame.
    ///   - isFirst: whether it is the first of the file.
    ///   - isContent: whether a rewrite carried it over.
    package mutating func take(_ descent: Descent?, tag: Bytes16, isFirst: Bool, isContent: Bool) {
        guard let descent else {
            if !isContent { append(tag) }
            return
        }
        if isFirst, isLegacy {
            isLegacy = false
            entries = []
        }
        for key in descent.keys where knownKeys.insert(key).inserted { keys.append(key) }
        dropped = descent.dropped > .max - dropped ? .max : dropped + descent.dropped
        if descent.isChange {
            // The changes of a file with other keys count as older than the changes of this one.
            if !descent.ids.isEmpty { entries.append(.earlier(descent.ids)) }
            append(tag)
        } else {
            entries += (descent.ids + descent.heads).map { .change(.id($0)) }
            var known: Set<ChangeID> = []
            frontier = descent.heads.filter { known.insert($0).inserted }.map { .id($0) }
        }
    }

    private mutating func append(_ tag: Bytes16) {
        frontier = [.tag(tag)]
        entries.append(.change(.tag(tag)))
    }

    /// Returns the ids of the newest changes.
    package func heads(_ namer: ChangeNamer) throws(VaultFileError) -> [ChangeID] {
        try frontier.ids(namer)
    }

    /// Returns the ids of all changes, oldest first and without duplicates.
    package func ids(_ namer: ChangeNamer) throws(VaultFileError) -> [ChangeID] {
        var (all, known): ([ChangeID], Set<ChangeID>) = ([], [])
        var earlier: [[ChangeID]] = []
        for entry in entries {
            switch entry {
            case .change(let change):
                let id = try change.id(namer)
                if known.insert(id).inserted { all.append(id) }
            case .earlier(let ids): earlier.append(ids.filter { known.insert($0).inserted })
            }
        }
        return earlier.reversed().flatMap(\.self) + all
    }

    /// Returns at most `count` of the newest changes, newest first.
    func newest(_ count: Int) -> [Change] {
        let changes = entries.reversed().lazy.compactMap { entry in
            if case .change(let change) = entry { change } else { nil }
        }
        return Array(changes.prefix(count))
    }

    /// Returns whether the file contains all of `wanted`.
    package func contains(
        _ wanted: [ChangeID], _ namer: ChangeNamer
    ) throws(VaultFileError) -> Bool {
        var missing = Set(wanted)
        for entry in entries.reversed() where !missing.isEmpty {
            switch entry {
            case .change(let change): missing.remove(try change.id(namer))
            case .earlier(let ids): missing.subtract(ids)
            }
        }
        return missing.isEmpty
    }
}

extension [Ancestry.Change] {
    /// Returns the ids of these changes.
    func ids(_ namer: ChangeNamer) throws(VaultFileError) -> [ChangeID] {
        try map { change throws(VaultFileError) in try change.id(namer) }
    }
}
