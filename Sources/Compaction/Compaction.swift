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
        path: String, master: borrowing Key, keeping retention: Retention, surroundings: Surroundings,
        progress: Progress = .unwatched
    ) throws(VaultFileError) -> Report {
        let log = try Log(
            path: path, access: .writing, surroundings: surroundings, master: try master.copy())
        return try run(log, keeping: retention, progress: progress)
    }

    /// Rewrites the file of an open log, which finds the new one when it is refreshed.
    ///
    /// - Throws: as ``run(path:master:keeping:surroundings:progress:)``.
    package static func run(
        _ log: Log, keeping retention: Retention, progress: Progress = .unwatched
    ) throws(VaultFileError) -> Report {
        let master = try log.copyOfMasterKey()
        return try log.withWriterLock(patience: Log.writePatience) { _ throws(VaultFileError) in
            try rewrite(log, master, slots: nil, retention, progress)
        }
    }

    /// Rewrites the file at `path` under new keys, with all versions.
    ///
    /// The keys of before, and whatever opened them, open nothing of the new file; older copies stay as they are.
    ///
    /// - Parameter old: the master key until now.
    /// - Throws: as ``run(path:master:keeping:surroundings:progress:)``; ``VaultFileError/replaced`` if another vault lies at
    ///   the path than the one that the keys were made for.
    public static func changeKeys(
        path: String, from old: borrowing Key, to keys: borrowing NewKeys, surroundings: Surroundings,
        progress: Progress = .unwatched
    ) throws(VaultFileError) -> Report {
        let log = try Log(
            path: path, access: .writing, surroundings: surroundings, master: try old.copy())
        return try log.withWriterLock(patience: Log.writePatience) { _ throws(VaultFileError) in
            guard log.header.vaultID == keys.vaultID else { throw .replaced }
            return try rewrite(log, keys.master, slots: keys.slots, .all, progress)
        }
    }

    private static func rewrite(
        _ log: Log, _ master: borrowing Key, slots: [[UInt8]]?, _ retention: Retention,
        _ progress: Progress
    ) throws(VaultFileError) -> Report {
        let surroundings = log.surroundings
        for finding in try log.check() {
            if let offset = finding.damage { throw .damaged(at: offset) }
        }
        let (old, storage, path) = (log.openFile, surroundings.storage, log.path)
        let target = try during(.open) { () throws(Errno) in try storage.resolvingLinks(path) }
        guard try during(.open, { () throws(Errno) in try old.nameCount() }) == 1 else {
            throw .severalNames
        }
        let before = try during(.read) { () throws(Errno) in try old.length() }
        let saved = try log.settle {}

        let places = log.places(keeping: retention)
        let rewrite = try Rewrite(places, surroundings, progress)
        let header = try rewrite.header(
            following: log.header, last: log.committed, slots: slots, master: master)
        let new = try NewFile(for: target, purpose: purpose, surroundings)
        var source = try log.reader()
        let sum = try rewrite.write(
            header, from: &source, along: (Replay.start(log.header), log.committed), master: master,
            to: new.file)
        let written = try rewrite.verify(new.path, holds: sum, master: try master.copy())
        try compareNewest(log, written)
        let file = new.file
        try during(.attributes) { () throws(Errno) in try file.adoptAttributes(of: old) }
        try new.publish(at: target) { storage, path throws(Errno) in try storage.rename(path, to: target) }
        log.remember(written.present)
        return Report(
            generation: header.generation, before: before, after: written.committedEnd,
            dropped: UInt64(log.versionCount - written.versionCount), kept: UInt64(written.versionCount),
            savedTail: saved)
    }

    /// Makes sure that each name has the same newest version in both.
    private static func compareNewest(_ old: Log, _ new: Log) throws(VaultFileError) {
        guard old.nameCount == new.nameCount else { throw .rewriteDiffers(at: new.committedEnd) }
        // Most names follow one another in both as they did before, so that few are searched for.
        var expected = 0
        try new.forEachNewest { copy, address throws(VaultFileError) in
            guard let version = old.newest(address, expectedAt: &expected), copy.time == version.time,
                copy.kind == version.kind
            else { throw .rewriteDiffers(at: new.committedEnd) }
        }
    }
}
