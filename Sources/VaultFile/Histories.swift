internal import Platform

/// A snapshot of the versions of all names, without those that were purged elsewhere.
package struct Histories {
    let index: Index
    /// The offsets of the versions that were purged elsewhere.
    let hidden: Set<UInt64>

    /// The number of names with a history, including deleted ones.
    package var count: Int {
        if hidden.isEmpty { return index.count }
        return (0..<index.count).count { newest(at: $0) != nil }
    }

    /// The number of versions in all histories, including tombstones.
    package var versionCount: Int {
        if hidden.isEmpty { return index.versionCount }
        var count = 0
        for place in 0..<index.count { forEachVersion(at: place) { _ in count += 1 } }
        return count
    }

    /// Returns the newest version of the name at `place`; it may be a tombstone.
    func newest(at place: Int) -> Version? { firstShown(from: index.newest(at: place)) }

    /// Returns the version before `version`.
    func older(than version: Version) -> Version? { firstShown(from: index.older(than: version)) }

    private func firstShown(from version: Version?) -> Version? {
        var next = version
        while let version = next, hidden.contains(version.offset) { next = index.older(than: version) }
        return next
    }

    /// Calls `body` with each version of the name at `place`, from new to old.
    func forEachVersion<E>(at place: Int, _ body: (Version) throws(E) -> Void) throws(E) {
        var next = newest(at: place)
        while let version = next {
            try body(version)
            next = older(than: version)
        }
    }

    /// Calls `body` with the newest version of each name and its packed address.
    ///
    /// - Parameter excluded: the offsets of versions to skip.
    package func forEachNewest<E>(
        without excluded: Set<UInt64> = [], _ body: (Version, Span<UInt8>) throws(E) -> Void
    ) throws(E) {
        for place in 0..<index.count {
            var next = newest(at: place)
            while let version = next, excluded.contains(version.offset) {
                next = older(than: version)
            }
            guard let newest = next else { continue }
            try index.withAddress(at: place) { address throws(E) in try body(newest, address) }
        }
    }

    /// Returns the newest version of a name; it may be a tombstone.
    ///
    /// A caller that goes through the names of another file, most of which are in the same order, passes the
    /// same variable each time.
    ///
    /// - Parameter place: the place at which to look first; it is set to the place after the name.
    package func newest(_ address: Span<UInt8>, expectedAt place: inout Int) -> Version? {
        if place >= index.count || !index.withAddress(at: place, { $0.equals(address) }) {
            guard let found = index.find(address) else { return nil }
            place = found
        }
        defer { place += 1 }
        return newest(at: place)
    }
}
