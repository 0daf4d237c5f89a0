public import Compaction
package import Platform
public import Sodium
public import VaultFile

/// A vault that this process opened itself, with a passphrase.
///
/// The keys are in guarded memory until the object goes away. Use it from one thread at a time; any number of
/// processes may have the same file open.
public final class LocalSession: Session {
    private let log: Log
    private var notices: [Notice] = []
    private var isMarkFailureTold = false
    private var toldObservations = 0

    private init(_ log: Log) {
        self.log = log
        noteTail()
    }

    /// Opens the vault file at `path` and verifies every byte of its content.
    ///
    /// - Parameters:
    ///   - path: the vault file.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - access: `.reading` suffices for a file that may not be written.
    ///   - dependencies: the disk, the clock and the marks.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``.
    ///   The file is not changed.
    public static func open(
        at path: String, passphrase: Span<UInt8>, access: Access = .writing,
        dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalSession {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        // What can be said without the passphrase is said before another process is waited for.
        _ = try reading { () throws(VaultFileError) in
            try Log.readHeader(path: path, dependencies: dependencies)
        }
        var busy = false
        do throws(VaultFileError) {
            return LocalSession(
                try Log(path: path, access: access.storageAccess, dependencies: dependencies) {
                    header throws(VaultFileError) in
                    guard let turn = KDFLock() else {
                        busy = true
                        throw .busy
                    }
                    defer { turn.end() }
                    return try header.unlock(passphrase: passphrase)
                })
        } catch {
            throw busy ? .derivationBusy : .file(error)
        }
    }

    /// Opens the vault file at `path` with its master key and verifies every byte of its content.
    ///
    /// - Throws: ``VaultError/file(_:)``, with `VaultFileError.keysChanged` if the key is not the vault's.
    public static func open(
        at path: String, masterKey: consuming Key, access: Access = .writing,
        dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalSession {
        do throws(VaultFileError) {
            return LocalSession(
                try Log(
                    path: path, access: access.storageAccess, dependencies: dependencies, master: masterKey))
        } catch {
            throw .file(error)
        }
    }

    /// Derives the master key of the vault at `path` and lends it, for an agent that keeps the vault unlocked.
    ///
    /// One process of a user does this at a time, `body` included; so whoever waited can see what the one
    /// before has done, and need not do it again.
    ///
    /// - Parameters:
    ///   - path: the vault file.
    ///   - credential: a passphrase of 1 to 1,024 bytes, or the recovery key.
    ///   - isNeeded: asked when it is this process's turn; if not, nothing is derived or lent.
    ///   - body: is lent the key.
    /// - Returns: whether it was needed.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/derivationBusy``.
    public static func lendMasterKey(
        at path: String, with credential: borrowing Credential, ifStill isNeeded: () -> Bool,
        to body: (borrowing Key) -> Void
    ) throws(VaultError) -> Bool {
        guard let turn = KDFLock() else { throw .derivationBusy }
        defer { turn.end() }
        guard isNeeded() else { return false }
        let key = try reading { () throws(VaultFileError) in
            try Log.readHeader(path: path, dependencies: Dependencies()).unlock(with: credential)
        }
        body(key)
        return true
    }

    /// Makes a new vault file, mode 0600, and its directory if that is missing.
    ///
    /// An existing file is never touched.
    ///
    /// - Parameters:
    ///   - path: where the file will be.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - parameters: what one guess at the passphrase shall cost; nil measures this machine and never goes
    ///     below 3 passes over 256 MiB.
    ///   - dependencies: the disk, the clock and the marks.
    ///   - showRecoveryKey: if the vault shall have a recovery key, is lent that once the file is durable.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``; no
    ///   file is left then.
    public static func create(
        at path: String, passphrase: Span<UInt8>, parameters: Argon2id.Parameters? = nil,
        dependencies: Dependencies = .live, showRecoveryKey: ((borrowing RecoveryKey) -> Void)? = nil
    ) throws(VaultError) -> LocalSession {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        if isOccupied(path, dependencies: dependencies) { throw .file(.alreadyExists) }
        guard let turn = KDFLock() else { throw .derivationBusy }
        defer { turn.end() }
        let chosen = if let parameters { parameters } else { try calibrated() }
        do throws(VaultFileError) {
            return LocalSession(
                try Log.create(
                    path: path, passphrase: passphrase, parameters: chosen, dependencies: dependencies,
                    showRecoveryKey: showRecoveryKey))
        } catch {
            throw .file(error)
        }
    }

    /// Whether anything lies at `path`, vault or not, so that no new vault can be made there.
    public static func isOccupied(_ path: String, dependencies: Dependencies = .live) -> Bool {
        (try? dependencies.storage.identity(of: path)) != nil
    }

    static func calibrated() throws(VaultError) -> Argon2id.Parameters {
        do throws(SodiumError) {
            return try Argon2id.calibrate(
                availableMemory: Memory.available(), clock: SystemClock.monotonicNanoseconds)
        } catch {
            throw .file(.outOfMemory)
        }
    }

    /// What a vault is opened for.
    public enum Access: Sendable {
        /// Reading alone.
        case reading
        /// Reading and writing.
        case writing

        fileprivate var storageAccess: StorageAccess { self == .reading ? .reading : .writing }
    }

    /// Takes in what other processes wrote since.
    ///
    /// - Throws: ``VaultError/file(_:)``.
    public func refresh() throws(VaultError) {
        try reading { () throws(VaultFileError) in try log.refresh() }
    }

    /// What a person should be told that happened since the last call.
    public func takeNotices() -> [Notice] {
        if let failure = log.checkpointFailure, !isMarkFailureTold {
            isMarkFailureTold = true
            notices.append(.nothingRemembered(failure))
        }
        for observation in log.observations.suffix(from: toldObservations) {
            notices.append(Notice(observation))
        }
        toldObservations = log.observations.count
        defer { notices = [] }
        return notices
    }

    private func noteTail() {
        if let tail = log.unfinishedTail { notices.append(.unfinishedTail(count: tail.count)) }
    }

    /// Why nothing is remembered of the vault at this moment; nil if it is.
    package var checkpointProblem: Notice? {
        if let failure = log.checkpointFailure { return .nothingRemembered(failure) }
        return log.dependencies.hasNowhereToRemember ? .nowhereToRemember : nil
    }

    /// Makes sure that what this machine remembers of another path that leads here agrees with the file.
    ///
    /// - Throws: ``VaultError/file(_:)``, with `VaultFileError.rolledBack` if it does not.
    package func follow(_ lexicalPath: String) throws(VaultError) {
        try reading { () throws(VaultFileError) in try log.follow(lexicalPath) }
    }

    /// The header of the file.
    public var header: Header { log.header }

    /// Which file is open; nil if the system does not say.
    package var fileIdentity: FileIdentity? { try? log.openFile.identity() }

    /// What a full check finds beyond what every open verifies; empty if all is well.
    ///
    /// - Throws: ``VaultError/file(_:)``.
    public func check() throws(VaultError) -> [Log.Finding] {
        try reading { () throws(VaultFileError) in try log.check() }
    }

    /// Rewrites the file without what is no longer wanted; this vault goes on with the new one.
    ///
    /// All of the old file is verified meanwhile, and the new one before it takes its place.
    ///
    /// - Parameters:
    ///   - retention: which older versions are kept.
    ///   - progress: is told how far the work is.
    /// - Throws: ``VaultError/file(_:)``. Unless that is `VaultFileError.outcomeUnknown`, nothing was changed then.
    public func compact(
        keeping retention: Retention, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Compaction.Report {
        try reading { () throws(VaultFileError) in
            try log.becomeWritable()
            try log.refresh()
            return try Compaction.run(log, keeping: retention, progress: progress)
        }
    }

    /// Whether its user refreshes it before it reads values, so that several can be read from the file at a time.
    package var looksBeforeReading: Bool {
        get { log.looksBeforeReading }
        set { log.looksBeforeReading = newValue }
    }

    /// What was seen of the vault since it was opened, which counts where this machine remembers nothing.
    package var ownMemory: LastSeen? {
        get throws(VaultError) { try reading { () throws(VaultFileError) in try log.ownMemory } }
    }

    /// A copy of the master key, for a job on the whole file.
    package func masterKey() throws(VaultError) -> Key {
        try reading { () throws(VaultFileError) in try log.copyOfMasterKey() }
    }

    /// Every secret that exists, by scope, id and name, bytewise.
    public func secrets() -> [SecretID] {
        var secrets: [SecretID] = []
        forEachPacked { packed in
            if let secret = SecretID(packed: packed) { secrets.append(secret) }
        }
        return secrets
    }

    /// Lends every secret that exists in its packed form (``SecretID/packed()``), by scope, id and name, bytewise.
    package func forEachPacked<E>(_ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        var bytes: [UInt8] = []
        var places: [Range<Int>] = []
        log.forEachCurrent { packed in
            places.append(bytes.count..<bytes.count + packed.count)
            for index in packed.indices { bytes.append(packed[index]) }
        }
        places.sort { SecretID.isListedBefore(bytes.span.extracting($0), bytes.span.extracting($1)) }
        for place in places { try body(bytes.span.extracting(place)) }
    }

    /// Whether a secret exists.
    public func contains(_ secret: SecretID) throws(VaultError) -> Bool { contains(try secret.address()) }

    package func contains(_ address: Address) -> Bool { log.current(address) != nil }

    /// The versions of a secret, new to old, deletions too; empty if it never existed.
    public func history(of secret: SecretID) throws(VaultError) -> [SecretVersion] {
        log.versions(try secret.address()).map(SecretVersion.init)
    }

    /// Lends the value of a version, which is wiped afterwards: 0 is the newest, 1 the one before.
    ///
    /// - Throws: as ``value(of:version:)``.
    public func withValue(
        of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> Void
    ) throws(VaultError) {
        let (address, version) = try find(secret, version)
        try reading { () throws(VaultFileError) in try log.withValue(of: version, at: address, body) }
    }

    private func find(_ secret: SecretID, _ version: Int) throws(VaultError) -> (Address, Version) {
        let address = try secret.address()
        if version == 0, let current = log.current(address) { return (address, current) }
        let versions = log.versions(address)
        guard let newest = versions.first, version != 0 || newest.kind == .value else { throw .noSuchSecret }
        guard versions.indices.contains(version), versions[version].kind == .value else {
            throw .noSuchVersion
        }
        return (address, versions[version])
    }

    /// Makes changes durable, all or none.
    public func commit(_ changes: borrowing Changes) throws(VaultError) {
        do throws(VaultFileError) {
            note(try log.append(changes.transaction))
        } catch {
            throw .file(error)
        }
    }

    /// Makes several sets of changes durable with one write and one sync, each of them all or none.
    ///
    /// - Parameters:
    ///   - submissions: the sets, all of which have an outcome then, but those for which there was no room
    ///     beside the others.
    ///   - patience: how long to wait for another writer, in milliseconds.
    /// - Throws: ``VaultError/file(_:)`` with `VaultFileError.busy` if the wait was too long, or with
    ///   `VaultFileError.keysChanged`; nothing has an outcome then.
    public func commit(_ submissions: [Submission], patience: UInt64) throws(VaultError) {
        var added: [Submission] = []
        do throws(VaultFileError) {
            try log.becomeWritable()
            let saved = try log.append(patience: patience) { batch throws(VaultFileError) in
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

    private func note(_ saved: Log.SavedTail?) {
        if let saved { notices.append(.savedTail(count: saved.count, path: saved.path)) }
    }

    /// How many bytes follow the last complete change and belong to none.
    public var unfinishedTail: UInt64? { log.unfinishedTail?.count }

    /// Numbers about the vault.
    public func summary() -> Summary {
        var count = 0
        log.forEachCurrent { _ in count += 1 }
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
