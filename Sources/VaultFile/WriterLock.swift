package import Platform
internal import Sodium

/// The lock that serializes the writers of a vault's file: vault-format.md, section 15.
package struct WriterLock {
    private let file: any StorageFile
    /// The separate lock file, used if some users can read the vault, and so lock it, but not write it.
    private let beside: (any StorageFile)?

    /// How long to wait for the lock of the vault itself if there is a lock file, in milliseconds.
    private static let courtesy: UInt64 = 250

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - kind: exclusive for a writer.
    ///   - file: the open vault file.
    ///   - path: its path.
    ///   - storage: the disk.
    ///   - timeout: the timeout in milliseconds.
    ///   - cancellation: ends the wait.
    /// - Returns: nil if this process cannot take a shared lock, because it cannot write the file.
    /// - Throws: ``VaultFileError/busy``, ``VaultFileError/io(_:_:)``, ``VaultFileError/cancelled``.
    package static func take(
        _ kind: LockKind, of file: any StorageFile, at path: String, _ storage: any Storage, timeout: UInt64,
        _ cancellation: Cancellation? = nil
    ) throws(VaultFileError) -> WriterLock? {
        var waiting = Backoff(milliseconds: timeout)
        repeat {
            do throws(Errno) {
                if let lock = try tryOnce(kind, file, path, storage) { return lock }
            } catch .permissionDenied where kind == .shared {
                return nil
            } catch .readOnlyFileSystem where kind == .shared {
                return nil
            } catch .noSuchFile {
                throw .noFile
            } catch {
                throw .io(.lock, error)
            }
            try cancellation?.check()
        } while waiting.wait()
        throw .busy
    }

    /// - Returns: nil if another process has the lock.
    private static func tryOnce(
        _ kind: LockKind, _ file: any StorageFile, _ path: String, _ storage: any Storage
    ) throws(Errno) -> WriterLock? {
        let real = try storage.resolvingLinks(path)
        guard let beside = try lockFile(kind, file, real, storage) else {
            return try file.tryLock(kind) ? WriterLock(file: file, beside: nil) : nil
        }
        guard try beside.tryLock(kind) else { return nil }
        // If the lock file was removed, another process may have created and locked a new one.
        guard let there = try storage.lockFile(for: file, at: real, isMade: true),
            try there.identity() == beside.identity()
        else { return nil }
        // Older programs, and those that see the file in another directory, lock the file itself. So can a
        // reader who wants to block writers, so the wait is short and the lock is not required.
        var backoff = Backoff(milliseconds: courtesy)
        while (try? file.tryLock(kind)) == false, backoff.wait() {}
        return WriterLock(file: file, beside: beside)
    }

    /// Opens the file to lock instead of the vault; nil if the vault itself is to be locked.
    private static func lockFile(
        _ kind: LockKind, _ file: any StorageFile, _ path: String, _ storage: any Storage
    ) throws(Errno) -> (any StorageFile)? {
        if isTemporary(path) { return nil }
        if kind == .exclusive { return try storage.lockFile(for: file, at: path, isMade: true) }
        do throws(Errno) {
            return try storage.lockFile(for: file, at: path, isMade: false)
        } catch .noSuchFile {
            // A reader creates no lock file, unless the vault itself is locked.
            if try file.tryLock(kind) {
                file.unlock()
                return nil
            }
            return try storage.lockFile(for: file, at: path, isMade: true)
        }
    }

    /// Returns whether a path is that of a file that is not yet published, and so has only one writer.
    private static func isTemporary(_ path: String) -> Bool {
        let name = Path.name(of: path)
        return name.hasPrefix(".") && name.utf8.dropLast(16).last == UInt8(ascii: "-")
            && Entropy.isFileNameSuffix(name.utf8.suffix(16))
    }

    /// Releases the lock.
    package func release() {
        file.unlock()
        beside?.unlock()
    }
}
