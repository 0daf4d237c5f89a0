internal import Platform

/// All checkpoints for a path to a vault; the file must contain each of them.
package struct RememberedCheckpoints: Sendable {
    /// The path without symbolic links.
    var canonicalPath: String
    /// The path that was named, if it is another one.
    var lexicalPath: String?
    /// The checkpoint of the canonical path.
    package var canonical: LastSeen?
    /// The checkpoints of the path that was named and of the path to which it led before.
    var others: [LastSeen] = []
    /// True if one of the checkpoints is torn.
    var isTorn = false
    /// True if the stored link says where the path leads now.
    var isLinkCurrent = true

    package var all: [LastSeen] { (canonical.map { [$0] } ?? []) + others }

    fileprivate mutating func add(_ entry: CheckpointStore.Entry) {
        if let seen = entry.lastSeen { others.append(seen) }
        if entry == .torn { isTorn = true }
    }

    fileprivate mutating func add(_ link: CheckpointStore.Link, in store: CheckpointStore) throws(Errno) {
        switch link {
        case .none: break
        case .torn: isTorn = true
        case .to(let path): add(try store.entry(of: path))
        }
    }
}

extension CheckpointStore {
    /// How often a torn checkpoint is read, and how long to wait in between: another process may be writing it now.
    private static let (tries, pause): (Int, UInt64) = (5, 2)

    /// Reads the checkpoints for a path, with and without its links: vault-format.md, section 10.
    func rememberedCheckpoints(of canonical: String, named lexical: String) throws(Errno)
        -> RememberedCheckpoints
    {
        for _ in 1..<CheckpointStore.tries {
            let remembered = try presentCheckpoints(of: canonical, named: lexical)
            if !remembered.isTorn { return remembered }
            SystemClock.sleep(milliseconds: CheckpointStore.pause)
        }
        return try presentCheckpoints(of: canonical, named: lexical)
    }

    private func presentCheckpoints(of canonical: String, named lexical: String) throws(Errno)
        -> RememberedCheckpoints
    {
        var remembered = RememberedCheckpoints(canonicalPath: canonical)
        let own = try entry(of: canonical)
        remembered.canonical = own.lastSeen
        remembered.isTorn = own == .torn
        let link = try link(of: lexical)
        if lexical == canonical {
            // A checkpoint of the path itself is newer than a link that it was before.
            guard own == .none, link != .none else { return remembered }
            try remembered.add(link, in: self)
            remembered.isLinkCurrent = false
            return remembered
        }
        remembered.lexicalPath = lexical
        let atLink = try entry(of: lexical)
        remembered.add(atLink)
        if link != .to(canonical) { try remembered.add(link, in: self) }
        remembered.isLinkCurrent = link == .to(canonical) && atLink == .none
        return remembered
    }

    /// Stores where the path that was named leads.
    func updateLink(_ remembered: RememberedCheckpoints) throws(Errno) {
        if remembered.isLinkCurrent { return }
        guard let lexical = remembered.lexicalPath else {
            return try setLink(of: remembered.canonicalPath, to: nil)
        }
        try setLink(of: lexical, to: remembered.canonicalPath)
        try remove(lexical)
    }
}
