public import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// A task on a vault's whole file, or on a copy of it, that needs the key and no session.
///
/// Paths of existing files have no symbolic links.
public enum Job: Equatable, Sendable {
    /// Verifies every byte of the vault at a path.
    case check(String)
    /// Verifies every byte of a file, whatever the checkpoint of its path says, and whether it contains what
    /// this machine saw last at another path, if one is given.
    case verify(String, seenAt: String? = nil)
    /// Rewrites the vault at a path.
    case compact(String, Retention)
    /// Copies everything that verifies in a damaged file to a new vault.
    case salvage(from: String, to: String)
    /// Makes the file at a path its new checkpoint, if it is still the one that the user was shown.
    case accept(String, shown: Checkpoint?)
    /// Removes versions of a secret permanently from the vault at a path, if its history is still the one
    /// that the user was shown.
    case purge(String, SecretID, Compaction.Purge, shown: Compaction.ShownHistory?)
    /// Lists the differences between the vault at a path and another file.
    case compare(String, with: String)
    /// Lists all the secrets of a copy, as differences from an empty vault.
    case listContents(String)
    /// Merges another file into the vault at a path.
    case merge(into: String, from: String, MergeOptions)

    /// The path of the other file, for jobs that may need a second key.
    public var other: String? {
        switch self {
        case .compare(_, let other), .merge(_, let other, _): other
        case .check, .verify, .compact, .salvage, .accept, .listContents, .purge: nil
        }
    }
}

/// The options of a merge.
public struct MergeOptions: Equatable, Sendable {
    /// True to report what would be merged and write nothing.
    public var isTrial: Bool
    /// True if the file that is merged into is a copy, which has no checkpoint of its own.
    public var isCopy: Bool
    /// True to take the other file's keys if they follow those of the vault.
    public var takesKeys: Bool
    /// True to take versions whose time is more than a day ahead of this machine's clock.
    public var allowsFuture: Bool
    /// True to take versions that a compaction dropped here.
    public var takesAll: Bool

    /// Creates options; by default, all are off.
    public init(
        isTrial: Bool = false, isCopy: Bool = false, takesKeys: Bool = false, allowsFuture: Bool = false,
        takesAll: Bool = false
    ) {
        (self.isTrial, self.isCopy) = (isTrial, isCopy)
        (self.takesKeys, self.allowsFuture, self.takesAll) = (takesKeys, allowsFuture, takesAll)
    }
}

/// The result of a ``Job``.
public enum JobReport: Equatable, Sendable {
    /// The result of `check` and `verify`.
    case verified(Verification)
    /// The result of `compact`.
    case compacted(Compaction.Report)
    /// The result of `salvage`.
    case salvaged(Salvage.Report)
    /// The result of `compare` and `listContents`.
    case compared(Comparison)
    /// The result of `merge`.
    case merged(Merge.Report)
    /// The result of `accept`: the file that is trusted now, and whether it was refused before.
    case accepted(Verification, wasRefused: Bool)
    /// The result of `purge`: the number of versions removed, and the report of the rewrite.
    case purged(removed: UInt64, Compaction.Report)
}

/// The result of a full verification of a file.
public struct Verification: Equatable, Sendable {
    /// The last commit of the file.
    public let point: CommitPoint
    /// The checkpoint that this machine would keep of it.
    public let checkpoint: Checkpoint
    /// The time of the newest version, in milliseconds since 1970; 0 if there is none.
    public let newest: UInt64
    /// The numbers of secrets and of versions, deletions included.
    public let secrets, versions: UInt64
    /// The number of versions that were purged elsewhere and are still in the file, but in no history.
    public let hidden: UInt64
    /// True if it contains what this machine saw last at another path; nil if that was not asked, or nothing
    /// was seen there.
    public internal(set) var containsLastSeen: Bool?
    /// The problems found; empty if all is well.
    public let findings: [Log.Finding]

    /// Creates a verification that was made elsewhere.
    public init(
        point: CommitPoint, checkpoint: Checkpoint, newest: UInt64, secrets: UInt64, versions: UInt64,
        hidden: UInt64, containsLastSeen: Bool?, findings: [Log.Finding]
    ) {
        (self.point, self.checkpoint, self.newest) = (point, checkpoint, newest)
        (self.secrets, self.versions, self.hidden) = (secrets, versions, hidden)
        (self.containsLastSeen, self.findings) = (containsLastSeen, findings)
    }

    init(_ log: Log) throws(VaultFileError) {
        var secrets: UInt64 = 0
        log.forEachCurrent(.value) { _ in secrets += 1 }
        var newest: UInt64 = 0
        log.histories.forEachNewest { version, _ in newest = max(newest, version.time) }
        self.init(
            point: log.present, checkpoint: try log.presentCheckpoint(), newest: newest, secrets: secrets,
            versions: UInt64(log.versionCount), hidden: UInt64(log.hiddenCount), containsLastSeen: nil,
            findings: try log.check())
    }

    /// The offset of the first damage; the tail that a killed writer left is not damage.
    var defect: UInt64? { findings.lazy.compactMap(\.damage).first }
}

/// An object that has a vault's key and runs ``Job``s with it.
public protocol JobRunner: AnyObject {
    /// Runs a job.
    ///
    /// - Throws: ``VaultError/file(_:)``, with `VaultFileError.keysChanged` if the key is not the file's.
    ///   Unless it is `VaultFileError.outcomeUnknown`, nothing was changed.
    func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport

    /// Returns what the user should be told that was noticed since the last call.
    func takeNotices() -> [Notice]

    /// Returns the versions of a secret of the vault at `path`, newest first, deletions included; empty if it
    /// never existed.
    ///
    /// - Throws: as ``perform(_:progress:)``.
    func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion]
}

extension Job {
    /// Runs the job with the vault's master key.
    ///
    /// - Parameters:
    ///   - master: the key.
    ///   - otherKey: the key of the other file, if it has another one.
    ///   - dependencies: the disk, the clock and the checkpoints.
    ///   - progress: is told how far the work is.
    public func run(
        master: borrowing Key, otherKey: SharedKey? = nil, dependencies: Dependencies,
        progress: ProgressHandler
    ) throws(VaultFileError) -> JobReport {
        let withoutCheckpoint = dependencies.withoutMemory
        switch self {
        case .check(let path):
            return .verified(try Verification(try Job.open(path, master, dependencies)))
        case .verify(let path, let other):
            let log = try Job.open(path, master, withoutCheckpoint)
            var verification = try Verification(log)
            if let other {
                // The other file itself may be missing at the moment.
                let seen = (try? dependencies.checkpoints?.checkpoints(of: other, at: other)) ?? []
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
                    from: path, to: target, master: master, dependencies: withoutCheckpoint,
                    progress: progress))
        case .accept(let path, let shown):
            let log = try Job.open(path, master, withoutCheckpoint)
            let wasRefused =
                if let store = dependencies.checkpoints { try log.accept(shown, in: store) } else { true }
            return .accepted(try Verification(log), wasRefused: wasRefused)
        case .purge(let path, let secret, let purge, let shown):
            guard let address = try? secret.address() else { throw .noSuchVersion }
            let (removed, rewrite) = try Compaction.purge(
                purge, of: address, ifStill: shown, path: path, master: master, dependencies: dependencies,
                progress: progress)
            return .purged(removed: removed, rewrite)
        case .compare(let path, let other):
            let there = try Job.open(other, otherKey, or: master, withoutCheckpoint)
            return .compared(try Comparison(try Job.open(path, master, withoutCheckpoint), there))
        case .listContents(let path):
            return .compared(Comparison(everythingIn: try Job.open(path, master, withoutCheckpoint)))
        case .merge(let path, let other, let options):
            let there = try Job.open(other, otherKey, or: master, withoutCheckpoint)
            // This may throw, so it comes before anything is written: an error means that nothing was.
            let hasOtherKeys = try !there.header.isAuthentic(master: master)
            var dependencies = dependencies
            if options.isCopy {
                dependencies.namedPath = nil
                // A copy has a checkpoint only if this machine saw a vault at that path.
                if ((try? Log.seen(at: path, dependencies)) ?? []).isEmpty {
                    dependencies = withoutCheckpoint
                }
            }
            var report = try Job.merge(into: path, dependencies, from: there, options, master)
            report.hasOtherKeys = hasOtherKeys
            return .merged(report)
        }
    }

    /// Merges a copy into a file, also into one that is refused as rolled back for lack of what the copy
    /// brings.
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
        }
        let here = try Log(
            path: path, access: access, dependencies: dependencies.withoutMemory, master: try master.copy())
        let seen = try Log.seen(at: path, dependencies)
        guard !seen.isEmpty, try Merge.mends(here, with: there, options, seen, now: dependencies.now()) else {
            throw .rolledBack(refusal)
        }
        let report = try Merge.run(into: here, from: there, options, now: dependencies.now())
        // The file now proves that it contains what was seen, and its checkpoint is saved.
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
                // The key was that of a file that has been replaced.
            }
        }
        return try open(path, master, dependencies)
    }

    /// Returns the versions of a secret of the vault at `path`, whose master key is `master`.
    ///
    /// - Throws: as ``JobRunner/history(of:in:)``.
    package static func history(
        of secret: SecretID, in path: String, master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultError) -> [SecretVersion] {
        let address = try secret.address()
        return try wrapping(open(path, master, dependencies)).versions(address).map(SecretVersion.init)
    }

    private static func open(
        _ path: String, _ master: borrowing Key, _ dependencies: Dependencies
    ) throws(VaultFileError) -> Log {
        try Log(path: path, access: .reading, dependencies: dependencies, master: try master.copy())
    }
}

extension JobRunner {
    /// Returns nothing: an agent passes its notices to the sessions of the vault.
    public func takeNotices() -> [Notice] { [] }

    /// Verifies every byte of the vault at `path`, or of a copy, which has no checkpoint.
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

    /// Copies everything that verifies in the file at `path` to a new vault.
    public func salvage(
        from path: String, to target: String, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Salvage.Report {
        let report = try perform(.salvage(from: path, to: target), progress: progress)
        guard case .salvaged(let salvage) = report else { throw .agentLost(outcomeUnknown: true) }
        return salvage
    }

    /// Lists the differences between the vault at `path` and another file.
    public func compare(_ path: String, with other: String) throws(VaultError) -> Comparison {
        guard case .compared(let comparison) = try perform(.compare(path, with: other), progress: .unwatched)
        else { throw .agentLost(outcomeUnknown: false) }
        return comparison
    }

    /// Lists all the secrets of a copy, as differences from an empty vault.
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

    /// Makes the file at `path` its new checkpoint.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - shown: the checkpoint that the user was shown, if the file must still agree with it.
    /// - Returns: true if the file was refused before.
    @discardableResult
    public func accept(_ path: String, shown: Checkpoint? = nil) throws(VaultError) -> Bool {
        guard
            case .accepted(_, let wasRefused) = try perform(.accept(path, shown: shown), progress: .unwatched)
        else { throw .agentLost(outcomeUnknown: true) }
        return wasRefused
    }

    /// Removes versions of a secret permanently from the vault at `path`.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - secret: the secret.
    ///   - purge: the versions to remove.
    ///   - shown: the history that the user was shown, if the secret must still have it.
    ///   - progress: is told how far the work is.
    /// - Returns: the number of versions removed, and the report of the rewrite.
    /// - Throws: as ``perform(_:progress:)``, with `VaultFileError.noSuchVersion` if there is nothing to
    ///   remove.
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
