internal import CPlatform
internal import Glibc

/// The real disk.
public struct DiskStorage: Storage {
    private let exclusiveRename: ExclusiveRename

    /// Creates the storage; all values are the same.
    public init() { self.init(.system) }

    /// Creates a storage with other calls than the system's, for tests.
    init(_ exclusiveRename: ExclusiveRename) { self.exclusiveRename = exclusiveRename }

    /// Opens an existing regular file.
    ///
    /// It never waits, as opening a pipe could.
    ///
    /// - Throws: ``Errno/isDirectory`` for a directory, ``Errno/invalidArgument`` for anything else that is
    ///   not a regular file.
    public func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile {
        let flags = access == .writing ? O_RDWR : O_RDONLY
        let descriptor = try Descriptor(path: path, flags: flags | O_NONBLOCK)
        let status = try descriptor.status()
        if status.isDirectory { throw .isDirectory }
        if !status.isRegularFile { throw .invalidArgument }
        return DiskFile(descriptor, identity: FileIdentity(status))
    }

    /// Returns true if `path` leads to a regular file, or its status is unknown.
    public func mayBeRegularFile(_ path: String) -> Bool {
        (try? fileStatus(of: path))?.isRegularFile ?? true
    }

    /// Creates a file that must not exist yet.
    public func create(_ path: String) throws(Errno) -> any StorageFile {
        let descriptor = try Descriptor(
            path: path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        // The umask may have removed bits that the owner needs. Some file systems have no modes.
        _ = fchmod(descriptor.number, 0o600)
        // Nothing may throw from here on: the caller would not know that the file exists.
        return DiskFile(descriptor, identity: nil)
    }

    /// Returns the identity of the file that `path` leads to now.
    public func identity(of path: String) throws(Errno) -> FileIdentity {
        FileIdentity(try fileStatus(of: path))
    }

    /// Returns `path` without symbolic links.
    public func resolvingLinks(_ path: String) throws(Errno) -> String { try Path.resolvingLinks(path) }

    /// Renames a file in one step if `to` does not exist.
    public func renameWithoutReplacing(_ from: String, to: String) throws(Errno) {
        try exclusiveRename(from, to: to, in: self)
    }

    /// Renames a file in one step and replaces a file at `to`.
    public func rename(_ from: String, to: String) throws(Errno) {
        _ = try retrying { unsafe Glibc.rename(from, to) }
    }

    /// Swaps the names of two files in one step.
    public func exchange(_ one: String, _ other: String) throws(Errno) {
        _ = try retrying { unsafe platform_rename_exchanging(one, other) }
    }

    /// Removes a file.
    public func remove(_ path: String) throws(Errno) {
        _ = try retrying { unsafe unlink(path) }
    }

    /// Returns the names in a directory.
    public func names(in directory: String) throws(Errno) -> [String] {
        guard let stream = unsafe opendir(directory) else { throw .current }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe platform_entry_name(entry)
            if let text = unsafe name.flatMap({ unsafe String(validatingCString: $0) }) { names.append(text) }
        }
        return names
    }

    /// Creates a directory and its missing parents.
    public func makeDirectory(_ path: String) throws(Errno) {
        do throws(Errno) {
            return try makeOneDirectory(path)
        } catch .noSuchFile {
            let parent = Path.directory(of: path)
            guard parent != path else { throw .noSuchFile }
            try makeDirectory(parent)
        }
        // Fails once more in /proc and in a deleted directory, where the parent exists and nothing can be
        // created.
        try makeOneDirectory(path)
    }

    /// Creates a directory and its missing parents, but not in another user's directory.
    public func makeOwnDirectory(_ path: String) throws(Errno) {
        try PrivateDirectory.checkOwner(above: path)
        try makeDirectory(path)
    }

    private func makeOneDirectory(_ path: String) throws(Errno) {
        do throws(Errno) {
            _ = try retrying { unsafe mkdir(path, 0o700) }
        } catch .fileExists {
            if try !fileStatus(of: path).isDirectory { throw .notDirectory }
        }
    }

    /// Makes the names in a directory durable.
    public func syncDirectory(_ path: String) throws(Errno) {
        do throws(Errno) {
            let directory = try Descriptor(path: path, flags: O_RDONLY | O_DIRECTORY)
            _ = try retrying { fsync(directory.number) }
        } catch {
            // Some file systems cannot sync a directory. One that may be entered but not listed cannot be
            // opened.
            guard error.isLackOfCall || error == .permissionDenied else { throw error }
        }
    }
}

// Locks that a user who may only read the file cannot take.
extension DiskStorage {
    /// Opens the lock file of a vault, which writers lock instead of the vault.
    public func lockFile(
        for file: any StorageFile, at path: String, isMade: Bool
    ) throws(Errno) -> (any StorageFile)? {
        guard let file = file as? DiskFile else { return nil }
        let status = try file.descriptor.status()
        let (canRead, canWrite) = (status.st_mode >> 2 & 0o011, status.st_mode >> 1 & 0o011)
        if canRead & ~canWrite == 0 { return nil }
        let name = Path.join(Path.directory(of: path), ".\(Path.name(of: path)).lock")
        let flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK
        let descriptor: Descriptor
        do throws(Errno) {
            descriptor = try Descriptor(path: name, flags: flags)
        } catch .noSuchFile where isMade {
            descriptor = try DiskStorage.makeLockFile(name, flags, like: status)
        }
        let present = try descriptor.status()
        guard present.isRegularFile else { throw .permissionDenied }
        // Its owner can lock it, and so must be a user who may write the vault.
        let isByWriter = present.isOursOrRoots || present.st_uid == status.st_uid
        guard status.st_mode & 0o022 != 0 || isByWriter else { throw .permissionDenied }
        // The vault's mode may have changed since. A lock file of another group is not writable for its
        // group.
        let writers: mode_t = present.st_gid == status.st_gid ? 0o222 : 0o202
        if present.st_mode & 0o7777 != status.st_mode & writers {
            _ = fchmod(descriptor.number, status.st_mode & writers)
        }
        return DiskFile(descriptor, identity: nil)
    }

    private static func makeLockFile(
        _ name: String, _ flags: Int32, like status: stat
    ) throws(Errno) -> Descriptor {
        let descriptor: Descriptor
        do throws(Errno) {
            descriptor = try Descriptor(path: name, flags: flags | O_CREAT | O_EXCL, mode: 0o200)
        } catch .fileExists {
            return try Descriptor(path: name, flags: flags)
        }
        // A user who may not give the file away may still be a member of the vault's group.
        if fchown(descriptor.number, status.st_uid, status.st_gid) != 0 {
            _ = fchown(descriptor.number, .max, status.st_gid)
        }
        return descriptor
    }
}

/// A file of the real disk.
private final class DiskFile: StorageFile {
    let descriptor: Descriptor
    /// The identity, if it was read when the file was opened.
    private let knownIdentity: FileIdentity?

    init(_ descriptor: consuming Descriptor, identity: FileIdentity?) {
        self.descriptor = descriptor
        knownIdentity = identity
    }

    func length() throws(Errno) -> UInt64 { UInt64(try descriptor.status().st_size) }

    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        unsafe try buffer.withPointer { pointer, count throws(Errno) in
            var done = 0
            while done < count {
                let position = off_t(offset) + off_t(done)
                let more = try retrying {
                    unsafe pread(descriptor.number, pointer + done, count - done, position)
                }
                if more == 0 { break }
                done += more
            }
            return done
        }
    }

    func nextData(from offset: UInt64) -> UInt64 {
        let found = platform_next_data(descriptor.number, Int64(offset))
        return found < 0 ? offset : UInt64(found)
    }

    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) {
        unsafe try bytes.withPointer { pointer, count throws(Errno) in
            var done = 0
            while done < count {
                let position = off_t(offset) + off_t(done)
                done += try retrying {
                    unsafe pwrite(descriptor.number, pointer + done, count - done, position)
                }
            }
        }
    }

    func truncate(to length: UInt64) throws(Errno) {
        _ = try retrying { ftruncate(descriptor.number, off_t(length)) }
    }

    func sync() throws(Errno) { _ = try retrying { fdatasync(descriptor.number) } }

    func startSync(of count: Int, at offset: UInt64) {
        platform_start_sync(descriptor.number, Int64(offset), Int64(count))
    }

    func identity() throws(Errno) -> FileIdentity {
        if let knownIdentity { return knownIdentity }
        return FileIdentity(try descriptor.status())
    }

    func nameCount() throws(Errno) -> Int { Int(clamping: try descriptor.status().st_nlink) }

    func adoptAttributes(of other: any StorageFile) throws(Errno) {
        guard let other = other as? DiskFile else { throw .invalidArgument }
        _ = try retrying { platform_copy_attributes(other.descriptor.number, descriptor.number) }
    }

    func tryLock(_ kind: LockKind) throws(Errno) -> Bool {
        let operation = (kind == .exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB
        do throws(Errno) {
            _ = try retrying { flock(descriptor.number, operation) }
            return true
        } catch Errno.wouldBlock {
            return false
        }
    }

    func unlock() {
        // A lock that remained would block every other writer until the descriptor is closed.
        for _ in 0..<3 where flock(descriptor.number, LOCK_UN) == 0 { return }
    }
}
