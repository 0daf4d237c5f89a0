internal import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// A vault's master key in this process.
public final class LocalJobRunner: JobRunner {
    private let shared: SharedKey
    /// The key of the other file of a job, if it is another one.
    private let otherKey: SharedKey?
    private(set) var dependencies: Dependencies

    private init(_ master: consuming Key, of path: String, _ dependencies: Dependencies) {
        shared = SharedKey(master)
        otherKey = nil
        self.dependencies = dependencies
        self.dependencies.namedPath = try? Path.lexical(path)
        self.dependencies.observations = ObservationList()
    }

    private init(_ holder: LocalJobRunner, _ otherKey: SharedKey) {
        (shared, dependencies, self.otherKey) = (holder.shared, holder.dependencies, otherKey)
    }

    /// Somebody who opens the other file of a job with the key of `other`.
    public func with(_ other: LocalJobRunner) -> LocalJobRunner { LocalJobRunner(self, other.shared) }

    /// Lends the master key.
    public func withMasterKey<R: ~Copyable, E>(_ body: (borrowing Key) throws(E) -> R) throws(E) -> R {
        try body(shared.key)
    }

    /// Derives the key of the vault at `path`, or finds it with the recovery key.
    ///
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/derivationBusy``.
    public static func open(
        _ path: String, with credential: borrowing Credential, dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalJobRunner {
        guard let turn = KDFLock() else { throw .derivationBusy }
        defer { turn.end() }
        do throws(VaultFileError) {
            let header = try Log.readHeader(path: path, dependencies: dependencies)
            return LocalJobRunner(try header.unlock(with: credential), of: path, dependencies)
        } catch {
            throw .file(error)
        }
    }

    /// Derives the key of the file at `path`.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - isDamaged: whether the header's copy may serve where the header itself is damaged.
    ///   - dependencies: the disk, the clock and the marks.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``.
    public static func open(
        _ path: String, passphrase: Span<UInt8>, isDamaged: Bool = false,
        dependencies: Dependencies = .live
    ) throws(VaultError) -> LocalJobRunner {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        guard let turn = KDFLock() else { throw .derivationBusy }
        defer { turn.end() }
        do throws(VaultFileError) {
            guard isDamaged else {
                let header = try Log.readHeader(path: path, dependencies: dependencies)
                return LocalJobRunner(try header.unlock(passphrase: passphrase), of: path, dependencies)
            }
            let headers = try Salvage.headers(of: path, dependencies: dependencies)
            for header in headers.dropLast() {
                if let key = try? header.unlock(passphrase: passphrase) {
                    return LocalJobRunner(key, of: path, dependencies)
                }
            }
            return LocalJobRunner(
                try headers[headers.count - 1].unlock(passphrase: passphrase), of: path, dependencies)
        } catch {
            throw .file(error)
        }
    }

    /// What a person should be told that was noticed since the last call, but for a memory that there is none of.
    public func takeNotices() -> [Notice] {
        (dependencies.observations?.take() ?? []).filter { $0 != .nowhereToRemember }.map { Notice($0) }
    }

    /// Does a job with the key.
    public func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport {
        do throws(VaultFileError) {
            return try job.run(
                master: shared.key, otherKey: otherKey, dependencies: dependencies, progress: progress)
        } catch {
            throw .file(error)
        }
    }

    /// Looks the versions of a secret up with the key.
    public func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion] {
        try Job.history(of: secret, in: path, master: shared.key, dependencies)
    }
}
