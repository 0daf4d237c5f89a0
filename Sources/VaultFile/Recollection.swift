internal import Platform

/// What this machine remembers of the vault that a path leads to: every entry of it must agree with the file.
package struct Recollection: Sendable {
    /// The path without symbolic links, and the one that was named if that is another.
    var canonicalPath: String
    var lexicalPath: String?
    /// What was seen at the canonical path.
    package var canonical: LastSeen?
    /// What was seen at the path that was named, and where that led to last.
    var others: [LastSeen] = []
    /// Whether something there is not whole.
    var isTorn = false
    /// Whether what is remembered of where the path leads is what it should be.
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
    /// What there is for a path, before links and after: vault-format.md, section 10.
    func recollection(of canonical: String, named lexical: String) throws(Errno) -> Recollection {
        var recollection = Recollection(canonicalPath: canonical)
        let own = try entry(of: canonical)
        recollection.canonical = own.lastSeen
        recollection.isTorn = own == .torn
        if lexical == canonical {
            // A path that was used as the vault's own since it last was a link needs no other.
            let former = try link(of: lexical)
            guard own == .none, former != .none else { return recollection }
            try recollection.add(former, in: self)
            recollection.isLinkCurrent = false
            return recollection
        }
        recollection.lexicalPath = lexical
        let atLink = try entry(of: lexical)
        recollection.add(atLink)
        let former = try link(of: lexical)
        if former != .to(canonical) { try recollection.add(former, in: self) }
        recollection.isLinkCurrent = former == .to(canonical) && atLink == .none
        return recollection
    }

    /// Remembers where the path that was named leads.
    func updateLink(_ recollection: Recollection) throws(Errno) {
        if recollection.isLinkCurrent { return }
        guard let lexical = recollection.lexicalPath else {
            return try setLink(of: recollection.canonicalPath, to: nil)
        }
        try setLink(of: lexical, to: recollection.canonicalPath)
        try remove(lexical)
    }
}
