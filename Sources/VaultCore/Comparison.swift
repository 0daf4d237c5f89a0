internal import Platform
package import VaultFile

/// The differences between two copies of a vault that have diverged, by name and never by value.
public struct Comparison: Equatable, Sendable {
    /// The side that changed a secret.
    public enum Change: UInt8, Equatable, Sendable, CaseIterable {
        /// Only this file.
        case here = 1
        /// Only the other file.
        case there
        /// Both files, and their present values differ.
        case both
        /// The present values are the same, but the histories differ.
        case history
    }

    /// A secret of which the versions of one part differ.
    public struct Difference: Equatable, Sendable {
        /// The secret.
        public let secret: SecretID
        /// The part.
        public let part: Part
        /// The side that changed it.
        public let change: Change
        /// The newest version in this file and in the other; nil if there is none.
        public let here, there: SecretVersion?

        /// Creates a difference that was found elsewhere.
        package init(at address: Address, change: Change, here: SecretVersion?, there: SecretVersion?) {
            (secret, part) = (SecretID(address), address.part)
            (self.change, self.here, self.there) = (change, here, there)
        }
    }

    /// At most ``maxNamed`` differences, in the order of `list --all`.
    public let differences: [Difference]
    /// The number of all differences.
    public let count: UInt64
    /// True if the other file is another vault, not a copy of this one.
    public let isOtherVault: Bool
    /// The number of changes of the other file that this one lacks, and of this file that the other lacks.
    public let lacking, others: UInt64

    /// The number of versions of this file that were purged in the other one, and of the other one in this.
    public let purgedThere, purgedHere: UInt64

    /// The largest number of secrets that a comparison names.
    public static let maxNamed = 200_000

    /// Creates a comparison that was made elsewhere.
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
            guard let change = try pair.change() else { continue }
            differences.append(
                Difference(
                    at: address, change: change, here: pair.newestHere.map { SecretVersion($0) },
                    there: pair.newestThere.map { SecretVersion($0) }))
        }
        let own = Set(try here.ancestry.ids(try here.namer()))
        let other = Set(try there.ancestry.ids(try there.namer()))
        self.init(
            all: differences, isOtherVault: here.header.vaultID != there.header.vaultID,
            lacking: UInt64(other.subtracting(own).count), others: UInt64(own.subtracting(other).count),
            purgedThere: try here.count(of: there.purged), purgedHere: try there.count(of: here.purged))
    }

    /// Lists all the secrets of a vault, and all metadata, as if this file had none.
    init(everythingIn there: Log) {
        var differences: [Difference] = []
        there.histories.forEachNewest { newest, packed in
            guard let address = Address(packed: packed) else { return }
            differences.append(
                Difference(
                    at: address, change: .there, here: nil,
                    there: SecretVersion(newest)))
        }
        self.init(
            all: differences, isOtherVault: false, lacking: 0, others: 0, purgedThere: 0, purgedHere: 0)
    }

    private init(
        all differences: [Difference], isOtherVault: Bool, lacking: UInt64, others: UInt64,
        purgedThere: UInt64, purgedHere: UInt64
    ) {
        let sorted = differences.sorted {
            SecretID.isListedBefore($0.secret, $0.part, than: ($1.secret, $1.part))
        }
        self.init(
            differences: Array(sorted.prefix(Comparison.maxNamed)), count: UInt64(sorted.count),
            isOtherVault: isOtherVault, lacking: lacking, others: others, purgedThere: purgedThere,
            purgedHere: purgedHere)
    }
}

extension Log {
    /// Returns the number of versions in the histories of this file that another copy of the vault lists as
    /// purged.
    func count(of purged: PurgeList) throws(VaultFileError) -> UInt64 {
        if purged.isEmpty { return 0 }
        var count: UInt64 = 0
        try histories.forEachNewest { _, packed throws(VaultFileError) in
            guard let address = Address(packed: packed) else { return }
            for version in versions(address) where try purged.contains(packed, version, of: header.vaultID) {
                count += 1
            }
        }
        return count
    }
}

extension SecretVersion {
    init(_ version: Version) { self.init(time: version.time, isDeletion: version.kind == .tombstone) }
}

extension SecretID {
    /// True if `secret` is listed before `other`, or its value before its metadata.
    static func isListedBefore(_ secret: SecretID, _ part: Part, than other: (SecretID, Part)) -> Bool {
        secret == other.0 ? part == .value && other.1 == .metadata : isListedBefore(secret, other.0)
    }

    /// True if `list --all` prints `left` before `right`.
    static func isListedBefore(_ left: SecretID, _ right: SecretID) -> Bool {
        guard let left = try? left.packed(), let right = try? right.packed() else { return false }
        return isListedBefore(left.span, right.span)
    }

    /// The same for packed ids: they are ordered by the word of the scope, the id and the name.
    static func isListedBefore(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        // The words of the scopes (cluster, project, team) have the opposite order of their codes.
        if left[0] != right[0] { return left[0] > right[0] }
        let (leftID, rightID) = (3..<3 + Int(left[1]), 3..<3 + Int(right[1]))
        let order = left.extracting(leftID).order(against: right.extracting(rightID))
        if order != 0 { return order < 0 }
        let leftName = left.extracting(leftID.upperBound..<left.count)
        return leftName.order(against: right.extracting(rightID.upperBound..<right.count)) < 0
    }
}

extension [SecretID] {
    /// The secrets in the order of `list --all`, each once.
    var listed: [SecretID] {
        sorted(by: SecretID.isListedBefore).reduce(into: []) {
            if $0.last != $1 { $0.append($1) }
        }
    }
}

/// The union of the versions of one secret in two files, newest first.
struct HistoryPair {
    /// A version in this file, in the other, or in both.
    struct Member {
        let here, there: Version?
    }

    private(set) var members: [Member] = []
    let address: Address
    private let here, there: Log

    /// Returns every address that is in one of the two files.
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

    /// Reads the values of versions that have the same time, and compares them.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``, ``VaultFileError/outOfMemory``,
    ///   ``VaultFileError/damaged(at:)``.
    init(_ address: Address, _ here: Log, _ there: Log) throws(VaultFileError) {
        (self.address, self.here, self.there) = (address, here, there)
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

    /// Removes versions that this file lacks, where `isLeftOut` returns true.
    mutating func leaveOut<E>(_ isLeftOut: (Version) throws(E) -> Bool) throws(E) {
        var kept: [Member] = []
        for member in members {
            if member.here == nil, let there = member.there, try isLeftOut(there) { continue }
            kept.append(member)
        }
        members = kept
    }

    /// The newest version in each file.
    var newestHere: Version? { members.lazy.compactMap(\.here).first }
    var newestThere: Version? { members.lazy.compactMap(\.there).first }

    /// The versions that this file lacks, oldest first.
    var missing: [Version] { members.reversed().compactMap { $0.here == nil ? $0.there : nil } }

    /// The file whose newest version is not the newest of the union, and the index of that version.
    var older: (isHere: Bool, index: Int)? {
        guard let first = members.first else { return nil }
        let isHere = first.here == nil
        return members.firstIndex { (isHere ? $0.here : $0.there) != nil }.map { (isHere, $0) }
    }

    /// Returns the side that changed the secret; nil if both have the same versions.
    func change() throws(VaultFileError) -> Comparison.Change? {
        guard members.contains(where: { $0.here == nil || $0.there == nil }) else { return nil }
        let ownIsShared = members.first { $0.here != nil }.map { $0.there != nil } ?? true
        let otherIsShared = members.first { $0.there != nil }.map { $0.here != nil } ?? true
        switch (ownIsShared, otherIsShared) {
        case (true, true): return .history
        case (false, true): return .here
        case (true, false): return .there
        case (false, false): return try isSameNow() ? .history : .both
        }
    }

    /// True if both files have the same present value, or none, though written at different times.
    private func isSameNow() throws(VaultFileError) -> Bool {
        guard let left = newestHere, let right = newestThere, left.kind == right.kind else { return false }
        if left.kind == .tombstone { return true }
        var values = ComparedValues(address, here, there)
        return try values.order(left, right) == 0
    }
}
