public import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// Work on a vault's whole file, or on a copy of it, which takes the key and no session.
///
/// Paths of files that are there have no symbolic links.
public enum Job: Equatable, Sendable {
    /// Verifies every byte of the vault at a path.
    case check(String)
    /// Verifies every byte of a file, whatever this machine remembers of its path, and tells whether it contains what was last seen
    /// at another path, if one is given.
    case verify(String, seenAt: String? = nil)
    /// Rewrites the vault at a path.
    case compact(String, Retention)
    /// Writes what verifies of a file to a new vault.
    case salvage(from: String, to: String)
    /// Takes the file at a path for what was seen last there, if it is still what was shown.
    case accept(String, shown: Checkpoint?)
    /// Removes versions of a secret for good from the vault at a path, if its history is still what was shown.
    case purge(String, SecretID, Compaction.Purge, shown: Compaction.ShownHistory?)
    /// Tells where the vault at a path and another file differ.
    case compare(String, with: String)
    /// Tells all the secrets of a copy, as they differ from a vault that has none.
    case listContents(String)
    /// Merges another file into the vault at a path.
    case merge(into: String, from: String, MergeOptions)

    /// The other file, of those that have two keys.
    public var other: String? {
        switch self {
        case .compare(_, let other), .merge(_, let other, _): other
        case .check, .verify, .compact, .salvage, .accept, .listContents, .purge: nil
        }
    }
}

/// How a merge is made.
public struct MergeOptions: Equatable, Sendable {
    /// Whether nothing is written.
    public var isTrial: Bool
    /// Whether the file that is merged into is a copy, of which this machine remembers nothing.
    public var isCopy: Bool
    /// Whether the keys of the other file are taken if they follow those of the vault.
    public var takesKeys: Bool
    /// Whether versions are taken whose time is more than a day ahead of this machine's clock.
    public var allowsFuture: Bool
    /// Whether versions are taken that a compaction dropped here.
    public var takesAll: Bool

    /// A merge of that kind.
    public init(
        isTrial: Bool = false, isCopy: Bool = false, takesKeys: Bool = false, allowsFuture: Bool = false,
        takesAll: Bool = false
    ) {
        (self.isTrial, self.isCopy) = (isTrial, isCopy)
        (self.takesKeys, self.allowsFuture, self.takesAll) = (takesKeys, allowsFuture, takesAll)
    }
}

/// What became of a ``Job``.
public enum JobReport: Equatable, Sendable {
    /// Of a check, a verification, and what is trusted now.
    case verified(Verification)
    /// Of a compaction.
    case compacted(Compaction.Report)
    /// Of a salvage.
    case salvaged(Salvage.Report)
    /// Of a comparison.
    case compared(Comparison)
    /// Of a merge.
    case merged(Merge.Report)
    /// Of what is trusted now, and whether it was refused before.
    case accepted(Verification, wasRefused: Bool)
    /// Of a purge.
    case purged(removed: UInt64, Compaction.Report)
}

/// What a full verification says of a file.
public struct Verification: Equatable, Sendable {
    /// The point that it has reached.
    public let point: CommitPoint
    /// What this machine would remember of it.
    public let checkpoint: Checkpoint
    /// When it was changed last, in milliseconds since 1970; 0 if it has no version.
    public let newest: UInt64
    /// How many secrets exist, and in how many versions, deletions too.
    public let secrets, versions: UInt64
    /// How many versions are in no history because they were purged elsewhere, and are in the file still.
    public let hidden: UInt64
    /// Whether it contains what this machine saw last at another path; nil if that was not asked, or nothing was seen there.
    public internal(set) var containsLastSeen: Bool?
    /// What is not as it should be.
    public let findings: [Log.Finding]

    /// What was told elsewhere.
    public init(
        point: CommitPoint, checkpoint: Checkpoint, newest: UInt64, secrets: UInt64, versions: UInt64,
        hidden: UInt64, containsLastSeen: Bool?, findings: [Log.Finding]
    ) {
        self.point = point
        self.checkpoint = checkpoint
        self.newest = newest
        self.secrets = secrets
        self.versions = versions
        self.hidden = hidden
        self.containsLastSeen = containsLastSeen
        self.findings = findings
    }

    init(_ log: Log) throws(VaultFileError) {
        var secrets: UInt64 = 0
        log.forEachCurrent { _ in secrets += 1 }
        var newest: UInt64 = 0
        log.histories.forEachNewest { version, _ in newest = max(newest, version.time) }
        self.init(
            point: log.present, checkpoint: try log.presentCheckpoint(), newest: newest, secrets: secrets,
            versions: UInt64(log.versionCount), hidden: UInt64(log.hiddenCount), containsLastSeen: nil,
            findings: try log.check())
    }

    /// Where the first defect is; a tail that a killed writer left is none.
    var defect: UInt64? { findings.lazy.compactMap(\.damage).first }
}

/// Somebody who has a vault's key and does a ``Job`` with it.
public protocol JobRunner: AnyObject {
    /// Does it.
    ///
    /// - Throws: ``VaultError/file(_:)``, with `VaultFileError.keysChanged` if the key is not the file's. Unless it
    ///   is `VaultFileError.outcomeUnknown`, nothing was changed then.
    func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport

    /// What a person should be told that was noticed since the last call.
    func takeNotices() -> [Notice]

    /// The versions of a secret of the vault at `path`, new to old, deletions too; empty if it never existed.
    ///
    /// - Throws: as ``perform(_:progress:)``.
    func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion]
}

extension Job {
    /// Does the work with the vault's master key.
    ///
    /// - Parameters:
    ///   - master: the key.
    ///   - otherKey: the key of the other file, if it is another one.
    ///   - dependencies: with the marks of this machine.
    ///   - progress: is told how far the work is.
    public func run(
        master: borrowing Key, otherKey: SharedKey? = nil, dependencies: Dependencies,
        progress: ProgressHandler
    ) throws(VaultFileError) -> JobReport {
        let unmarked = dependencies.withoutMemory
        switch self {
        case .check(let path):
            return .verified(try Verification(try Job.open(path, master, dependencies)))
        case .verify(let path, let other):
            let log = try Job.open(path, master, unmarked)
            var verification = try Verification(log)
            if let other {
                // Also where no file lies at the moment.
                let seen = (try? dependencies.checkpoints?.sightings(of: other, at: other)) ?? []
                if !seen.isEmpty { verification.containsLastSeen = true }
                for seen in seen where try log.refusal(of: seen) != nil {
                    verification.containsLastSeen = false
                }
            }
            return .verified(verification)
        case .compact(let path, let retention):
            return .compacted(
                try Compaction.run(
                    path: path, master: master, keeping: retention, dependencies: dependencies,
                    progress: progress))
        case .salvage(let path, let target):
            return .salvaged(
                try Salvage.run(
                    from: path, to: target, master: master, dependencies: unmarked, progress: progress))
        case .accept(let path, let shown):
            let log = try Job.open(path, master, unmarked)
            let wasRefused =
                if let store = dependencies.checkpoints { try log.accept(shown, in: store) } else { true }
            return .accepted(try Verification(log), wasRefused: wasRefused)
        case .purge(let path, let secret, let purge, let shown):
            guard let packed = try? secret.packed(), let address = Address(packed: packed.span) else {
                throw .noSuchVersion
            }
            let (removed, rewrite) = try Compaction.purge(
                purge, of: address, ifStill: shown, path: path, master: master, dependencies: dependencies,
                progress: progress)
            return .purged(removed: removed, rewrite)
        case .compare(let path, let other):
            let there = try Job.open(other, otherKey, or: master, unmarked)
            return .compared(try Comparison(try Job.open(path, master, unmarked), there))
        case .listContents(let path):
            return .compared(Comparison(everythingIn: try Job.open(path, master, unmarked)))
        case .merge(let path, let other, let options):
            let there = try Job.open(other, otherKey, or: master, unmarked)
            // Before anything is written: what fails afterwards would say that nothing was.
            let hasOtherKeys = try !there.header.isAuthentic(master: master)
            var marked = dependencies
            if options.isCopy {
                marked.namedPath = nil
                // A copy has no past here, unless this machine saw one at that path.
                if ((try? Log.seen(at: path, marked)) ?? []).isEmpty { marked = unmarked }
            }
            var report = try Job.merge(into: path, marked, from: there, options, master)
            report.hasOtherKeys = hasOtherKeys
            return .merged(report)
        }
    }

    /// Merges a copy into a file, also into one that is refused for what the copy brings.
    private static func merge(
        into path: String, _ dependencies: Dependencies, from there: Log, _ options: MergeOptions,
        _ master: borrowing Key
    ) throws(VaultFileError) -> Merge.Report {
        let access: StorageAccess = options.isTrial ? .reading : .writing
        let refusal: Rollback
        do throws(VaultFileError) {
            let here = try Log(
                path: path, access: access, dependencies: dependencies, master: try master.copy())
            return try Merge.run(into: here, from: there, options, now: dependencies.now())
        } catch .rolledBack(let rollback) {
            refusal = rollback
        } catch {
            throw error
        }
        let here = try Log(
            path: path, access: access, dependencies: dependencies.withoutMemory, master: try master.copy())
        let seen = try Log.seen(at: path, dependencies)
        guard !seen.isEmpty, try Merge.mends(here, with: there, options, seen, now: dependencies.now()) else {
            throw .rolledBack(refusal)
        }
        let report = try Merge.run(into: here, from: there, options, now: dependencies.now())
        // What is there by now proves itself, and is remembered.
        if !options.isTrial { _ = try open(path, master, dependencies) }
        return report
    }

    private static func open(
        _ path: String, _ key: SharedKey?, or master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultFileError) -> Log {
        if let key {
            do throws(VaultFileError) {
                return try open(path, key.key, dependencies)
            } catch .keysChanged {
                // That was the key of what lay there before.
            } catch {
                throw error
            }
        }
        return try open(path, master, dependencies)
    }

    /// The versions of a secret of the vault at `path`, whose master key is `master`, new to old.
    ///
    /// - Throws: as ``JobRunner/history(of:in:)``.
    package static func history(
        of secret: SecretID, in path: String, master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultError) -> [SecretVersion] {
        let address = try secret.address()
        do throws(VaultFileError) {
            return try open(path, master, dependencies).versions(address).map(SecretVersion.init)
        } catch {
            throw .file(error)
        }
    }

    private static func open(
        _ path: String, _ master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultFileError) -> Log {
        try Log(path: path, access: .reading, dependencies: dependencies, master: try master.copy())
    }
}

extension JobRunner {
    /// Nothing: what an agent notices of a vault that it keeps unlocked, it tells those who use that.
    public func takeNotices() -> [Notice] { [] }

    /// Verifies every byte of the vault at `path`, or of a copy that has no past here.
    public func verify(
        _ path: String, isCopy: Bool = false, seenAt other: String? = nil,
        progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Verification {
        let report = try perform(isCopy ? .verify(path, seenAt: other) : .check(path), progress: progress)
        guard case .verified(let verification) = report else { throw .agentLost(outcomeUnknown: false) }
        return verification
    }

    /// Rewrites the vault at `path`.
    public func compact(
        _ path: String, keeping retention: Retention, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Compaction.Report {
        let report = try perform(.compact(path, retention), progress: progress)
        guard case .compacted(let compaction) = report else { throw .agentLost(outcomeUnknown: true) }
        return compaction
    }

    /// Writes what verifies of the file at `path` to a new vault.
    public func salvage(
        from path: String, to target: String, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Salvage.Report {
        let report = try perform(.salvage(from: path, to: target), progress: progress)
        guard case .salvaged(let salvage) = report else { throw .agentLost(outcomeUnknown: true) }
        return salvage
    }

    /// Tells where the vault at `path` and another file differ.
    public func compare(_ path: String, with other: String) throws(VaultError) -> Comparison {
        guard case .compared(let comparison) = try perform(.compare(path, with: other), progress: .unwatched)
        else { throw .agentLost(outcomeUnknown: false) }
        return comparison
    }

    /// Tells all the secrets of a copy, as they differ from a vault that has none.
    public func listContents(_ path: String) throws(VaultError) -> Comparison {
        guard case .compared(let comparison) = try perform(.listContents(path), progress: .unwatched) else {
            throw .agentLost(outcomeUnknown: false)
        }
        return comparison
    }

    /// Merges another file into the vault at `path`.
    public func merge(
        into path: String, from other: String, _ options: MergeOptions
    ) throws(VaultError) -> Merge.Report {
        let report = try perform(.merge(into: path, from: other, options), progress: .unwatched)
        guard case .merged(let merge) = report else { throw .agentLost(outcomeUnknown: true) }
        return merge
    }

    /// Takes the file at `path` for what was seen last there.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - shown: what a person was shown, if that is to be it still.
    /// - Returns: whether it was refused before.
    @discardableResult
    public func accept(_ path: String, shown: Checkpoint? = nil) throws(VaultError) -> Bool {
        guard
            case .accepted(_, let wasRefused) = try perform(.accept(path, shown: shown), progress: .unwatched)
        else { throw .agentLost(outcomeUnknown: true) }
        return wasRefused
    }

    /// Removes versions of a secret for good from the vault at `path`.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - secret: whose versions are removed.
    ///   - purge: which of them.
    ///   - shown: what a person was shown before, if that is to be the history still.
    ///   - progress: is told how far the work is.
    /// - Returns: how many, and what the rewrite did.
    /// - Throws: as ``perform(_:progress:)``, with `VaultFileError.noSuchVersion` if there is none to remove.
    public func purge(
        _ path: String, _ secret: SecretID, _ purge: Compaction.Purge,
        ifStill shown: Compaction.ShownHistory? = nil, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> (removed: UInt64, rewrite: Compaction.Report) {
        guard
            case .purged(let removed, let rewrite) = try perform(
                .purge(path, secret, purge, shown: shown), progress: progress)
        else { throw .agentLost(outcomeUnknown: true) }
        return (removed, rewrite)
    }
}
