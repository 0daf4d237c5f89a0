internal import Platform

/// Where one version of a secret lies in the file.
public struct Version: Equatable, Sendable {
    /// The offset of its frame.
    public let offset: UInt64
    /// When it was written, in milliseconds since 1970.
    public internal(set) var time: UInt64
    /// The length of its frame's box.
    let boxSize: UInt32
    /// The next older version of the same name: its place in the index, or ``none``.
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
    /// Where its frame ends.
    var end: UInt64 { offset + UInt64(Format.frameOverhead) + UInt64(boxSize) }

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
/// bytes. A name takes 12 bytes and its packed address, a version 20, a slot of the table 4; `make bench` holds a million of
/// them against a limit.
struct Index {
    /// The packed addresses, one behind the other.
    private var addresses: [UInt8] = []
    /// Of each name: where its address begins, and the number of its newest version.
    private var starts: [Int] = []
    var newest: [UInt32] = []
    var versions = Versions()
    /// The numbers of versions that wait for ``order()``, because they were not newer than all of their name.
    var late: [UInt32] = []
    /// The newest time of the late versions of each name that has some, by its place; nil if that is to be found anew.
    var lateTimes: [UInt32: UInt64]?
    /// How many versions are in no list because their name has the same already.
    var dropped = 0
    /// How many versions ``link(_:_:)`` has looked at, against which a test bounds it.
    var orderedCount = 0
    private let seed: HashSeed
    /// Slots, by hash: the place of a name in as many low bits as the number of slots has, and bits of its hash above them.
    private var table = [UInt32](repeating: Index.free, count: 64)
    /// The places whose versions were added since the last commit.
    private var uncommitted: [UInt32] = []

    init(seed: HashSeed = .ofThisProcess) { self.seed = seed }

    /// Of each version, in the order in which they were found in the file: its frame, its time and kind, and the next older one.
    ///
    /// In place of the next older one, a late version has its name's place, and one that was dropped its own number.
    struct Versions {
        var frames: [UInt64] = []
        var times: [UInt64] = []
        var olders: [UInt32] = []

        var count: Int { frames.count }

        /// Both numbers are multiples of 16; the longest box takes 17 bits of what is left, an offset has 47.
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

        /// Time and kind as one number, which orders versions but for their values.
        static func time(_ version: Version) -> UInt64 { version.time << 8 | UInt64(version.kind.rawValue) }

        func isDropped(_ number: Int) -> Bool { olders[number] == UInt32(number) }
    }

    /// Makes room for what `count` bytes of frames can hold, so that nothing is moved as it is filled.
    ///
    /// Pages that are never touched cost nothing, so it may be too much; of the table, which is filled, by 11 bytes for a frame at most.
    mutating func reserve(forFrames count: UInt64) {
        let most = Int(min(count / 176, 1 << 21))
        versions.frames.reserveCapacity(most)
        versions.times.reserveCapacity(most)
        versions.olders.reserveCapacity(most)
        starts.reserveCapacity(most)
        newest.reserveCapacity(most)
        addresses.reserveCapacity(most * 64)
        guard starts.isEmpty else { return }
        // Each time the table grows all names are hashed anew, which would be a tenth of what a large file takes to open.
        var slots = table.count
        while Index.isFull(slots, with: most) { slots *= 2 }
        table = [UInt32](repeating: Index.free, count: slots)
    }

    /// How many names there are, deleted ones too.
    var count: Int { starts.count }

    /// How many versions there are, tombstones too.
    var versionCount: Int { versions.count - dropped }

    /// The place of an address, if it was ever written.
    func find(_ address: Span<UInt8>) -> Int? { find(address, seed.hash(address)).place }

    /// The place of an address, and the slot that has it or would.
    private func find(_ address: Span<UInt8>, _ hash: UInt64) -> (place: Int?, slot: Int) {
        let (places, fingerprint) = (placeBits, fingerprint(hash))
        var slot = firstSlot(hash)
        while table[slot] != Index.free {
            if table[slot] & ~places == fingerprint {
                let place = Int(table[slot] & places)
                if withAddress(at: place, { $0.equals(address) }) { return (place, slot) }
            }
            slot = (slot + 1) & (table.count - 1)
        }
        return (nil, slot)
    }

    /// The current version of the name at `place`; it may be a tombstone.
    func newest(at place: Int) -> Version { versions[Int(newest[place])] }

    /// The version after `version` in the order from new to old.
    func older(than version: Version) -> Version? {
        version.older == Version.none ? nil : versions[Int(version.older)]
    }

    /// Lends the packed address at `place`.
    func withAddress<R, E>(at place: Int, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let end = place + 1 < starts.count ? starts[place + 1] : addresses.count
        return try body(addresses.span.extracting(starts[place]..<end))
    }

    /// Adds a version to the set of its name.
    ///
    /// One that is newer than all of its name, as a writer makes it, is in its place at once; any other waits for ``order()``.
    /// It stays when ``commit()`` follows, and goes with ``rollBack()``.
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

    /// Keeps what was added.
    mutating func commit() { uncommitted.removeAll(keepingCapacity: true) }

    /// How many versions were added since the last commit.
    var uncommittedCount: Int { uncommitted.count }

    /// Takes back what was added since the last commit but the first `count` versions.
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

    /// Its slot was taken last of all, so no search passes over it.
    private mutating func removeLastName() {
        let place = starts.count - 1
        var slot = withAddress(at: place) { firstSlot(seed.hash($0)) }
        while table[slot] & placeBits != UInt32(place) { slot = (slot + 1) & (table.count - 1) }
        table[slot] = Index.free
        addresses.removeLast(addresses.count - starts[place])
        starts.removeLast()
        newest.removeLast()
    }

    /// The frames of the newest version of every name, and of the older ones that are kept, in the order of the file.
    func places(keeping retention: Retention) -> [FramePlace] {
        var isKept = [Bool](repeating: retention == .all, count: versions.count)
        for number in newest {
            isKept[Int(number)] = true
            guard case .replacedSince(let time) = retention else { continue }
            var newer = versions[Int(number)]
            while newer.older != Version.none, newer.time >= time {
                isKept[Int(newer.older)] = true
                newer = versions[Int(newer.older)]
            }
        }
        var places: [FramePlace] = []
        places.reserveCapacity(isKept.count { $0 })
        for number in 0..<versions.count where isKept[number] && !versions.isDropped(number) {
            let version = versions[number]
            places.append(FramePlace(offset: version.offset, boxSize: Int(version.boxSize)))
        }
        return places
    }

    private mutating func appendName(
        _ address: Span<UInt8>, _ hash: UInt64, _ version: Version, _ slot: Int
    ) {
        versions.append(version)
        starts.append(addresses.count)
        newest.append(UInt32(versions.count - 1))
        addresses.append(copying: address)
        if Index.isFull(table.count, with: starts.count) {
            table = [UInt32](repeating: Index.free, count: table.count * 2)
            for place in starts.indices {
                let hash = withAddress(at: place) { seed.hash($0) }
                occupy(freeSlot(hash), hash, place)
            }
        } else {
            occupy(slot, hash, starts.count - 1)
        }
        uncommitted.append(UInt32(starts.count - 1))
    }

    /// Whether `slots` with `count` names are more than three quarters full: else a search for a name that is not there still looks
    /// at few of them.
    private static func isFull(_ slots: Int, with count: Int) -> Bool { count * 4 > slots * 3 }

    /// What no slot holds that is in use, since a quarter of all places is never used.
    private static let free = UInt32.max

    private var placeBits: UInt32 { UInt32(truncatingIfNeeded: table.count - 1) }

    private func fingerprint(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) & ~placeBits }

    private func firstSlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (table.count - 1) }

    private func freeSlot(_ hash: UInt64) -> Int {
        var slot = firstSlot(hash)
        while table[slot] != Index.free { slot = (slot + 1) & (table.count - 1) }
        return slot
    }

    private mutating func occupy(_ slot: Int, _ hash: UInt64, _ place: Int) {
        table[slot] = fingerprint(hash) | UInt32(place)
    }

    /// The longest run of slots in use: no search looks at more.
    var longestRun: Int {
        var (longest, run) = (0, 0)
        for slot in table {
            run = slot == Index.free ? 0 : run + 1
            longest = max(longest, run)
        }
        return longest
    }
}
