internal import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// A vault's master key in this process.
public final class KeyHolder: Worker {
    private let shared: SharedKey
    /// The key of the other file of a job, if it is another one.
    private let otherKey: SharedKey?
    private(set) var surroundings: Surroundings

    private init(_ master: consuming Key, of path: String, _ surroundings: Surroundings) {
        shared = SharedKey(master)
        otherKey = nil
        self.surroundings = surroundings
        self.surroundings.namedPath = try? Path.lexical(path)
        self.surroundings.observations = ObservationList()
    }

    private init(_ holder: KeyHolder, _ otherKey: SharedKey) {
        (shared, surroundings, self.otherKey) = (holder.shared, holder.surroundings, otherKey)
    }

    /// Somebody who opens the other file of a job with the key of `other`.
    public func with(_ other: KeyHolder) -> KeyHolder { KeyHolder(self, other.shared) }

    /// Lends the master key.
    public func withMasterKey<R: ~Copyable, E>(_ body: (borrowing Key) throws(E) -> R) throws(E) -> R {
        try body(shared.key)
    }

    /// Derives the key of the vault at `path`, or finds it with the recovery key.
    ///
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/derivationBusy``.
    public static func open(
        _ path: String, with credential: borrowing Credential, surroundings: Surroundings = .thisMachine
    ) throws(VaultError) -> KeyHolder {
        guard let turn = DerivationTurn() else { throw .derivationBusy }
        defer { turn.end() }
        do throws(VaultFileError) {
            let header = try Log.readHeader(path: path, surroundings: surroundings)
            return KeyHolder(try header.unlock(with: credential), of: path, surroundings)
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
    ///   - surroundings: the disk, the clock and the marks.
    /// - Throws: ``VaultError/file(_:)``, ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``.
    public static func open(
        _ path: String, passphrase: Span<UInt8>, isDamaged: Bool = false,
        surroundings: Surroundings = .thisMachine
    ) throws(VaultError) -> KeyHolder {
        guard Format.passphraseCounts.contains(passphrase.count) else { throw .invalidPassphrase }
        guard let turn = DerivationTurn() else { throw .derivationBusy }
        defer { turn.end() }
        do throws(VaultFileError) {
            guard isDamaged else {
                let header = try Log.readHeader(path: path, surroundings: surroundings)
                return KeyHolder(try header.unlock(passphrase: passphrase), of: path, surroundings)
            }
            let headers = try Salvage.headers(of: path, surroundings: surroundings)
            for header in headers.dropLast() {
                if let key = try? header.unlock(passphrase: passphrase) {
                    return KeyHolder(key, of: path, surroundings)
                }
            }
            return KeyHolder(
                try headers[headers.count - 1].unlock(passphrase: passphrase), of: path, surroundings)
        } catch {
            throw .file(error)
        }
    }

    /// What a person should be told that was noticed since the last call, but for a memory that there is none of.
    public func takeNotices() -> [Notice] {
        (surroundings.observations?.take() ?? []).filter { $0 != .nowhereToRemember }.map { Notice($0) }
    }

    /// Does a job with the key.
    public func perform(_ job: Job, progress: Progress) throws(VaultError) -> JobReport {
        do throws(VaultFileError) {
            return try job.run(
                master: shared.key, otherKey: otherKey, surroundings: surroundings, progress: progress)
        } catch {
            throw .file(error)
        }
    }

    /// Looks the versions of a secret up with the key.
    public func history(of secret: Secret, in path: String) throws(VaultError) -> [SecretVersion] {
        try Job.history(of: secret, in: path, master: shared.key, surroundings)
    }
}
