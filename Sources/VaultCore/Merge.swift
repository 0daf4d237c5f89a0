internal import Compaction
internal import Platform
public import VaultFile

/// The union of the histories of two copies of a vault that went apart: vault-format.md, section 9.
public enum Merge {
    /// How many secrets each list of a report names at most, so that both together fit into one message of the agent.
    public static let maxNamed = 80_000

    /// A secret that was changed on both sides.
    public struct Conflict: Equatable, Sendable {
        /// Which.
        public let secret: SecretID
        /// Whether what applies now is this side's.
        public let isHereCurrent: Bool
        /// How many versions back that of the other side stands now.
        public let version: UInt32

        /// A conflict that was found elsewhere.
        public init(secret: SecretID, isHereCurrent: Bool, version: UInt32) {
            (self.secret, self.isHereCurrent, self.version) = (secret, isHereCurrent, version)
        }
    }

    /// How the keys of another copy stand to those of this one.
    public enum Relation: UInt8, Equatable, Sendable, CaseIterable {
        /// It has the same master key.
        case same = 1
        /// This one's keys follow its keys.
        case older
        /// Its keys follow this one's.
        case newer
        /// Both follow the same earlier keys.
        case diverged
        /// Nothing proves that they belong together, or it is another vault.
        case unrelated

        init(_ here: Log, _ there: Log) throws(VaultFileError) {
            guard here.header.vaultID == there.header.vaultID else {
                self = .unrelated
                return
            }
            let (own, other) = (try here.keyID(), try there.keyID())
            let (before, otherBefore) = (Set(here.ancestry.keys), Set(there.ancestry.keys))
            self =
                if own == other {
                    .same
                } else if before.contains(other) {
                    .older
                } else if otherBefore.contains(own) {
                    .newer
                } else if !before.isDisjoint(with: otherBefore) {
                    .diverged
                } else {
                    .unrelated
                }
        }
    }

    /// What a merge did, or would do.
    public struct Report: Equatable, Sendable {
        /// How many versions were taken in, tombstones too.
        public var versions: UInt64 = 0
        /// Of how many secrets.
        public var secrets: UInt64 = 0
        /// At most ``maxNamed`` secrets that were changed on both sides, as `list --all` would sort them.
        public var conflicts: [Conflict] = []
        /// As many secrets of which a version was taken in whose time is ahead of this machine's clock.
        public var ahead: [SecretID] = []
        /// As many secrets of which a version was left out because its time is more than a day ahead of this machine's clock.
        public var future: [SecretID] = []
        /// How many versions were left out because they were purged here.
        public var purged: UInt64 = 0
        /// How many versions of this file were purged from the other one.
        ///
        /// If its keys are the same, they are in no history any more, and a compaction removes them from the file.
        public var purgedThere: UInt64 = 0
        /// How many purged versions of the other file are not remembered as purged here: it has older keys, or the list is full.
        public var purgesLeftOut: UInt64 = 0
        /// How many purged versions of the other file are noted as purged here from now on.
        public var purgesTaken: UInt64 = 0
        /// How many records of unknown kinds, which any program may copy, were left out.
        public var unknown: UInt64 = 0
        /// How the keys of the two files stand to each other.
        public var relation = Relation.same
        /// Whether this file has the keys of the other one now.
        public var hasTakenKeys = false
        /// Whether the other file is another vault, not a copy of this one.
        public var isOtherVault = false
        /// Whether the other file has another master key.
        public var hasOtherKeys = false
        /// Whether the file was written to, or would be.
        public var isWritten = false
        /// What was done about a tail that a killed writer had left.
        public var savedTail: Log.SavedTail?

        /// Whether something was left out without which this file does not contain all that the other one does.
        public var isPartial: Bool { !future.isEmpty || unknown > 0 || purgesLeftOut > 0 }

        /// Nothing yet.
        public init() {}
    }

    /// How many former keys a file may know of for a merge to add to them: whoever had one of them can make up others.
    private static let maxKeys = Descent.maxKeys / 2

    /// How far ahead of this machine's clock a version may be, in milliseconds: a day.
    static let maxAhead: UInt64 = 86_400_000

    /// Copies into `here` what it lacks of `there`, durably; the other file is not changed.
    ///
    /// It is one transaction, or several if it has more than 64 MiB, each durable before the next is written. Merging the same copy
    /// again writes nothing.
    ///
    /// - Throws: ``VaultFileError/newerKeys``, before anything is written, if the keys of `there` follow those of `here` and
    ///   `options` do not take them; and as appending and rewriting do. Unless it is `VaultFileError.outcomeUnknown`, the last
    ///   transaction is not in the file; of more than 64 MiB, those before it may be. Where keys are taken, the file is as it
    ///   was.
    static func run(
        into here: Log, from there: Log, _ options: MergeOptions, now: UInt64
    ) throws(VaultFileError) -> Report {
        let relation = try Relation(here, there)
        if relation == .newer {
            guard options.takesKeys else { throw .newerKeys }
            if !options.isTrial { return try takeKeys(into: here, from: there, options, now: now) }
        }
        if options.isTrial { return try Plan(here, there, relation, options, now: now).report }
        return try append(to: here, from: there, relation, options, now: now) {
            fill throws(VaultFileError) in try here.append(patience: Log.writePatience, fill)
        }
    }

    /// Whether a file that lacks some of what was seen contains all of it once the other one is merged into it.
    static func mends(
        _ here: Log, with there: Log, _ options: MergeOptions, _ seen: [LastSeen], now: UInt64
    ) throws(VaultFileError) -> Bool {
        let relation = try Relation(here, there)
        guard relation == .same || relation == .older || relation == .diverged else { return false }
        for seen in seen where try !here.contains(seen, with: there) { return false }
        return try Plan(here, there, relation, options, now: now).isWhole
    }

    private typealias Fill = (inout Batch) throws(VaultFileError) -> Void

    /// - Parameter append: appends to `here`, as one transaction, what it is given fills a batch with.
    private static func append(
        to here: Log, from there: Log, _ relation: Relation, _ options: MergeOptions, now: UInt64,
        by append: (Fill) throws(VaultFileError) -> Log.SavedTail?
    ) throws(VaultFileError) -> Report {
        var plan: Plan?
        var savedTail: Log.SavedTail?
        var isComplete = false
        while !isComplete {
            let saved = try append { batch throws(VaultFileError) in
                // What this side lacks is seen under the lock, and once: what others write between two rounds takes nothing away.
                if plan == nil { plan = try Plan(here, there, relation, options, now: now) }
                isComplete = try plan?.add(to: &batch, here, there) ?? true
            }
            savedTail = savedTail ?? saved
        }
        var report = plan?.report ?? Report()
        report.savedTail = savedTail
        return report
    }

    /// Gives this file the keys of a later copy, and merges that then.
    private static func takeKeys(
        into here: Log, from there: Log, _ options: MergeOptions, now: UInt64
    ) throws(VaultFileError) -> Report {
        let plan = try Plan(here, there, .newer, options, now: now)
        let heads = try here.ancestry.heads(try here.namer())
        let hasPurges = here.purged.entries.allSatisfy { there.purged.contains($0) }
        if !options.takesAll, plan.isWhole, hasPurges, there.hasNumbersLeft, !there.header.isReadOnly,
            try there.ancestry.contains(heads, try there.namer())
        {
            let rewrite = try Compaction.becomeCopy(here, of: there)
            var report = plan.report
            (report.isWritten, report.savedTail) = (true, rewrite.savedTail)
            return report
        }
        var report = Report()
        let rewrite = try Compaction.takeKeys(here, of: there) { new throws(VaultFileError) in
            report = try append(to: new, from: there, .same, options, now: now) {
                fill throws(VaultFileError) in
                try new.appendBeforePublishing(fill)
                return nil
            }
        }
        report.savedTail = rewrite.savedTail
        (report.relation, report.hasTakenKeys, report.isWritten) = (.newer, true, true)
        return report
    }
}

extension Log {
    /// How many versions of its histories are on the list of another copy of the vault.
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

extension Merge {
    /// What is to be copied, and what there is to tell of it.
    private struct Plan {
        private(set) var report = Report()
        private let relation: Relation
        /// The frames of the other file that are still to be copied.
        private var missing: ArraySlice<FramePlace> = []
        /// What was purged from the other file and is not known here.
        private var purged: [Bytes16] = []
        /// Whether all that the other file contains is in this one then.
        var isWhole: Bool { !report.isPartial }

        init(
            _ here: Log, _ there: Log, _ relation: Relation, _ options: MergeOptions, now: UInt64
        ) throws(VaultFileError) {
            self.relation = relation
            report.relation = relation
            report.hasTakenKeys = relation == .newer
            report.isOtherVault = here.header.vaultID != there.header.vaultID
            if !options.takesAll, try isContained(there, in: here) {
                report.purged = try there.count(of: here.purged)
                return
            }
            var places: [FramePlace] = []
            try there.histories.forEachNewest { _, packed throws(VaultFileError) in
                guard let address = Address(packed: packed) else { return }
                var pair = try HistoryPair(address, here, there)
                try leaveOut(of: &pair, here, options, now)
                let missing = pair.missing
                places += missing.map { Log.place(of: $0) }
                try note(missing, of: pair, here, there, now)
            }
            report.conflicts.sort { SecretID.isListedBefore($0.secret, $1.secret) }
            report.ahead.sort(by: SecretID.isListedBefore)
            report.future.sort(by: SecretID.isListedBefore)
            report.unknown = try Plan.countUnknown(there, lackedBy: here)
            if relation != .unrelated { try takePurges(of: there, into: here) }
            missing = places.sorted { $0.offset < $1.offset }[...]
            report.isWritten = try hasNews(here, there)
        }

        /// Takes what was purged there, if the keys are the same, and no more than the list may have by merges.
        ///
        /// Whoever had older keys can make an entry. Without an entry, this file does not contain the purge.
        private mutating func takePurges(of there: Log, into here: Log) throws(VaultFileError) {
            let lacking = there.purged.entries.filter { !here.purged.contains($0) }
            let isTaken = relation == .same || relation == .newer
            let room = isTaken ? here.roomForPurges : 0
            purged = Array(lacking.prefix(room))
            (report.purgesTaken, report.purgesLeftOut) = (
                UInt64(purged.count), UInt64(lacking.count - purged.count)
            )
            report.purgedThere = try here.count(of: there.purged)
        }

        /// Whether this file contains what the other one does, so that there is nothing to take.
        private func isContained(_ there: Log, in here: Log) throws(VaultFileError) -> Bool {
            guard relation == .same || relation == .older || relation == .diverged else { return false }
            return try here.ancestry.contains(
                there.ancestry.heads(try there.namer()), try here.namer())
        }

        private func hasNews(_ here: Log, _ there: Log) throws(VaultFileError) -> Bool {
            if !missing.isEmpty || !purged.isEmpty || relation == .newer { return true }
            guard isWhole, relation != .unrelated else { return false }
            let descent = try descent(here, there)
            if !descent.ids.isEmpty || !descent.keys.isEmpty { return true }
            if descent.isChange { return false }
            return Set(descent.heads) != Set(try here.ancestry.heads(try here.namer()))
        }

        /// Takes away what is not to be merged.
        private mutating func leaveOut(
            of pair: inout HistoryPair, _ here: Log, _ options: MergeOptions, _ now: UInt64
        ) throws(VaultFileError) {
            var isFuture = false
            let packed = pair.address.packed
            try pair.leaveOut { version throws(VaultFileError) in
                if try here.purged.contains(packed.span, version, of: here.header.vaultID) {
                    report.purged += 1
                    return true
                }
                guard !options.allowsFuture, version.time > now, version.time - now > Merge.maxAhead else {
                    return false
                }
                isFuture = true
                return true
            }
            guard isFuture else { return }
            if let secret = SecretID(packed: packed.span), report.future.count < Merge.maxNamed {
                report.future.append(secret)
            }
        }

        private mutating func note(
            _ missing: [Version], of pair: HistoryPair, _ here: Log, _ there: Log, _ now: UInt64
        ) throws(VaultFileError) {
            guard !missing.isEmpty, let secret = SecretID(packed: pair.address.packed.span) else { return }
            report.secrets += 1
            report.versions += UInt64(missing.count)
            if missing.contains(where: { $0.time > now }), report.ahead.count < Merge.maxNamed {
                report.ahead.append(secret)
            }
            guard try pair.change(here, there) == .both, let older = pair.older,
                report.conflicts.count < Merge.maxNamed
            else { return }
            report.conflicts.append(
                Conflict(
                    secret: secret, isHereCurrent: !older.isHere, version: UInt32(clamping: older.index)))
        }

        /// How many records a rewrite of the other file would copy without knowing them that are not here, too.
        private static func countUnknown(
            _ there: Log, lackedBy here: Log
        ) throws(VaultFileError) -> UInt64 {
            if there.extras.isEmpty { return 0 }
            return UInt64(Set(try there.extraRecords()).subtracting(try here.extraRecords()).count)
        }

        /// What the last transaction of the merge proves: vault-format.md, section 9.
        private func descent(_ here: Log, _ there: Log) throws(VaultFileError) -> Descent {
            guard isWhole, relation != .unrelated else { return Descent() }
            let (namer, otherNamer) = (try here.namer(), try there.namer())
            let (ids, otherIDs) = (try here.ancestry.ids(namer), try there.ancestry.ids(otherNamer))
            let (own, other) = (Set(ids), Set(otherIDs))
            var descent = Descent(
                ids: otherIDs.filter { !own.contains($0) }, dropped: there.ancestry.dropped)
            if relation == .same || relation == .newer {
                let (heads, otherHeads) = (
                    try here.ancestry.heads(namer), try there.ancestry.heads(otherNamer)
                )
                var newest = heads.filter { !other.contains($0) || otherHeads.contains($0) }
                for id in otherHeads where !newest.contains(id) && (!own.contains(id) || heads.contains(id)) {
                    newest.append(id)
                }
                if newest.count <= Descent.maxHeads { descent.heads = newest }
                descent.leaveOutOldest(but: newest)
            } else {
                let known = Set(here.ancestry.keys)
                let room = max(Merge.maxKeys - here.ancestry.keys.count, 0)
                descent.keys = Array(there.ancestry.keys.filter { !known.contains($0) }.prefix(room))
                descent.leaveOutOldest()
            }
            return descent
        }

        /// Adds what there is room for.
        ///
        /// - Returns: whether that was all.
        mutating func add(
            to batch: inout Batch, _ here: Log, _ there: Log
        ) throws(VaultFileError) -> Bool {
            guard report.isWritten else { return true }
            let last = try descent(here, there)
            let isLast = fits(behind: last)
            let first =
                isLast ? last : Descent(heads: try here.ancestry.heads(try here.namer()))
            _ = try batch.add(first)
            if isLast { _ = try batch.add(purged: purged) }
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
            return isLast
        }

        /// Whether all that is still to be copied has room in one transaction, behind what that proves.
        private func fits(behind descent: Descent) -> Bool {
            var size = UInt64(Format.frameSize(bodySize: descent.size))
            if !purged.isEmpty {
                size += UInt64(Format.frameSize(bodySize: 16 * purged.count))
            }
            for place in missing {
                size += UInt64(place.frameSize)
                if size > Format.maxTransaction { return false }
            }
            return true
        }
    }
}
