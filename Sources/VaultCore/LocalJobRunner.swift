internal import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// A job runner that has a vault's master key in this process.
public final class LocalJobRunner: JobRunner {
    private let shared: SharedKey
    /// The key of the job's other file, if it has another one.
    private let otherKey: SharedKey?
    private(set) var dependencies: Dependencies

    private init(_ master: consuming Key, of path: String, _ dependencies: Dependencies) {
        shared = SharedKey(master)
        otherKey = nil
        self.dependencies = dependencies
        self.dependencies.namedPath = try? Path.lexical(path)
        self.dependencies.observations = ObservationList()
    }

    private init(_ runner: LocalJobRunner, _ otherKey: SharedKey) {
        (shared, dependencies, self.otherKey) = (runner.shared, runner.dependencies, otherKey)
    }

    /// Returns a runner that opens a job's other file with the key of `other`.
    public func with(_ other: LocalJobRunner) -> LocalJobRunner { LocalJobRunner(self, other.shared) }

    /// Calls `body` with the master key.
    public func withMasterKey<R: ~Copyable, E>(_ body: (borrowing Key) throws(E) -> R) throws(E) -> R {
        try body(shared.key)
    }

    /// Derives the key of the vault at `path`, or unwraps it with the recovery key.
    ///
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/derivationBusy``.
    public static func open(
        _ path: String, with credential: borrowing Credential, dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalJobRunner {
        let lock = try KDFLock()
        defer { lock.release() }
        let header = try wrapping(Log.readHeader(path: path, dependencies: dependencies))
        return LocalJobRunner(try wrapping(header.unlock(with: credential)), of: path, dependencies)
    }

    /// Derives the key of the file at `path`.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - isDamaged: true to fall back to the header's copy where the header itself is damaged.
    ///   - dependencies: the disk, the clock and the checkpoints.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``.
    public static func open(
        _ path: String, passphrase: Span<UInt8>, isDamaged: Bool = false,
        dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalJobRunner {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        let lock = try KDFLock()
        defer { lock.release() }
        let headers =
            isDamaged
            ? try wrapping(Salvage.headers(of: path, dependencies: dependencies))
            : [try wrapping(Log.readHeader(path: path, dependencies: dependencies))]
        for header in headers.dropLast() {
            if let key = try? header.unlock(passphrase: passphrase) {
                return LocalJobRunner(key, of: path, dependencies)
            }
        }
        let key = try wrapping(headers[headers.count - 1].unlock(passphrase: passphrase))
        return LocalJobRunner(key, of: path, dependencies)
    }

    /// Returns what the user should be told that was noticed since the last call, except that there is no
    /// directory for checkpoints.
    public func takeNotices() -> [Notice] {
        (dependencies.observations?.take() ?? []).filter { $0 != .nowhereToRemember }.map { Notice($0) }
    }

    /// Runs a job with the key.
    public func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport {
        try wrapping(
            job.run(master: shared.key, otherKey: otherKey, dependencies: dependencies, progress: progress))
    }

    /// Returns the versions of a secret.
    public func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion] {
        try Job.history(of: secret, in: path, master: shared.key, dependencies)
    }
}
