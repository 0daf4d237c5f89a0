internal import Platform
public import Sodium
public import VaultFile

/// Rewrites a vault's file without the versions that are no longer wanted: vault-format.md, section 9.
public enum Compaction {
    /// The result of a compaction.
    public struct Report: Equatable, Sendable {
        /// The generation of the new file.
        public let generation: UInt64
        /// The length of the file before and after, in bytes.
        public let before, after: UInt64
        /// How many versions were dropped and kept, including tombstones.
        public let dropped, kept: UInt64
        /// The unfinished tail of a killed writer, if one was set aside.
        public let savedTail: Log.SavedTail?

        /// Creates a report from its numbers.
        public init(
            generation: UInt64, before: UInt64, after: UInt64, dropped: UInt64, kept: UInt64,
            savedTail: Log.SavedTail?
        ) {
            (self.generation, self.before, self.after) = (generation, before, after)
            (self.dropped, self.kept, self.savedTail) = (dropped, kept, savedTail)
        }
    }

    private static let purpose = "compact"

    /// Rewrites the file at `path`.
    ///
    /// The old file is verified first. The new one is written beside it, read back and compared before it replaces the old one.
    /// Writers wait meanwhile and then use the new file; readers of the old file are not disturbed. After any error, the
    /// old file is unchanged, except for ``VaultFileError/outcomeUnknown(_:)``: then the path names one of the two, whole.
    ///
    /// - Throws: ``VaultFileError/damaged(at:)`` for any defect, even in the copy of the header;
    ///   ``VaultFileError/severalNames``, ``VaultFileError/rewriteDiffers(at:)``, ``VaultFileError/cancelled``,
    ///   and as opening and appending do.
    public static func run(
        path: String, master: borrowing Key, keeping retention: Retention, dependencies: Dependencies,
        progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let log = try openForWriting(path, master, dependencies)
        return try run(log, keeping: retention, progress: progress)
    }

    /// Rewrites the file of an open log, which opens the new file when it is refreshed.
    ///
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``.
    package static func run(
        _ log: Log, keeping retention: Retention, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let master = try log.copyOfMasterKey()
        return try log.withWriterLock(timeout: Log.writeTimeout) { remembered throws(VaultFileError) in
            let change = RewriteChange(purged: log.purged.entries, isChange: false)
            return try rewrite(log, remembered, master, slots: nil, retention, change, progress)
        }
    }

    /// Rewrites the file at `path` under new keys, with all versions.
    ///
    /// The old passphrase, recovery key and master key cannot open the new file. They still open older copies.
    ///
    /// - Parameter old: the present master key.
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``; ``VaultFileError/replaced`` if the vault at the path is
    ///   not the one that the keys were created for.
    public static func changeKeys(
        path: String, from old: borrowing Key, to keys: borrowing NewKeys, dependencies: Dependencies,
        progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let log = try openForWriting(path, old, dependencies)
        return try log.withWriterLock(timeout: Log.writeTimeout) { remembered throws(VaultFileError) in
            guard log.header.vaultID == keys.vaultID else { throw .replaced }
            let change = RewriteChange(purged: log.purged.entries, formerKeys: [try log.keyID()])
            return try rewrite(log, remembered, keys.master, slots: keys.slots, .all, change, progress)
        }
    }

    /// Rewrites the file of an open log under the keys of a later copy of the same vault, with all versions.
    ///
    /// - Parameters:
    ///   - later: the copy, whose keys replaced those of the log.
    ///   - progress: reports progress and allows cancellation.
    ///   - complete: receives the new file before it is published, and appends to it with
    ///     `Log.appendBeforePublishing(_:)`, so that both take effect together.
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``.
    package static func takeKeys(
        _ log: Log, of later: Log, progress: ProgressHandler = .unwatched,
        complete: (Log) throws(VaultFileError) -> Void
    ) throws(VaultFileError) -> Report {
        let master = try later.copyOfMasterKey()
        return try log.withWriterLock(timeout: Log.writeTimeout) { remembered throws(VaultFileError) in
            guard log.header.vaultID == later.header.vaultID else { throw .replaced }
            let change = RewriteChange(
                purged: log.purged.entries, formerKeys: [try log.keyID()] + later.ancestry.keys)
            return try rewrite(
                log, remembered, master, slots: later.header.slots, .all, change, progress,
                complete: complete)
        }
    }

    /// Replaces the file of an open log by a rewrite of a later copy of the same vault, with all versions.
    ///
    /// The caller has checked that the copy has nothing that a merge would leave out.
    ///
    /// - Throws: as ``run(path:master:keeping:dependencies:progress:)``.
    package static func becomeCopy(
        _ log: Log, of later: Log, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> Report {
        let master = try later.copyOfMasterKey()
        return try log.withWriterLock(timeout: Log.writeTimeout) { remembered throws(VaultFileError) in
            guard log.header.vaultID == later.header.vaultID else { throw .replaced }
            let change = RewriteChange(purged: later.purged.entries, isChange: false)
            return try rewrite(
                log, with: later, remembered, master, slots: nil, .all, change, progress)
        }
    }

    /// The versions of a secret that a purge removes.
    public enum Purge: Equatable, Sendable {
        /// All versions, and all metadata.
        case all
        /// The version that is this many versions older than the newest, and others of the same time and kind.
        case version(Int)
    }

    /// Identifies the history that the user was shown, so that a later one is noticed.
    public struct ShownHistory: Equatable, Sendable {
        /// The time of its newest version, in milliseconds since 1970.
        public let newest: UInt64
        /// How many versions it had; at least one.
        public let count: UInt64

        /// Creates the identification of a history of `count` versions, the newest of which has the time `newest`.
        public init(newest: UInt64, count: UInt64) { (self.newest, self.count) = (newest, count) }

        fileprivate func matches(_ versions: [Version]) -> Bool {
            versions.first?.time == newest && versions.count == count
        }
    }

    /// Rewrites the file at `path` without some versions of a secret, and records that no merge may bring them back.
    ///
    /// - Parameter shown: the history that the user was shown; nil to purge whatever the history is by then.
    /// - Returns: how many versions of the secret were removed, and the report of the rewrite.
    /// - Throws: ``VaultFileError/noSuchVersion``, ``VaultFileError/tooManyPurged``, before anything is written, and as
    ///   ``run(path:master:keeping:dependencies:progress:)``.
    public static func purge(
        _ purge: Purge, of address: Address, ifStill shown: ShownHistory? = nil, path: String,
        master: borrowing Key, dependencies: Dependencies, progress: ProgressHandler = .unwatched
    ) throws(VaultFileError) -> (removed: UInt64, rewrite: Report) {
        let log = try openForWriting(path, master, dependencies)
        return try log.withWriterLock(timeout: Log.writeTimeout) { remembered throws(VaultFileError) in
            let versions = log.versions(address)
            if let shown, !shown.matches(versions) { throw .noSuchVersion }
            let removed: [Version]
            var metadata: [Version] = []
            switch purge {
            case .all: (removed, metadata) = (versions, log.versions(address.metadata))
            case .version(let number):
                guard versions.indices.contains(number) else { throw .noSuchVersion }
                let chosen = versions[number]
                removed = versions.filter { ($0.time, $0.kind) == (chosen.time, chosen.kind) }
            }
            guard !removed.isEmpty || !metadata.isEmpty else { throw .noSuchVersion }
            var purged = log.purged
            for version in removed {
                purged.add([try PurgeList.entry(address.packed.span, version, of: log.header.vaultID)])
            }
            for version in metadata {
                purged.add([
                    try PurgeList.entry(address.metadata.packed.span, version, of: log.header.vaultID)
                ])
            }
            if purged.entries.count > PurgeList.maxTotal { throw .tooManyPurged }
            let change = RewriteChange(
                excluded: Set((removed + metadata).map(\.offset)), purged: purged.entries)
            let report = try rewrite(
                log, remembered, try log.copyOfMasterKey(), slots: nil, .all, change, progress)
            return (UInt64(removed.count), report)
        }
    }

    private static func openForWriting(
        _ path: String, _ master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultFileError) -> Log {
        try Log(path: path, access: .writing, dependencies: dependencies, master: try master.copy())
    }

    /// The differences between a rewrite and a plain compaction.
    private struct RewriteChange {
        /// The offsets of versions to leave out, whatever the retention is.
        var excluded: Set<UInt64> = []
        /// The entries of all purged versions, in this rewrite and before.
        var purged: [Bytes16]
        /// The ids of the former master keys that the old file does not name.
        var formerKeys: [UInt64] = []
        /// True if the rewrite is a change of its own, so that a file without it is older.
        var isChange = true
    }

    /// Rewrites the file of `log` with its own content, or with that of another copy of the vault.
    private static func rewrite(
        _ log: Log, with other: Log? = nil, _ remembered: RememberedCheckpoints?, _ master: borrowing Key,
        slots: [[UInt8]]?, _ retention: Retention, _ change: RewriteChange, _ progress: ProgressHandler,
        complete: (Log) throws(VaultFileError) -> Void = { _ in }
    ) throws(VaultFileError) -> Report {
        let content = other ?? log
        let dependencies = log.dependencies
        for finding in try log.check() {
            if let offset = finding.damage { throw .damaged(at: offset) }
        }
        let (old, storage, path) = (log.openFile, dependencies.storage, log.path)
        let target = try during(.open, storage.resolvingLinks(path))
        try NewFile.removeSecondNames(of: old, at: target, storage)
        // Some FUSE drivers report 0 links.
        guard try during(.open, { () throws(Errno) in try old.nameCount() }) <= 1 else {
            throw .severalNames
        }
        let before = try old.currentLength()
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
        let sum = try content.readingAgain { () throws(VaultFileError) in
            try rewrite.write(
                header, from: &source, along: (Replay.start(content.header), content.committed),
                master: master, to: new.file)
        }
        let written = try rewrite.verify(new.path, holds: sum, master: try master.copy())
        try compareNewest(content, written, without: change.excluded)
        let kept = written.versionCount
        do throws(VaultFileError) {
            try complete(written)
        } catch .outcomeUnknown(let error) {
            throw .io(.rewrite, error)  // The file is not published, so the outcome is known.
        }
        let file = new.file
        try during(.attributes, file.adoptAttributes(of: old))
        try new.publish(at: target) { storage, path throws(Errno) in try storage.rename(path, to: target) }
        log.remember(written, after: remembered)
        return Report(
            generation: header.generation, before: before, after: written.committedEnd,
            dropped: UInt64(content.heldVersionCount - kept), kept: UInt64(kept), savedTail: saved)
    }

    /// Checks that each secret has the same newest version in both files, except for the versions that are left out.
    private static func compareNewest(
        _ old: Log, _ new: Log, without excluded: Set<UInt64>
    ) throws(VaultFileError) {
        // Most secrets are in the same order in both files, so few need a lookup.
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
