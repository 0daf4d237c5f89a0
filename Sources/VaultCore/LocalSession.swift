public import Compaction
public import Platform
public import Sodium
public import VaultFile

/// A vault that this process opened itself, with a passphrase or a master key.
///
/// The keys are in guarded memory until the object is deallocated. Use it from one thread at a time; any
/// number of processes may have the same file open.
public final class LocalSession: Session {
    private let log: Log
    private var notices: [Notice] = []
    private var hasReportedCheckpointFailure = false
    private var reportedObservations = 0

    private init(_ log: Log) {
        self.log = log
        if let tail = log.unfinishedTail { notices.append(.unfinishedTail(count: tail.count)) }
    }

    /// Opens the vault file at `path` and verifies every byte of its content.
    ///
    /// - Parameters:
    ///   - path: the vault file.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - access: `.reading` suffices for a file that may not be written.
    ///   - dependencies: the disk, the clock and the checkpoints.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``.
    ///   The file is not changed.
    public static func open(
        at path: String, passphrase: Span<UInt8>, access: StorageAccess = .writing,
        dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalSession {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        let header = try wrapping(Log.readHeader(path: path, dependencies: dependencies))
        let lock = try KDFLock()
        let master: Key
        do {
            // Other processes need not wait until the file is verified.
            defer { lock.release() }
            master = try wrapping(header.unlock(passphrase: passphrase))
        }
        return try open(at: path, masterKey: master, access: access, dependencies: dependencies)
    }

    /// Opens the vault file at `path` with its master key and verifies every byte of its content.
    ///
    /// - Throws: ``VaultError/file(_:)``, with `VaultFileError.keysChanged` if the key is not the vault's.
    public static func open(
        at path: String, masterKey: consuming Key, access: StorageAccess = .writing,
        dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalSession {
        do throws(VaultFileError) {
            return LocalSession(
                try Log(path: path, access: access, dependencies: dependencies, master: masterKey))
        } catch {
            throw .file(error)
        }
    }

    /// Derives the master key of the vault at `path` and calls `body` with it, for an agent that keeps the vault
    /// unlocked.
    ///
    /// One process of a user does this at a time, including `body`. A process that had to wait can therefore
    /// see the effect of the previous one, and need not repeat the derivation.
    ///
    /// - Parameters:
    ///   - path: the vault file.
    ///   - credential: a passphrase of 1 to 1,024 bytes, or the recovery key.
    ///   - isNeeded: called once the wait is over; if it returns false, nothing is derived or lent.
    ///   - body: receives the key.
    /// - Returns: true if the key was derived and lent.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/derivationBusy``.
    public static func lendMasterKey(
        at path: String, with credential: borrowing Credential, ifStill isNeeded: () -> Bool,
        to body: (borrowing Key) -> Void
    ) throws(VaultError) -> Bool {
        let lock = try KDFLock()
        defer { lock.release() }
        guard isNeeded() else { return false }
        let header = try wrapping(Log.readHeader(path: path, dependencies: Dependencies()))
        body(try wrapping(header.unlock(with: credential)))
        return true
    }

    /// Creates a vault file, mode 0600, and its directory if that is missing.
    ///
    /// An existing file is never touched.
    ///
    /// - Parameters:
    ///   - path: where the file will be.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - parameters: the cost of one guess at the passphrase; nil measures this machine and never goes
    ///     below 3 passes over 256 MiB.
    ///   - dependencies: the disk, the clock and the checkpoints.
    ///   - showRecoveryKey: if given, the vault gets a recovery key, which is lent once the file is durable.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``; no
    ///   file is left then.
    public static func create(
        at path: String, passphrase: Span<UInt8>, parameters: Argon2id.Parameters? = nil,
        dependencies: Dependencies = .live, showRecoveryKey: ((borrowing RecoveryKey) -> Void)? = nil
    ) throws(VaultError) -> LocalSession {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        if isOccupied(path, dependencies: dependencies) { throw .file(.alreadyExists) }
        let lock = try KDFLock()
        defer { lock.release() }
        let chosen = if let parameters { parameters } else { try calibratedParameters() }
        return LocalSession(
            try wrapping(
                Log.create(
                    path: path, passphrase: passphrase, parameters: chosen, dependencies: dependencies,
                    showRecoveryKey: showRecoveryKey)))
    }

    /// True if anything is at `path`, vault or not, so that no vault can be created there.
    public static func isOccupied(_ path: String, dependencies: Dependencies = .live) -> Bool {
        (try? dependencies.storage.identity(of: path)) != nil
    }

    static func calibratedParameters() throws(VaultError) -> Argon2id.Parameters {
        try wrapping(
            guarding(
                Argon2id.calibrate(
                    availableMemory: Memory.available(), clock: SystemClock.monotonicNanoseconds)))
    }

    /// Takes in what other processes wrote since.
    ///
    /// - Throws: ``VaultError/file(_:)``.
    public func refresh() throws(VaultError) { try wrapping(log.refresh()) }

    /// Returns what the user should be told that happened since the last call.
    public func takeNotices() -> [Notice] {
        if let failure = log.checkpointFailure, !hasReportedCheckpointFailure {
            hasReportedCheckpointFailure = true
            notices.append(.nothingRemembered(failure))
        }
        notices += log.observations.suffix(from: reportedObservations).map { Notice($0) }
        reportedObservations = log.observations.count
        defer { notices = [] }
        return notices
    }

    /// The reason why no checkpoint of the vault is kept at this moment; nil if one is.
    package var checkpointProblem: Notice? {
        if let failure = log.checkpointFailure { return .nothingRemembered(failure) }
        return log.dependencies.hasNowhereToRemember ? .nowhereToRemember : nil
    }

    /// Verifies the file against the checkpoint of another path that now leads to it.
    ///
    /// - Throws: ``VaultError/file(_:)``, with `VaultFileError.rolledBack` if they do not agree.
    package func follow(_ lexicalPath: String) throws(VaultError) { try wrapping(log.follow(lexicalPath)) }

    /// The header of the file.
    public var header: Header { log.header }

    /// The identity of the open file; nil if the system refuses it.
    package var fileIdentity: FileIdentity? { try? log.openFile.identity() }

    /// Runs a full check, and returns what it finds beyond what opening verifies; empty if all is well.
    ///
    /// - Throws: ``VaultError/file(_:)``.
    public func check() throws(VaultError) -> [Log.Finding] { try wrapping(log.check()) }

    /// Rewrites the file without older versions; this session continues with the new file.
    ///
    /// All of the old file is verified meanwhile, and the new one before it takes its place.
    ///
    /// - Parameters:
    ///   - retention: which older versions are kept.
    ///   - progress: is told how far the work is.
    /// - Throws: ``VaultError/file(_:)``. Unless that is `VaultFileError.outcomeUnknown`, nothing was changed
    ///   then.
    public func compact(
        keeping retention: Retention, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Compaction.Report {
        try wrapping(log.becomeWritable())
        try wrapping(log.refresh())
        return try wrapping(Compaction.run(log, keeping: retention, progress: progress))
    }

    /// True if the caller refreshes the session before it reads values; one read of the file may then serve
    /// several.
    package var isRefreshedByCaller: Bool {
        get { log.isRefreshedByCaller }
        set { log.isRefreshedByCaller = newValue }
    }

    /// The last state of the vault that this session saw, which counts where this machine keeps no
    /// checkpoint.
    package var ownMemory: LastSeen? {
        get throws(VaultError) { try wrapping(log.ownMemory) }
    }

    /// Returns a copy of the master key, for a job on the whole file.
    package func masterKey() throws(VaultError) -> Key { try wrapping(log.copyOfMasterKey()) }

    /// Returns every secret that exists, sorted bytewise by scope, id and name.
    public func secrets() -> [SecretID] { secrets(with: .value) }

    /// Returns every secret of which a part exists, sorted bytewise by scope, id and name.
    public func secrets(with part: Part) -> [SecretID] {
        var secrets: [SecretID] = []
        forEachPacked(with: part) { packed in
            if let secret = SecretID(packed: packed) { secrets.append(secret) }
        }
        return secrets
    }

    /// Calls `body` with every secret of which a part exists in its packed form (``SecretID/packed(_:)``), sorted bytewise by scope,
    /// id and name.
    package func forEachPacked<E>(with part: Part, _ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        var bytes: [UInt8] = []
        var places: [Range<Int>] = []
        log.forEachCurrent(part == .value ? .value : .metadata) { packed in
            let start = bytes.count
            bytes.append(copying: packed)
            bytes[start] &= ~Address.metadataBit
            places.append(start..<bytes.count)
        }
        places.sort { SecretID.isListedBefore(bytes.span.extracting($0), bytes.span.extracting($1)) }
        for place in places { try body(bytes.span.extracting(place)) }
    }

    /// Returns true if a secret exists.
    public func contains(_ secret: SecretID) throws(VaultError) -> Bool { contains(try secret.address()) }

    package func contains(_ address: Address) -> Bool { log.current(address) != nil }

    /// Returns the versions of a part of a secret, newest first, deletions included; empty if it never existed.
    public func history(of secret: SecretID, _ part: Part) throws(VaultError) -> [SecretVersion] {
        history(at: try secret.address(of: part))
    }

    package func history(at address: Address) -> [SecretVersion] {
        log.versions(address).map(SecretVersion.init)
    }

    /// Lists the newest version of every secret, deletions included, as differences from an empty vault.
    public func listContents() -> Comparison { Comparison(everythingIn: log) }

    /// Calls `body` with the value of a version, which is wiped afterwards: 0 is the newest, 1 the one before.
    ///
    /// - Throws: as ``value(of:version:)``.
    public func withValue<R: ~Copyable>(
        of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> R
    ) throws(VaultError) -> R {
        try withContent(at: try secret.address(), version: version, body)
    }

    /// Calls `body` with the value of a version, or with the metadata if `address` is that of metadata.
    ///
    /// - Throws: as ``value(of:version:)``.
    package func withContent<R: ~Copyable>(
        at address: Address, version number: Int, _ body: (Span<UInt8>) -> R
    ) throws(VaultError) -> R {
        let version = try find(address, number)
        var result: R?
        try wrapping(log.withValue(of: version, at: address) { result = body($0) })
        guard let result = result.take() else { preconditionFailure("a value that was read was not lent") }
        return result
    }

    private func find(_ address: Address, _ version: Int) throws(VaultError) -> Version {
        if version == 0, let current = log.current(address) { return current }
        let versions = log.versions(address)
        guard let newest = versions.first, version != 0 || newest.kind != .tombstone else {
            throw .noSuchSecret
        }
        guard versions.indices.contains(version), versions[version].kind != .tombstone else {
            throw .noSuchVersion
        }
        return versions[version]
    }

    /// Returns the metadata of several secrets, in their order; nil for those that have none, or none that can be read.
    public func metadata(of secrets: [SecretID], version: Int) throws(VaultError) -> [Metadata?] {
        try secrets.map { secret throws(VaultError) in
            do throws(VaultError) {
                return try withContent(at: try secret.address(of: .metadata), version: version) {
                    Metadata(json: $0)
                }
            } catch .noSuchSecret, .noSuchVersion {
                return nil
            }
        }
    }

    /// Makes changes durable, all or none.
    public func commit(_ changes: borrowing Changes) throws(VaultError) {
        try wrapping(log.becomeWritable())
        if let saved = try wrapping(log.append(changes.transaction)) {
            notices.append(.savedTail(count: saved.count, path: saved.path))
        }
    }

    /// Makes several sets of changes durable with one write and one sync, each of them all or none.
    ///
    /// - Parameters:
    ///   - submissions: the sets. Afterwards each has an outcome, except those for which there was no room
    ///     beside the others.
    ///   - timeout: how long to wait for another writer, in milliseconds.
    /// - Throws: ``VaultError/file(_:)`` with `VaultFileError.busy` if the wait was too long, or with
    ///   `VaultFileError.keysChanged`; no set has an outcome then.
    public func commit(_ submissions: [Submission], timeout: UInt64) throws(VaultError) {
        var added: [Submission] = []
        do throws(VaultFileError) {
            try log.becomeWritable()
            let saved = try log.append(timeout: timeout) { batch throws(VaultFileError) in
                for submission in submissions {
                    do throws(VaultFileError) {
                        guard try batch.add(submission.changes.transaction) else { break }
                        added.append(submission)
                    } catch {
                        submission.outcome = .failure(.file(error))
                    }
                }
            }
            for submission in added { submission.outcome = .success(saved) }
        } catch .busy {
            throw .file(.busy)
        } catch .keysChanged {
            throw .file(.keysChanged)
        } catch {
            for submission in submissions where submission.outcome == nil {
                submission.outcome = .failure(.file(error))
            }
        }
    }

    /// The number of bytes that follow the last complete change and belong to none.
    public var unfinishedTail: UInt64? { log.unfinishedTail?.count }

    /// Returns statistics about the vault.
    public func summary() -> Summary {
        var count = 0
        log.forEachCurrent(.value) { _ in count += 1 }
        return Summary(
            generation: log.header.generation, secrets: count, versions: log.versionCount,
            committedBytes: log.committedEnd, liveBytes: log.liveBytes)
    }
}

extension Notice {
    init(_ observation: Log.Observation) {
        self =
            switch observation {
            case .nowhereToRemember: .nowhereToRemember
            case .checkpointTorn: .checkpointTorn
            case .compactionUndone: .compactionUndone
            case .newerElsewhere(let path, let time): .newerElsewhere(path: path, time: time)
            }
    }
}
