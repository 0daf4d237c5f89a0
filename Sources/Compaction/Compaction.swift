internal import Platform
public import Sodium
public import VaultFile

/// Rewrites a vault's file without what is no longer wanted: vault-format.md, section 9.
public enum Compaction {
    /// What a compaction did.
    public struct Report: Equatable, Sendable {
        /// The generation of the new file.
        public let generation: UInt64
        /// The length of the file before and after, in bytes.
        public let before, after: UInt64
        /// How many versions were dropped, and how many are kept, tombstones too.
        public let dropped, kept: UInt64
        /// What was done about a tail that a killed writer had left.
        public let savedTail: Log.SavedTail?

        /// Numbers that were told elsewhere.
        public init(
            generation: UInt64, before: UInt64, after: UInt64, dropped: UInt64, kept: UInt64,
            savedTail: Log.SavedTail?
        ) {
            self.generation = generation
            self.before = before
            self.after = after
            self.dropped = dropped
            self.kept = kept
            self.savedTail = savedTail
        }
    }

    private static let purpose = "compact"

    /// Rewrites the file at `path`.
    ///
    /// The old file is verified first, and the new one, which is written beside it, is read back and compared before it takes
    /// its place. Writers wait meanwhile and go on in the new file; readers of the old file are not disturbed. On any error the
    /// old file stays as it was, but for ``VaultFileError/outcomeUnknown(_:)``: then one of the two is there, whole.
    ///
    /// - Throws: ``VaultFileError/damaged(at:)`` for the smallest defect, in the header's copy too;
    ///   ``VaultFileError/severalNames``, ``VaultFileError/rewriteDiffers(at:)``, ``VaultFileError/cancelled``,
    ///   and as opening and appending do.
    public static func run(
        path: String, master: borrowing Key, keeping retention: Retention, dependencies: Dependencies,
        progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let log = try Log(
            path: path, access: .writing, dependencies: dependencies, master: try master.copy())
        return try run(log, keeping: retention, progress: progress)
    }

    /// Rewrites the file of an open log, which finds the new one when it is refreshed.
    ///
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``.
    package static func run(
        _ log: Log, keeping retention: Retention, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let master = try log.copyOfMasterKey()
        return try log.withWriterLock(patience: Log.writePatience) { recollection throws(VaultFileError) in
            let change = RewriteChange(purged: log.purged.entries, isChange: false)
            return try rewrite(log, recollection, master, slots: nil, retention, change, progress)
        }
    }

    /// Rewrites the file at `path` under new keys, with all versions.
    ///
    /// The keys of before, and whatever opened them, open nothing of the new file; older copies stay as they are.
    ///
    /// - Parameter old: the master key until now.
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``; ``VaultFileError/replaced`` if another vault lies at
    ///   the path than the one that the keys were made for.
    public static func changeKeys(
        path: String, from old: borrowing Key, to keys: borrowing NewKeys, dependencies: Dependencies,
        progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let log = try Log(
            path: path, access: .writing, dependencies: dependencies, master: try old.copy())
        return try log.withWriterLock(patience: Log.writePatience) { recollection throws(VaultFileError) in
            guard log.header.vaultID == keys.vaultID else { throw .replaced }
            let change = RewriteChange(purged: log.purged.entries, formerKeys: [try log.keyID()])
            return try rewrite(log, recollection, keys.master, slots: keys.slots, .all, change, progress)
        }
    }

    /// Rewrites the file of an open log under the keys of a later copy of the same vault, with all versions.
    ///
    /// - Parameters:
    ///   - later: the copy, whose keys follow those of the log.
    ///   - progress: is told how far the work is.
    ///   - complete: is lent the new file before that is published, and appends to it with
    ///     `Log.appendBeforePublishing(_:)`, so that both take effect together.
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``.
    package static func takeKeys(
        _ log: Log, of later: Log, progress: ProgressHandler = .unwatched,
        complete: (Log) throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> Report {
        let master = try later.copyOfMasterKey()
        return try log.withWriterLock(patience: Log.writePatience) { recollection throws(VaultFileError) in
            guard log.header.vaultID == later.header.vaultID else { throw .replaced }
            let change = RewriteChange(
                purged: log.purged.entries, formerKeys: [try log.keyID()] + later.ancestry.keys)
            return try rewrite(
                log, recollection, master, slots: later.header.slots, .all, change, progress,
                complete: complete)
        }
    }

    /// Puts what a compaction of a later copy of the same vault makes of that in the place of an open log's file, with all versions.
    ///
    /// It is verified, and has nothing of the copy that a merge would leave out.
    ///
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``.
    package static func becomeCopy(
        _ log: Log, of later: Log, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let master = try later.copyOfMasterKey()
        return try log.withWriterLock(patience: Log.writePatience) { recollection throws(VaultFileError) in
            guard log.header.vaultID == later.header.vaultID else { throw .replaced }
            let change = RewriteChange(purged: later.purged.entries, isChange: false)
            return try rewrite(
                log, with: later, recollection, master, slots: nil, .all, change, progress)
        }
    }

    /// Which versions of a secret a purge removes.
    public enum Purge: Equatable, Sendable {
        /// All of them.
        case all
        /// The one that is so many versions back, and those of the same time and kind; 0 is the newest.
        case version(Int)
    }

    /// What tells the history that a person was shown from a later one.
    public struct ShownHistory: Equatable, Sendable {
        /// The time of its newest version, in milliseconds since 1970.
        public let newest: UInt64
        /// How many versions it had, at least one.
        public let count: UInt64

        /// A history of `count` versions, the newest of which is of the time `newest`.
        public init(newest: UInt64, count: UInt64) { (self.newest, self.count) = (newest, count) }

        fileprivate func isStill(_ versions: [Version]) -> Bool {
            versions.first?.time == newest && versions.count == count
        }
    }

    /// Rewrites the file at `path` without some versions of a secret, which no merge brings back.
    ///
    /// - Parameter shown: what a person was shown before, if that is to be the history still.
    /// - Returns: how many versions of the secret were removed, and of the rewrite.
    /// - Throws: ``VaultFileError/noSuchVersion``, ``VaultFileError/tooManyPurged``, before anything is written, and as
    ///   ``run(path:master:keeping:dependencies:progress:)``.
    public static func purge(
        _ purge: Purge, of address: Address, ifStill shown: ShownHistory? = nil, path: String,
        master: borrowing Key, dependencies: Dependencies, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> (removed: UInt64, rewrite: Report) {
        let log = try Log(
            path: path, access: .writing, dependencies: dependencies, master: try master.copy())
        return try log.withWriterLock(patience: Log.writePatience) { recollection throws(VaultFileError) in
            let versions = log.versions(address)
            if let shown, !shown.isStill(versions) { throw .noSuchVersion }
            let removed: [Version]
            switch purge {
            case .all: removed = versions
            case .version(let number):
                guard versions.indices.contains(number) else { throw .noSuchVersion }
                let chosen = versions[number]
                removed = versions.filter { ($0.time, $0.kind) == (chosen.time, chosen.kind) }
            }
            guard !removed.isEmpty else { throw .noSuchVersion }
            var purged = log.purged
            for version in removed {
                purged.add([
                    try PurgeList.entry(address.packed.span, version, of: log.header.vaultID)
                ])
            }
            if purged.entries.count > PurgeList.maxTotal { throw .tooManyPurged }
            let change = RewriteChange(excluded: Set(removed.map(\.offset)), purged: purged.entries)
            let report = try rewrite(
                log, recollection, try log.copyOfMasterKey(), slots: nil, .all, change, progress)
            return (UInt64(removed.count), report)
        }
    }

    /// How a rewrite differs from a plain compaction.
    private struct RewriteChange {
        /// The offsets of the versions that are left out, whatever is kept else.
        var excluded: Set<UInt64> = []
        /// What was purged, in this rewrite or before.
        var purged: [Bytes16]
        /// The ids of master keys that the new file's follows, beside those that the old one's does.
        var formerKeys: [UInt64] = []
        /// Whether the rewrite is a change of its own, which a file without it lacks.
        var isChange = true
    }

    /// Rewrites the file of `log`, with the content of another copy of the vault if one is given.
    private static func rewrite(
        _ log: Log, with other: Log? = nil, _ recollection: Recollection?, _ master: borrowing Key,
        slots: [[UInt8]]?, _ retention: Retention, _ change: RewriteChange, _ progress: ProgressHandler,
        complete: (Log) throws(VaultFileError) -> Void = { _ in }
    ) throws(VaultFileError) -> Report {
        let content = other ?? log
        let dependencies = log.dependencies
        for finding in try log.check() {
            if let offset = finding.damage { throw .damaged(at: offset) }
        }
        let (old, storage, path) = (log.openFile, dependencies.storage, log.path)
        let target = try during(.open) { () throws(Errno) in try storage.resolvingLinks(path) }
        try NewFile.removeSecondNames(of: old, at: target, storage)
        // Some drivers in user space count none.
        guard try during(.open, { () throws(Errno) in try old.nameCount() }) <= 1 else {
            throw .severalNames
        }
        let before = try during(.read) { () throws(Errno) in try old.length() }
        let saved = try log.prepareForWrite {}

        let places = content.places(keeping: retention, without: change.excluded)
        let descent = try Descent(
            carrying: content.ancestry, try content.namer(), addedKeys: change.formerKeys,
            isChange: change.isChange)
        let rewrite = try Rewrite(places, behind: descent, change.purged, dependencies, progress)
        let header = try rewrite.header(
            following: content.header, last: content.committed, slots: slots, master: master)
        let new = try NewFile(for: target, purpose: purpose, dependencies)
        var source = try content.reader()
        let sum = try rewrite.write(
            header, from: &source, along: (Replay.start(content.header), content.committed), master: master,
            to: new.file)
        let written = try rewrite.verify(new.path, holds: sum, master: try master.copy())
        try compareNewest(content, written, without: change.excluded)
        let kept = written.versionCount
        do throws(VaultFileError) {
            try complete(written)
        } catch .outcomeUnknown(let error) {
            throw .io(.rewrite, error)  // of a file that is not published nothing is in doubt
        } catch {
            throw error
        }
        let file = new.file
        try during(.attributes) { () throws(Errno) in try file.adoptAttributes(of: old) }
        try new.publish(at: target) { storage, path throws(Errno) in try storage.rename(path, to: target) }
        log.remember(written, after: recollection)
        return Report(
            generation: header.generation, before: before, after: written.committedEnd,
            dropped: UInt64(content.heldVersionCount - kept), kept: UInt64(kept), savedTail: saved)
    }

    /// Makes sure that each name has the same newest version in both, but for what is left out.
    private static func compareNewest(
        _ old: Log, _ new: Log, without excluded: Set<UInt64>
    ) throws(VaultFileError) {
        // Most names follow one another in both as they did before, so that few are searched for.
        var (expected, count) = (0, 0)
        let copies = new.histories
        try old.histories.forEachNewest(without: excluded) { version, address throws(VaultFileError) in
            guard let copy = copies.newest(address, expectedAt: &expected), copy.time == version.time,
                copy.kind == version.kind
            else { throw .rewriteDiffers(at: new.committedEnd) }
            count += 1
        }
        guard count == copies.count else { throw .rewriteDiffers(at: new.committedEnd) }
    }
}
