internal import Platform
internal import Sodium
public import VaultFile

/// The union of the histories of two copies of a vault that went apart: vault-format.md, section 9.
public enum Merge {
    /// How many secrets each list of a report names at most, so that both together fit into one message of the agent.
    public static let mostNamed = 100_000

    /// A secret that was changed on both sides.
    public struct Conflict: Equatable, Sendable {
        /// Which.
        public let secret: Secret
        /// Whether what applies now is this side's.
        public let isHereCurrent: Bool
        /// How many versions back that of the other side stands now.
        public let version: UInt32

        /// A conflict that was found elsewhere.
        public init(secret: Secret, isHereCurrent: Bool, version: UInt32) {
            (self.secret, self.isHereCurrent, self.version) = (secret, isHereCurrent, version)
        }
    }

    /// What a merge did, or would do.
    public struct Report: Equatable, Sendable {
        /// How many versions were taken in, tombstones too.
        public var versions: UInt64 = 0
        /// Of how many secrets.
        public var secrets: UInt64 = 0
        /// At most ``mostNamed`` secrets that were changed on both sides, as `list --all` would sort them.
        public var conflicts: [Conflict] = []
        /// As many secrets of which a version was taken in whose time is ahead of this machine's clock.
        public var ahead: [Secret] = []
        /// Whether the other file is another vault, not a copy of this one.
        public var isOtherVault = false
        /// Whether the other file has another master key.
        public var hasOtherKeys = false
        /// Whether the file was written to, or would be.
        public var isWritten = false
        /// What was done about a tail that a killed writer had left.
        public var savedTail: Log.SavedTail?

        /// Nothing yet.
        public init() {}
    }

    /// Copies into `here` what it lacks of `there`, durably; the other file is not changed.
    ///
    /// It is one transaction, or several if it has more than 64 MiB, each durable before the next is written. Merging the same copy
    /// again writes nothing.
    ///
    /// - Parameter isTrial: whether to write nothing and tell all the same.
    /// - Throws: as appending does. Unless it is `VaultFileError.outcomeUnknown`, the last transaction is not in the file; of more
    ///   than 64 MiB, those before it may be.
    static func run(
        into here: Log, from there: Log, isTrial: Bool, now: UInt64
    ) throws(VaultFileError) -> Report {
        if isTrial { return try Plan(here, there, now: now).report }
        var plan: Plan?
        var savedTail: Log.SavedTail?
        var isComplete = false
        while !isComplete {
            let saved = try here.append { batch throws(VaultFileError) in
                // What this side lacks is seen under the lock, and once: what others write between two rounds takes nothing away.
                if plan == nil { plan = try Plan(here, there, now: now) }
                isComplete = try plan?.add(to: &batch, from: there) ?? true
            }
            savedTail = savedTail ?? saved
        }
        var report = plan?.report ?? Report()
        report.savedTail = savedTail
        return report
    }
}

extension Merge {
    /// What is to be copied, and what there is to tell of it.
    private struct Plan {
        private(set) var report = Report()
        /// The frames of the other file that are still to be copied.
        private var missing: ArraySlice<FramePlace> = []
        /// The point that the other file has reached, if the merged one is to name it.
        private var head: Mark?

        init(_ here: Log, _ there: Log, now: UInt64) throws(VaultFileError) {
            report.isOtherVault = here.header.vaultID != there.header.vaultID
            var places: [FramePlace] = []
            try there.forEachNewest { _, packed throws(VaultFileError) in
                guard let address = Address(packed: packed) else { return }
                let pair = try HistoryPair(address, here, there)
                let missing = pair.missing
                places += missing.map { Log.place(of: $0) }
                try note(missing, of: pair, here, there, now)
            }
            report.conflicts.sort { Secret.isListedBefore($0.secret, $1.secret) }
            report.ahead.sort(by: Secret.isListedBefore)
            if !report.isOtherVault { places += try Plan.missingExtras(here, there) }
            if try !here.covers(there) { head = there.present }
            missing = places.sorted { $0.offset < $1.offset }[...]
            report.isWritten = !missing.isEmpty || head != nil
        }

        private mutating func note(
            _ missing: [Version], of pair: HistoryPair, _ here: Log, _ there: Log, _ now: UInt64
        ) throws(VaultFileError) {
            guard !missing.isEmpty, let secret = Secret(packed: pair.address.packed.span) else { return }
            report.secrets += 1
            report.versions += UInt64(missing.count)
            if missing.contains(where: { $0.time > now }), report.ahead.count < Merge.mostNamed {
                report.ahead.append(secret)
            }
            guard try pair.change(here, there) == .both, let older = pair.older,
                report.conflicts.count < Merge.mostNamed
            else { return }
            report.conflicts.append(
                Conflict(
                    secret: secret, isHereCurrent: !older.isHere, version: UInt32(clamping: older.index)))
        }

        /// The records of other kinds that are to be copied too: those that this file has not got, whatever their place in it.
        private static func missingExtras(_ here: Log, _ there: Log) throws(VaultFileError) -> [FramePlace] {
            if there.extras.isEmpty { return [] }
            var known: Set<[UInt8]> = []
            try forEachExtra(of: here) { _, content throws(VaultFileError) in
                known.insert(try sameness(of: content))
            }
            var missing: [FramePlace] = []
            try forEachExtra(of: there) { place, content throws(VaultFileError) in
                if known.insert(try sameness(of: content)).inserted { missing.append(place) }
            }
            return missing
        }

        private static func forEachExtra(
            of log: Log, _ body: (FramePlace, Span<UInt8>) throws(VaultFileError) -> Void
        ) throws(VaultFileError) {
            var reader = try log.reader()
            for place in log.extras {
                let isThere = try reader.open(at: place.offset, length: log.committedEnd) {
                    _, content throws(VaultFileError) -> Bool in
                    try body(place, content)
                    return true
                }
                if isThere == nil { throw .damaged(at: place.offset) }
            }
        }

        /// A hash of all that a record says but its place in the history; of a head, not of when it was written either.
        private static func sameness(of content: Span<UInt8>) throws(VaultFileError) -> [UInt8] {
            let prefix = RecordPrefix(content)
            return try guarding { () throws(SodiumError) in
                var message = try SecretBuffer(capacity: content.count + 16)
                try message.append(prefix.kind)
                let time = prefix.kind == RecordKind.head ? 0 : prefix.time
                for shift in 0..<8 {
                    try message.append(UInt8(truncatingIfNeeded: time >> (8 * UInt64(shift))))
                }
                try message.append(
                    content.extracting(Format.prefixCount..<Format.prefixCount + prefix.bodyCount))
                return try message.withBytes { message throws(SodiumError) in try BLAKE2b.hash(message) }
            }
        }

        /// Adds what there is room for.
        ///
        /// - Returns: whether that was all.
        mutating func add(to batch: inout Batch, from there: Log) throws(VaultFileError) -> Bool {
            var reader = try there.reader()
            while let place = missing.first {
                let isAdded = try reader.open(at: place.offset, length: there.committedEnd) {
                    _, content throws(VaultFileError) in
                    try batch.carry(content)
                }
                guard let isAdded else { throw .damaged(at: place.offset) }
                guard isAdded else { return false }
                missing.removeFirst()
            }
            guard let head else { return true }
            return try batch.add(head: head)
        }
    }
}
