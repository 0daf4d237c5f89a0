internal import Platform

/// A version of a secret, and where its frame is in the file.
public struct Version: Equatable, Sendable {
    /// The offset of its frame.
    public let offset: UInt64
    /// The time at which it was written, in milliseconds since 1970.
    public internal(set) var time: UInt64
    /// The length of its frame's box.
    let boxSize: UInt32
    /// The number of the next older version of the same name, or ``none``.
    fileprivate(set) var older: UInt32
    /// A value or a tombstone.
    public let kind: RecordKind

    static let none = UInt32.max

    package init(
        offset: UInt64, time: UInt64, boxSize: Int, kind: RecordKind, older: UInt32 = UInt32.max
    ) {
        self.offset = offset
        self.time = time
        self.boxSize = UInt32(boxSize)
        self.older = older
        self.kind = kind
    }
}

extension Version {
    /// The offset at which its frame ends.
    var end: UInt64 { offset + UInt64(Format.frameOverhead) + UInt64(boxSize) }

    /// Compares two versions: vault-format.md, section 9.
    ///
    /// - Parameter compareValues: compares two values; it is called only if time and kind are equal.
    /// - Returns: a negative number if `left` is smaller, 0 if both are the same version.
    package static func order<E>(
        _ left: Version, _ right: Version, _ compareValues: (Version, Version) throws(E) -> Int
    ) throws(E) -> Int {
        if left.time != right.time { return left.time < right.time ? -1 : 1 }
        if left.kind != right.kind { return left.kind.rawValue < right.kind.rawValue ? -1 : 1 }
        return left.kind == .tombstone ? 0 : try compareValues(left, right)
    }
}

/// The names of a vault and the places of their versions in the file, without any value.
///
/// It consists of flat arrays and a hash table with open addressing, without an allocation for each name. A
/// name takes 12 bytes and its packed address, a version 20, a slot of the table 4; `make bench` checks the
/// memory for a million names against a limit.
struct Index {
    /// The packed addresses, one after the other.
    private var addresses: [UInt8] = []
    /// For each name: the start of its address, and the number of its newest version.
    private var starts: [Int] = []
    var newest: [UInt32] = []
    var versions = Versions()
    /// The numbers of the late versions: those that were not newer than all others of their names.
    ///
    /// ``order()`` has yet to sort them.
    var late: [UInt32] = []
    /// The newest time of the late versions by the place of the name; nil if it has to be computed.
    var lateTimes: [UInt32: UInt64]?
    /// The number of versions that were removed because their name has the same one already.
    var dropped = 0
    /// The number of versions that ``link(_:_:)`` has handled, for tests of its cost.
    var orderedCount = 0
    private let seed = HashSeed.ofThisProcess
    /// The slots of the hash table.
    ///
    /// A slot has the place of a name in its low bits, as many as an index into the table has, and bits of the
    /// name's hash above them.
    private var table = [UInt32](repeating: Index.free, count: 64)
    /// The place of the name of each version that was added since the last commit.
    private var uncommitted: [UInt32] = []

    /// The versions in the order of the file.
    ///
    /// In place of the next older version, a late version has the place of its name, and a dropped one has
    /// its own number.
    struct Versions {
        var frames: [UInt64] = []
        var times: [UInt64] = []
        var olders: [UInt32] = []

        var count: Int { frames.count }

        /// Unpacks a version.
        ///
        /// Offset and length of a box are multiples of 16. Divided by 16, the longest box takes 17 bits,
        /// which leaves 47 for the offset.
        subscript(_ number: Int) -> Version {
            let (frame, time) = (frames[number], times[number])
            return Version(
                offset: (frame >> 17) * 16, time: time >> 8, boxSize: Int(frame & 0x1_FFFF) * 16,
                kind: RecordKind(rawValue: UInt8(truncatingIfNeeded: time)) ?? .tombstone,
                older: olders[number])
        }

        mutating func removeLast() {
            frames.removeLast()
            times.removeLast()
            olders.removeLast()
        }

        mutating func append(_ version: Version) {
            frames.append((version.offset / 16) << 17 | UInt64(version.boxSize / 16))
            times.append(Versions.time(version))
            olders.append(version.older)
        }

        /// Returns time and kind as one number, which orders versions except for their values.
        static func time(_ version: Version) -> UInt64 { version.time << 8 | UInt64(version.kind.rawValue) }

        func isDropped(_ number: Int) -> Bool { olders[number] == UInt32(number) }
    }

    /// Reserves memory for the versions in `size` bytes of frames, so that growing arrays are not moved.
    ///
    /// Too much is harmless: untouched pages take no memory. Only the table is filled; it takes at most 11
    /// bytes for each frame.
    mutating func reserve(forFrames size: UInt64) {
        let most = Int(min(size / 176, 1 << 21))
        versions.frames.reserveCapacity(most)
        versions.times.reserveCapacity(most)
        versions.olders.reserveCapacity(most)
        starts.reserveCapacity(most)
        newest.reserveCapacity(most)
        addresses.reserveCapacity(most * 64)
        guard starts.isEmpty else { return }
        // Each time that the table grows, all names are hashed again, which would be a tenth of the time to
        // open a large file.
        var slots = table.count
        while Index.isFull(slots, with: most) { slots *= 2 }
        table = [UInt32](repeating: Index.free, count: slots)
    }

    /// The number of names, including deleted ones.
    var count: Int { starts.count }

    /// The number of versions, including tombstones.
    var versionCount: Int { versions.count - dropped }

    /// Returns the place of an address; nil if it was never written.
    func find(_ address: Span<UInt8>) -> Int? { find(address, seed.hash(address)).place }

    /// Returns the place of an address, and the slot that has it or would have it.
    private func find(_ address: Span<UInt8>, _ hash: UInt64) -> (place: Int?, slot: Int) {
        let (places, fingerprint) = (placeBits, fingerprint(hash))
        var slot = firstSlot(hash)
        while table[slot] != Index.free {
            if table[slot] & ~places == fingerprint {
                let place = Int(table[slot] & places)
                if withAddress(at: place, { $0.equals(address) }) { return (place, slot) }
            }
            slot = slotAfter(slot)
        }
        return (nil, slot)
    }

    /// Returns the newest version of the name at `place`; it may be a tombstone.
    func newest(at place: Int) -> Version { versions[Int(newest[place])] }

    /// Returns the next older version.
    func older(than version: Version) -> Version? {
        version.older == Version.none ? nil : versions[Int(version.older)]
    }

    /// Calls `body` with the packed address at `place`.
    func withAddress<R, E>(at place: Int, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let end = place + 1 < starts.count ? starts[place + 1] : addresses.count
        return try body(addresses.span.extracting(starts[place]..<end))
    }

    /// Adds a version, uncommitted.
    ///
    /// A version that is newer than all others of its name, as writers make them, is linked at once; any
    /// other one is late.
    mutating func insert(_ version: Version, address: Span<UInt8>) {
        let hash = seed.hash(address)
        let (place, slot) = find(address, hash)
        guard let place else {
            appendName(address, hash, version, slot)
            return
        }
        var version = version
        let (number, before) = (UInt32(versions.count), newest[place])
        if Versions.time(version) > versions.times[Int(before)] {
            version.older = before
            newest[place] = number
        } else {
            version.older = UInt32(place)
            late.append(number)
            let latest = max(lateTimes?[UInt32(place)] ?? 0, version.time)
            lateTimes?[UInt32(place)] = latest
        }
        versions.append(version)
        uncommitted.append(UInt32(place))
    }

    /// Commits the versions that were added.
    mutating func commit() { uncommitted.removeAll(keepingCapacity: true) }

    /// The number of versions that were added since the last commit.
    var uncommittedCount: Int { uncommitted.count }

    /// Removes the versions that were added since the last commit, except the first `count`.
    mutating func rollBack(to count: Int = 0) {
        while uncommitted.count > count { removeLastVersion(of: Int(uncommitted.removeLast())) }
    }

    private mutating func removeLastVersion(of place: Int) {
        let number = UInt32(versions.count - 1)
        let older = versions.olders[Int(number)]
        if late.last == number {
            late.removeLast()
            lateTimes = nil
        } else if older != Version.none {
            newest[place] = older
        } else {
            removeLastName()
        }
        versions.removeLast()
    }

    /// Removes the last name, whose slot was the last to be taken, so that no search passes over it.
    private mutating func removeLastName() {
        let place = starts.count - 1
        let slot = withAddress(at: place) { find($0, seed.hash($0)).slot }
        table[slot] = Index.free
        addresses.removeLast(addresses.count - starts[place])
        starts.removeLast()
        newest.removeLast()
    }

    private mutating func appendName(
        _ address: Span<UInt8>, _ hash: UInt64, _ version: Version, _ slot: Int
    ) {
        versions.append(version)
        starts.append(addresses.count)
        newest.append(UInt32(versions.count - 1))
        addresses.append(copying: address)
        uncommitted.append(UInt32(starts.count - 1))
        guard Index.isFull(table.count, with: starts.count) else {
            table[slot] = fingerprint(hash) | UInt32(starts.count - 1)
            return
        }
        table = [UInt32](repeating: Index.free, count: table.count * 2)
        for place in starts.indices {
            let hash = withAddress(at: place) { seed.hash($0) }
            var slot = firstSlot(hash)
            while table[slot] != Index.free { slot = slotAfter(slot) }
            table[slot] = fingerprint(hash) | UInt32(place)
        }
    }

    /// Returns whether `slots` with `count` names are more than three quarters full.
    ///
    /// In a fuller table, searches for unknown names would take long.
    private static func isFull(_ slots: Int, with count: Int) -> Bool { count * 4 > slots * 3 }

    /// The value of a free slot; no place has this value, since a quarter of the slots stays free.
    private static let free = UInt32.max

    private var placeBits: UInt32 { UInt32(truncatingIfNeeded: table.count - 1) }

    private func fingerprint(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) & ~placeBits }

    private func firstSlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (table.count - 1) }

    private func slotAfter(_ slot: Int) -> Int { (slot + 1) & (table.count - 1) }
}
