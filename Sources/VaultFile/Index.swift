/// Where one version of a secret lies in the file.
public struct Version: Equatable, Sendable {
    /// The offset of its frame.
    public let offset: UInt64
    /// When it was written, in milliseconds since 1970.
    public let time: UInt64
    /// The length of its frame's box.
    let boxCount: UInt32
    /// The next older version of the same name: its place in the index, or ``none``.
    fileprivate(set) var older: UInt32
    /// A value or a tombstone.
    public let kind: RecordKind

    fileprivate static let none = UInt32.max

    init(offset: UInt64, time: UInt64, boxCount: Int, kind: RecordKind) {
        self.offset = offset
        self.time = time
        self.boxCount = UInt32(boxCount)
        self.older = Version.none
        self.kind = kind
    }
}

extension Version {
    /// The order of vault-format.md, section 9: negative if `left` is the smaller, 0 if both are the same version.
    ///
    /// - Parameter compareValues: orders two values; asked for only where time and kind are equal.
    package static func order<E>(
        _ left: Version, _ right: Version, _ compareValues: (Version, Version) throws(E) -> Int
    ) throws(E) -> Int {
        if left.time != right.time { return left.time < right.time ? -1 : 1 }
        if left.kind != right.kind { return left.kind.rawValue < right.kind.rawValue ? -1 : 1 }
        return left.kind == .tombstone ? 0 : try compareValues(left, right)
    }
}

/// Every name of a vault and where its versions lie, without any value.
///
/// Flat arrays and one table of open addressing: no allocation for each name, and names are compared as
/// bytes.
struct Index {
    /// A name's place in the index; it stays the same as the index grows.
    struct Entry {
        fileprivate let addressStart: Int
        fileprivate let addressCount: Int
        fileprivate var newest: UInt32
    }

    private var addresses: [UInt8] = []
    private var entries: [Entry] = []
    private var versions: [Version] = []
    private var table = [UInt32](repeating: UInt32.max, count: 64)

    /// What stands in an index's place for a moment; costs nothing to make and must not be asked.
    static let placeholder = Index(table: [])

    init() {}

    private init(table: [UInt32]) { self.table = table }

    /// How many names there are, deleted ones too.
    var count: Int { entries.count }

    /// How many versions there are, tombstones too.
    var versionCount: Int { versions.count }

    /// The place of an address, if it was ever written.
    func find(_ address: Span<UInt8>) -> Int? {
        var slot = slotOf(address)
        while table[slot] != UInt32.max {
            let place = Int(table[slot])
            if withAddress(at: place, { $0.equals(address) }) { return place }
            slot = (slot + 1) & (table.count - 1)
        }
        return nil
    }

    /// The current version of the name at `place`; it may be a tombstone.
    func newest(at place: Int) -> Version { versions[Int(entries[place].newest)] }

    /// The version after `version` in the order from new to old.
    func older(than version: Version) -> Version? {
        version.older == Version.none ? nil : versions[Int(version.older)]
    }

    /// Lends the packed address at `place`.
    func withAddress<R, E>(at place: Int, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let entry = entries[place]
        return try body(
            addresses.span.extracting(entry.addressStart..<entry.addressStart + entry.addressCount))
    }

    /// Adds a version to the set of its name: ordered by time, then kind, then value; one that is there
    /// already is dropped.
    ///
    /// - Parameter compareValues: how two versions of equal time and kind are ordered: negative if the first
    ///   is smaller. Asked for only then, which happens after merges alone.
    mutating func insert<E>(
        _ version: Version, address: Span<UInt8>, compareValues: (Version, Version) throws(E) -> Int
    ) throws(E) {
        guard let place = find(address) else {
            appendEntry(address, version)
            return
        }
        var newer: UInt32?
        var next = entries[place].newest
        while next != Version.none {
            let order = try Version.order(version, versions[Int(next)], compareValues)
            if order == 0 { return }
            if order > 0 { break }
            newer = next
            next = versions[Int(next)].older
        }
        var version = version
        version.older = next
        versions.append(version)
        let position = UInt32(versions.count - 1)
        if let newer {
            versions[Int(newer)].older = position
        } else {
            entries[place].newest = position
        }
    }

    /// The frames of the newest version of every name, and of the older ones that are kept, in the order of the file.
    func places(keeping retention: Retention) -> [FramePlace] {
        // Versions lie in the order in which they were found in the file.
        var isKept = [Bool](repeating: retention == .all, count: versions.count)
        for entry in entries {
            isKept[Int(entry.newest)] = true
            guard case .replacedSince(let time) = retention else { continue }
            var newer = versions[Int(entry.newest)]
            while newer.older != Version.none, newer.time >= time {
                isKept[Int(newer.older)] = true
                newer = versions[Int(newer.older)]
            }
        }
        var places: [FramePlace] = []
        places.reserveCapacity(isKept.count { $0 })
        for (version, isKept) in zip(versions, isKept) where isKept {
            places.append(FramePlace(offset: version.offset, boxCount: Int(version.boxCount)))
        }
        return places
    }

    private mutating func appendEntry(_ address: Span<UInt8>, _ version: Version) {
        versions.append(version)
        entries.append(
            Entry(
                addressStart: addresses.count, addressCount: address.count, newest: UInt32(versions.count - 1)
            ))
        for index in address.indices { addresses.append(address[index]) }
        if entries.count * 2 > table.count {
            table = [UInt32](repeating: UInt32.max, count: table.count * 2)
            for place in entries.indices { occupy(place) }
        } else {
            occupy(entries.count - 1)
        }
    }

    private mutating func occupy(_ place: Int) {
        var slot = withAddress(at: place) { slotOf($0) }
        while table[slot] != UInt32.max { slot = (slot + 1) & (table.count - 1) }
        table[slot] = UInt32(place)
    }

    /// FNV-1a, finished with a multiplication: the names come from the key's owner, so nobody chooses
    /// collisions.
    private func slotOf(_ address: Span<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in address.indices { hash = (hash ^ UInt64(address[index])) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ (hash >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: hash >> 32) & (table.count - 1)
    }
}
