internal import Platform
internal import VaultFile

/// Where two copies of a vault that went apart differ, by name and never by value.
public struct Comparison: Equatable, Sendable {
    /// Who changed a secret.
    public enum Change: UInt8, Equatable, Sendable, CaseIterable {
        /// This side alone.
        case here = 1
        /// The other side alone.
        case there
        /// Both, and what applies now is not the same.
        case both
        /// What applies now is the same, but not what was before.
        case history
    }

    /// One secret whose versions are not the same.
    public struct Difference: Equatable, Sendable {
        /// Which.
        public let secret: SecretID
        /// Who changed it.
        public let change: Change
        /// The newest version on this side and on the other; nil if there is none.
        public let here, there: SecretVersion?

        /// A difference that was found elsewhere.
        public init(secret: SecretID, change: Change, here: SecretVersion?, there: SecretVersion?) {
            (self.secret, self.change, self.here, self.there) = (secret, change, here, there)
        }
    }

    /// At most ``maxNamed`` differences, as `list --all` would sort their secrets.
    public let differences: [Difference]
    /// How many there are in all.
    public let count: UInt64
    /// Whether the other file is another vault, not a copy of this one.
    public let isOtherVault: Bool
    /// How many changes of the other file this one lacks, and how many this one has that the other lacks.
    public let lacking, others: UInt64

    /// How many versions of this file were purged in the other one, and how many of the other one in this.
    public let purgedThere, purgedHere: UInt64

    /// How many secrets a report names at most.
    public static let maxNamed = 200_000

    /// What was found elsewhere.
    public init(
        differences: [Difference], count: UInt64, isOtherVault: Bool, lacking: UInt64, others: UInt64,
        purgedThere: UInt64, purgedHere: UInt64
    ) {
        (self.differences, self.count, self.isOtherVault) = (differences, count, isOtherVault)
        (self.lacking, self.others) = (lacking, others)
        (self.purgedThere, self.purgedHere) = (purgedThere, purgedHere)
    }

    init(_ here: Log, _ there: Log) throws(VaultFileError) {
        var differences: [Difference] = []
        for address in HistoryPair.addresses(here, there) {
            let pair = try HistoryPair(address, here, there)
            guard let change = try pair.change(here, there),
                let secret = SecretID(packed: address.packed.span)
            else { continue }
            differences.append(
                Difference(
                    secret: secret, change: change, here: pair.newestHere.map { SecretVersion($0) },
                    there: pair.newestThere.map { SecretVersion($0) }))
        }
        let own = Set(try here.ancestry.ids(try here.namer()))
        let other = Set(try there.ancestry.ids(try there.namer()))
        self.init(
            all: differences, isOtherVault: here.header.vaultID != there.header.vaultID,
            lacking: UInt64(other.subtracting(own).count), others: UInt64(own.subtracting(other).count),
            purgedThere: try here.count(of: there.purged), purgedHere: try there.count(of: here.purged))
    }

    /// All the secrets of a vault, as if this side had none.
    init(everythingIn there: Log) {
        var differences: [Difference] = []
        there.histories.forEachNewest { newest, packed in
            guard let secret = SecretID(packed: packed) else { return }
            differences.append(
                Difference(secret: secret, change: .there, here: nil, there: SecretVersion(newest)))
        }
        self.init(
            all: differences, isOtherVault: false, lacking: 0, others: 0, purgedThere: 0, purgedHere: 0)
    }

    private init(
        all differences: [Difference], isOtherVault: Bool, lacking: UInt64, others: UInt64,
        purgedThere: UInt64, purgedHere: UInt64
    ) {
        let sorted = differences.sorted { SecretID.isListedBefore($0.secret, $1.secret) }
        self.init(
            differences: Array(sorted.prefix(Comparison.maxNamed)), count: UInt64(sorted.count),
            isOtherVault: isOtherVault, lacking: lacking, others: others, purgedThere: purgedThere,
            purgedHere: purgedHere)
    }
}

extension SecretVersion {
    init(_ version: Version) { self.init(time: version.time, isDeletion: version.kind == .tombstone) }
}

extension SecretID {
    /// Whether `list --all` prints one before the other.
    static func isListedBefore(_ left: SecretID, _ right: SecretID) -> Bool {
        guard let left = try? left.packed(), let right = try? right.packed() else { return false }
        return isListedBefore(left.span, right.span)
    }

    /// The same of two that are packed: the order of the word of the scope, the id and the name, with TABs between.
    static func isListedBefore(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        // The words of the scopes are in the opposite order to that of their codes.
        if left[0] != right[0] { return left[0] > right[0] }
        let (leftID, rightID) = (3..<3 + Int(left[1]), 3..<3 + Int(right[1]))
        let order = left.extracting(leftID).order(against: right.extracting(rightID))
        if order != 0 { return order < 0 }
        let leftName = left.extracting(leftID.upperBound..<left.count)
        return leftName.order(against: right.extracting(rightID.upperBound..<right.count)) < 0
    }
}

/// The versions of one secret in two files, side by side: the union of two sets, new to old.
struct HistoryPair {
    /// A version of the union, and where it is.
    struct Member {
        let here, there: Version?
    }

    private(set) var members: [Member] = []
    let address: Address

    /// Every address that is in one of the two files.
    static func addresses(_ here: Log, _ there: Log) -> [Address] {
        var addresses: [Address] = []
        func add(_ packed: Span<UInt8>) {
            if let address = Address(packed: packed) { addresses.append(address) }
        }
        let own = here.histories
        own.forEachNewest { _, packed in add(packed) }
        var expected = 0
        there.histories.forEachNewest { _, packed in
            if own.newest(packed, expectedAt: &expected) == nil { add(packed) }
        }
        return addresses
    }

    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``, ``VaultFileError/damaged(at:)``: values of the same
    ///   millisecond are compared.
    init(_ address: Address, _ here: Log, _ there: Log) throws(VaultFileError) {
        self.address = address
        let (left, right) = (here.versions(address), there.versions(address))
        var values = ComparedValues(address, here, there)
        var (next, other) = (0, 0)
        while next < left.count || other < right.count {
            var order = next == left.count ? -1 : 1
            if next < left.count, other < right.count {
                order = try Version.order(left[next], right[other]) { left, right throws(VaultFileError) in
                    try values.order(left, right)
                }
            }
            members.append(
                Member(here: order >= 0 ? left[next] : nil, there: order <= 0 ? right[other] : nil))
            if order >= 0 { next += 1 }
            if order <= 0 { other += 1 }
        }
    }

    /// Takes away versions that this side lacks.
    mutating func leaveOut<E>(_ isLeftOut: (Version) throws(E) -> Bool) throws(E) {
        var kept: [Member] = []
        for member in members {
            if member.here == nil, let there = member.there, try isLeftOut(there) { continue }
            kept.append(member)
        }
        members = kept
    }

    /// The newest version on each side.
    var newestHere: Version? { members.lazy.compactMap(\.here).first }
    var newestThere: Version? { members.lazy.compactMap(\.there).first }

    /// The versions that this side lacks, old to new.
    var missing: [Version] { members.reversed().compactMap { $0.here == nil ? $0.there : nil } }

    /// The index in the union of the newest version of the side whose newest is not the largest.
    var older: (isHere: Bool, index: Int)? {
        guard let first = members.first else { return nil }
        let isHere = first.here == nil
        return members.firstIndex { (isHere ? $0.here : $0.there) != nil }.map { (isHere, $0) }
    }

    /// Who changed the secret; nil if both sides have the same versions.
    func change(_ here: Log, _ there: Log) throws(VaultFileError) -> Comparison.Change? {
        guard members.contains(where: { $0.here == nil || $0.there == nil }) else { return nil }
        let ownIsShared = members.first { $0.here != nil }.map { $0.there != nil } ?? true
        let otherIsShared = members.first { $0.there != nil }.map { $0.here != nil } ?? true
        switch (ownIsShared, otherIsShared) {
        case (true, true): return .history
        case (false, true): return .here
        case (true, false): return .there
        case (false, false): return try isSameNow(here, there) ? .history : .both
        }
    }

    /// Whether both sides have the same value now, or none, though they came by it at different times.
    private func isSameNow(_ here: Log, _ there: Log) throws(VaultFileError) -> Bool {
        guard let left = newestHere, let right = newestThere, left.kind == right.kind else { return false }
        if left.kind == .tombstone { return true }
        var values = ComparedValues(address, here, there)
        return try values.order(left, right) == 0
    }
}
