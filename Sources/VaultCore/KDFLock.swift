internal import Platform

/// A lock that lets one process of a user derive a key at a time.
///
/// A derivation takes hundreds of mebibytes; two hundred scripts that start together must not take them all
/// at once.
struct KDFLock {
    private let file: (any StorageFile)?

    private static let maxWait: UInt64 = 60_000

    /// Takes the lock.
    ///
    /// Where no lock file can be created, nothing is locked.
    ///
    /// - Throws: ``VaultError/derivationBusy`` after a minute.
    init() throws(VaultError) {
        file = KDFLock.lockFile()
        guard let file else { return }
        var backoff = Backoff(milliseconds: KDFLock.maxWait)
        // A file system without locks does not stop the derivation.
        while (try? file.tryLock(.exclusive)) == false {
            guard backoff.wait() else { throw .derivationBusy }
        }
    }

    /// Releases the lock; a second call does nothing.
    func release() { file?.unlock() }

    private static func lockFile() -> (any StorageFile)? {
        guard let directory = Locations.runtimeDirectory, (try? PrivateDirectory.prepare(directory)) != nil
        else {
            return nil
        }
        return try? PrivateDirectory.openFile(Path.join(directory, "derivation.lock"))
    }
}
