package import Platform
internal import Sodium

/// The lock that keeps writers of a vault's file apart: vault-format.md, section 15.
package struct WriterLock {
    private let file: any StorageFile
    /// What is locked in place of the file where others can read that.
    private let beside: (any StorageFile)?

    /// How long a lock of the file itself is waited for where a reader can hold it to be in the way, in milliseconds.
    private static let courtesy: UInt64 = 250

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - kind: exclusive for a writer.
    ///   - file: the vault's, open.
    ///   - path: where it lies.
    ///   - storage: the disk.
    ///   - patience: how long to wait, in milliseconds.
    ///   - cancellation: ends the wait.
    /// - Returns: nil if this process may not have a shared lock, as it cannot write the file.
    /// - Throws: ``VaultFileError/busy``, ``VaultFileError/io(_:_:)``, ``VaultFileError/cancelled``.
    package static func take(
        _ kind: LockKind, of file: any StorageFile, at path: String, _ storage: any Storage, patience: UInt64,
        _ cancellation: Cancellation? = nil
    ) throws(VaultFileError) -> WriterLock? {
        var waiting = Backoff(milliseconds: patience)
        while true {
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
            guard waiting.wait() else { throw .busy }
        }
    }

    /// - Returns: nil if somebody else has it.
    private static func tryOnce(
        _ kind: LockKind, _ file: any StorageFile, _ path: String, _ storage: any Storage
    ) throws(Errno) -> WriterLock? {
        let real = try storage.resolvingLinks(path)
        guard let beside = try lockFile(kind, file, real, storage) else {
            return try file.tryLock(kind) ? WriterLock(file: file, beside: nil) : nil
        }
        guard try beside.tryLock(kind) else { return nil }
        // Whoever removed it has let others lock another one.
        guard let there = try storage.lockFile(for: file, at: real, isMade: true),
            try there.identity() == beside.identity()
        else { return nil }
        // Programs of before, and those in whose view another directory holds the file, lock the file itself. So can a reader who
        // wants to be in the way, so that it is not waited for long.
        var patience = Backoff(milliseconds: courtesy)
        while (try? file.tryLock(kind)) == false, patience.wait() {}
        return WriterLock(file: file, beside: beside)
    }

    /// What is locked in place of the file; nil if that is locked itself.
    private static func lockFile(
        _ kind: LockKind, _ file: any StorageFile, _ path: String, _ storage: any Storage
    ) throws(Errno) -> (any StorageFile)? {
        if isTemporary(path) { return nil }
        if kind == .exclusive { return try storage.lockFile(for: file, at: path, isMade: true) }
        do throws(Errno) {
            return try storage.lockFile(for: file, at: path, isMade: false)
        } catch .noSuchFile {
            // Who only reads leaves no file behind, unless somebody is in the way.
            if try file.tryLock(kind) {
                file.unlock()
                return nil
            }
            return try storage.lockFile(for: file, at: path, isMade: true)
        }
    }

    /// Whether a file has the name that it has before it is published, when it has one writer.
    private static func isTemporary(_ path: String) -> Bool {
        let name = Path.name(of: path)
        return name.hasPrefix(".") && name.utf8.dropLast(16).last == UInt8(ascii: "-")
            && Entropy.isFileNameSuffix(name.utf8.suffix(16))
    }

    /// Lets go of it.
    package func release() {
        file.unlock()
        beside?.unlock()
    }
}
