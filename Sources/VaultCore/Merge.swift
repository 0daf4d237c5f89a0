internal import Compaction
internal import Platform
public import VaultFile

/// Merges the histories of two copies of a vault that have diverged: vault-format.md, section 9.
public enum Merge {
    /// The largest number of secrets that each list of a report names, so that a report fits into one message
    /// of the agent.
    public static let maxNamed = 80_000

    /// A secret of which a part was changed in both files.
    public struct Conflict: Equatable, Sendable {
        /// The secret.
        public let secret: SecretID
        /// The part.
        public let part: Part
        /// True if the present value is this file's.
        public let isHereCurrent: Bool
        /// The number of the version that has the other file's value now; 1 is the one before the present
        /// one.
        public let version: UInt32

        /// Creates a conflict that was found elsewhere.
        package init(at address: Address, isHereCurrent: Bool, version: UInt32) {
            (secret, part) = (SecretID(address), address.part)
            (self.isHereCurrent, self.version) = (isHereCurrent, version)
        }
    }

    /// The relation of another copy's keys to those of this one.
    public enum Relation: UInt8, Equatable, Sendable, CaseIterable {
        /// The master keys are the same.
        case same = 1
        /// The other copy has keys that this one's have replaced.
        case older
        /// The other copy has keys that have replaced this one's.
        case newer
        /// Both have replaced the same earlier keys.
        case diverged
        /// Nothing proves that the keys are related, or the other file is another vault.
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

    /// The result of a merge, or of a trial.
    public struct Report: Equatable, Sendable {
        /// The number of versions taken, tombstones included.
        public var versions: UInt64 = 0
        /// The number of secrets that these versions belong to.
        public var secrets: UInt64 = 0
        /// At most ``maxNamed`` secrets that were changed in both files, in the order of `list --all`.
        public var conflicts: [Conflict] = []
        /// At most ``maxNamed`` secrets of which a version was taken whose time is ahead of this machine's
        /// clock.
        public var ahead: [SecretID] = []
        /// At most ``maxNamed`` secrets of which a version was left out because its time is more than a day
        /// ahead of this machine's clock.
        public var future: [SecretID] = []
        /// The number of versions left out because they were purged here.
        public var purged: UInt64 = 0
        /// The number of versions of this file that were purged from the other one.
        ///
        /// If the keys are the same, they are no longer in a history, and a compaction removes them from the
        /// file.
        public var purgedThere: UInt64 = 0
        /// The number of purged versions of the other file that are not listed as purged here, because it has
        /// older keys or the list is full.
        public var purgesLeftOut: UInt64 = 0
        /// The number of purged versions of the other file that are listed as purged here from now on.
        public var purgesTaken: UInt64 = 0
        /// The number of records left out whose kind is unknown, though any program may copy them.
        public var unknown: UInt64 = 0
        /// The relation of the keys of the two files.
        public var relation = Relation.same
        /// True if this file has the keys of the other one now.
        public var hasTakenKeys = false
        /// True if the other file is another vault, not a copy of this one.
        public var isOtherVault = false
        /// True if the other file has another master key.
        public var hasOtherKeys = false
        /// True if the file was changed, or would be.
        public var isWritten = false
        /// The tail of a killed writer that was moved aside.
        public var savedTail: Log.SavedTail?

        /// True if something was left out, so that this file does not contain everything that the other one
        /// does.
        public var isPartial: Bool { !future.isEmpty || unknown > 0 || purgesLeftOut > 0 }

        /// Creates the report of a merge that found nothing to do.
        public init() {}
    }

    /// The number of former keys beyond which a merge adds no more: whoever has one of them can invent
    /// others.
    private static let maxKeys = Descent.maxKeys / 2

    /// How far a version may be ahead of this machine's clock, in milliseconds: a day.
    static let maxAhead: UInt64 = 86_400_000

    /// Copies to `here`, durably, the versions of `there` that it lacks; the other file is not changed.
    ///
    /// This is one transaction, or several beyond 64 MiB, each durable before the next is written. Merging
    /// the same copy again writes nothing.
    ///
    /// - Throws: ``VaultFileError/newerKeys``, before anything is written, if the keys of `there` have
    ///   replaced those of `here` and `options` do not take them; and as appending and rewriting do. Unless
    ///   it is `VaultFileError.outcomeUnknown`, the last transaction is not in the file; beyond 64 MiB,
    ///   earlier ones may be. Where keys are taken, the file is unchanged.
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
            fill throws(VaultFileError) in try here.append(timeout: Log.writeTimeout, fill)
        }
    }

    /// True if a file that lacks some of what was seen contains all of it once the other one is merged into
    /// it.
    static func mends(
        _ here: Log, with there: Log, _ options: MergeOptions, _ seen: [LastSeen], now: UInt64
    ) throws(VaultFileError) -> Bool {
        let relation = try Relation(here, there)
        guard relation == .same || relation == .older || relation == .diverged else { return false }
        for seen in seen where try !here.contains(seen, with: there) { return false }
        return try Plan(here, there, relation, options, now: now).isWhole
    }

    private typealias Fill = (inout Batch) throws(VaultFileError) -> Void

    /// Merges in as many transactions as it takes.
    ///
    /// - Parameter append: fills a batch by calling its argument, and appends it to `here` as one
    ///   transaction.
    private static func append(
        to here: Log, from there: Log, _ relation: Relation, _ options: MergeOptions, now: UInt64,
        by append: (Fill) throws(VaultFileError) -> Log.SavedTail?
    ) throws(VaultFileError) -> Report {
        var plan: Plan?
        var savedTail: Log.SavedTail?
        var isComplete = false
        while !isComplete {
            let saved = try append { batch throws(VaultFileError) in
                // The plan is made once, under the lock: other writers add versions between two rounds, but
                // remove none.
                if plan == nil { plan = try Plan(here, there, relation, options, now: now) }
                isComplete = try plan?.add(to: &batch) ?? true
            }
            savedTail = savedTail ?? saved
        }
        var report = plan?.report ?? Report()
        report.savedTail = savedTail
        return report
    }

    /// Gives this file the keys of a later copy, and merges that copy.
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

extension Merge {
    /// The frames and purges to copy, and the report of that.
    private struct Plan {
        private(set) var report = Report()
        private let here, there: Log
        private let relation: Relation
        private let options: MergeOptions
        private let now: UInt64
        /// The frames of the other file that have not been copied yet.
        private var missing: ArraySlice<FramePlace> = []
        /// The purges of the other file that are not listed here.
        private var purged: [Bytes16] = []
        /// True if this file then contains everything that the other one does.
        var isWhole: Bool { !report.isPartial }

        init(
            _ here: Log, _ there: Log, _ relation: Relation, _ options: MergeOptions, now: UInt64
        ) throws(VaultFileError) {
            (self.here, self.there, self.relation) = (here, there, relation)
            (self.options, self.now) = (options, now)
            report.relation = relation
            report.hasTakenKeys = relation == .newer
            report.isOtherVault = here.header.vaultID != there.header.vaultID
            if !options.takesAll, try isContained() {
                report.purged = try there.count(of: here.purged)
                return
            }
            var places: [FramePlace] = []
            try there.histories.forEachNewest { _, packed throws(VaultFileError) in
                guard let address = Address(packed: packed) else { return }
                var pair = try HistoryPair(address, here, there)
                try leaveOut(of: &pair)
                let missing = pair.missing
                places += missing.map { Log.place(of: $0) }
                try note(missing, of: pair)
            }
            report.conflicts.sort {
                SecretID.isListedBefore($0.secret, $0.part, than: ($1.secret, $1.part))
            }
            report.ahead = report.ahead.listed
            report.future = report.future.listed
            report.unknown = try countUnknown()
            if relation != .unrelated { try takePurges() }
            missing = places.sorted { $0.offset < $1.offset }[...]
            report.isWritten = try hasNews()
        }

        /// Takes the purges of the other file if the keys are the same, as far as merges may extend the list.
        ///
        /// Whoever has older keys can invent an entry. A purge whose entry is not taken makes the merge
        /// partial.
        private mutating func takePurges() throws(VaultFileError) {
            let lacking = there.purged.entries.filter { !here.purged.contains($0) }
            let isTaken = relation == .same || relation == .newer
            let capacity = isTaken ? here.roomForPurges : 0
            purged = Array(lacking.prefix(capacity))
            report.purgesTaken = UInt64(purged.count)
            report.purgesLeftOut = UInt64(lacking.count - purged.count)
            report.purgedThere = try here.count(of: there.purged)
        }

        /// True if this file contains everything that the other one does.
        private func isContained() throws(VaultFileError) -> Bool {
            guard relation == .same || relation == .older || relation == .diverged else { return false }
            return try here.ancestry.contains(there.ancestry.heads(try there.namer()), try here.namer())
        }

        private func hasNews() throws(VaultFileError) -> Bool {
            if !missing.isEmpty || !purged.isEmpty || relation == .newer { return true }
            guard isWhole, relation != .unrelated else { return false }
            let descent = try descent()
            if !descent.ids.isEmpty || !descent.keys.isEmpty { return true }
            if descent.isChange { return false }
            return Set(descent.heads) != Set(try here.ancestry.heads(try here.namer()))
        }

        /// Removes the versions that are not to be merged.
        private mutating func leaveOut(of pair: inout HistoryPair) throws(VaultFileError) {
            var isFuture = false
            let packed = pair.address.packed
            try pair.leaveOut { version throws(VaultFileError) in
                if try here.purged.contains(packed.span, version, of: here.header.vaultID) {
                    report.purged += 1
                    return true
                }
                if isTooLate(version) { isFuture = true }
                return isTooLate(version)
            }
            if isFuture, report.future.count < Merge.maxNamed {
                report.future.append(SecretID(pair.address))
            }
        }

        private func isTooLate(_ version: Version) -> Bool {
            !options.allowsFuture && version.time > now && version.time - now > Merge.maxAhead
        }

        private func takesVersions(of address: Address) throws(VaultFileError) -> Bool {
            for version in try HistoryPair(address, here, there).missing where !isTooLate(version) {
                let vaultID = here.header.vaultID
                if try !here.purged.contains(address.packed.span, version, of: vaultID) { return true }
            }
            return false
        }

        private mutating func note(_ missing: [Version], of pair: HistoryPair) throws(VaultFileError) {
            if missing.isEmpty { return }
            let (secret, part) = (SecretID(pair.address), pair.address.part)
            // A secret of which both parts are taken counts once.
            let isCounted = part == .value ? false : try takesVersions(of: pair.address.secret)
            if !isCounted { report.secrets += 1 }
            report.versions += UInt64(missing.count)
            if missing.contains(where: { $0.time > now }), report.ahead.count < Merge.maxNamed {
                report.ahead.append(secret)
            }
            guard try pair.change() == .both, let older = pair.older,
                report.conflicts.count < Merge.maxNamed
            else { return }
            report.conflicts.append(
                Conflict(
                    at: pair.address, isHereCurrent: !older.isHere, version: UInt32(clamping: older.index)))
        }

        /// Returns the number of records of unknown kinds that a rewrite of the other file would copy and
        /// this file lacks.
        private func countUnknown() throws(VaultFileError) -> UInt64 {
            if there.extras.isEmpty { return 0 }
            return UInt64(Set(try there.extraRecords()).subtracting(try here.extraRecords()).count)
        }

        /// The proof of descent in the last transaction of the merge: vault-format.md, section 9.
        private func descent() throws(VaultFileError) -> Descent {
            guard isWhole, relation != .unrelated else { return Descent() }
            let (namer, otherNamer) = (try here.namer(), try there.namer())
            let (ids, otherIDs) = (try here.ancestry.ids(namer), try there.ancestry.ids(otherNamer))
            let (own, other) = (Set(ids), Set(otherIDs))
            var descent = Descent(
                ids: otherIDs.filter { !own.contains($0) }, dropped: there.ancestry.dropped)
            if relation == .same || relation == .newer {
                let heads = try here.ancestry.heads(namer)
                let otherHeads = try there.ancestry.heads(otherNamer)
                var newest = heads.filter { !other.contains($0) || otherHeads.contains($0) }
                for id in otherHeads where !newest.contains(id) && (!own.contains(id) || heads.contains(id)) {
                    newest.append(id)
                }
                if newest.count <= Descent.maxHeads { descent.heads = newest }
                descent.leaveOutOldest(but: newest)
            } else {
                let known = Set(here.ancestry.keys)
                let capacity = max(Merge.maxKeys - here.ancestry.keys.count, 0)
                descent.keys = Array(there.ancestry.keys.filter { !known.contains($0) }.prefix(capacity))
                descent.leaveOutOldest()
            }
            return descent
        }

        /// Adds as many frames as there is room for.
        ///
        /// - Returns: true if nothing is left to add.
        mutating func add(to batch: inout Batch) throws(VaultFileError) -> Bool {
            guard report.isWritten else { return true }
            let last = try descent()
            let isLast = fits(behind: last)
            _ = try batch.add(isLast ? last : Descent(heads: try here.ancestry.heads(try here.namer())))
            if isLast { _ = try batch.add(purged: purged) }
            var reader = try there.reader()
            while let place = missing.first {
                let isAdded = try there.readingAgain(&reader, at: place.offset) {
                    content throws(VaultFileError) in try batch.carry(content)
                }
                guard isAdded else { return false }
                missing.removeFirst()
            }
            return isLast
        }

        /// True if everything that is left fits into one transaction with its proof of descent.
        private func fits(behind descent: Descent) -> Bool {
            var size = UInt64(Format.frameSize(bodySize: descent.size))
            if !purged.isEmpty { size += UInt64(Format.frameSize(bodySize: 16 * purged.count)) }
            for place in missing {
                size += UInt64(place.frameSize)
                if size > Format.maxTransaction { return false }
            }
            return true
        }
    }
}
