internal import Platform

/// The versions of every name at one moment, without those that were purged elsewhere.
package struct Histories {
    let index: Index
    /// The offsets of the versions that are in no history.
    let hidden: Set<UInt64>

    /// How many names have a history, deleted ones too.
    package var count: Int {
        if hidden.isEmpty { return index.count }
        return (0..<index.count).count { newest(at: $0) != nil }
    }

    /// How many versions the histories have, tombstones too.
    package var versionCount: Int {
        if hidden.isEmpty { return index.versionCount }
        var count = 0
        for place in 0..<index.count { forEachVersion(at: place) { _ in count += 1 } }
        return count
    }

    /// The newest version of the name at `place`, deleted or not.
    func newest(at place: Int) -> Version? { firstShown(from: index.newest(at: place)) }

    /// The version before `version`.
    func older(than version: Version) -> Version? { firstShown(from: index.older(than: version)) }

    private func firstShown(from version: Version?) -> Version? {
        if hidden.isEmpty { return version }
        var next = version
        while let version = next, hidden.contains(version.offset) { next = index.older(than: version) }
        return next
    }

    /// Calls `body` with each version of the name at `place`, new to old.
    func forEachVersion<E>(at place: Int, _ body: (Version) throws(E) -> Void) throws(E) {
        var next = newest(at: place)
        while let version = next {
            try body(version)
            next = older(than: version)
        }
    }

    /// Calls `body` with the newest version of each name and the name's packed address.
    ///
    /// - Parameter excluded: the offsets of versions that are passed over.
    package func forEachNewest<E>(
        without excluded: Set<UInt64> = [], _ body: (Version, Span<UInt8>) throws(E) -> Void
    ) throws(E) {
        for place in 0..<index.count {
            var next = newest(at: place)
            while !excluded.isEmpty, let version = next, excluded.contains(version.offset) {
                next = older(than: version)
            }
            guard let newest = next else { continue }
            try index.withAddress(at: place) { address throws(E) in try body(newest, address) }
        }
    }

    /// The newest version of a name, deleted or not.
    ///
    /// - Parameter place: where in the order of ``forEachNewest(without:_:)`` it is looked for first; then the next one's place.
    package func newest(_ address: Span<UInt8>, expectedAt place: inout Int) -> Version? {
        if place >= index.count || !index.withAddress(at: place, { $0.equals(address) }) {
            guard let found = index.find(address) else { return nil }
            place = found
        }
        defer { place += 1 }
        return newest(at: place)
    }
}
