/// The operations on a disk that a vault needs.
///
/// All access to files goes through this protocol and ``StorageFile``, so that a test can substitute a disk
/// that loses unsynced data, fails at the n-th call, or runs full.
public protocol Storage: Sendable {
    /// Opens an existing regular file.
    ///
    /// The last component may be a symbolic link.
    func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile

    /// Returns false if `path` certainly does not lead to a regular file, so that ``open(_:_:)`` need not be
    /// tried.
    ///
    /// Opening other files can have effects: the writer of a pipe goes on, a watchdog timer starts.
    func mayBeRegularFile(_ path: String) -> Bool

    /// Creates a file that must not exist yet, mode 0600, open for reading and writing.
    func create(_ path: String) throws(Errno) -> any StorageFile

    /// Returns the identity of the file that `path` leads to now.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is none.
    func identity(of path: String) throws(Errno) -> FileIdentity

    /// Returns `path` without symbolic links.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is no such file.
    func resolvingLinks(_ path: String) throws(Errno) -> String

    /// Renames a file; `to` must not exist.
    ///
    /// It is one step if the file system supports that; ``renameOverPlaceholder(_:to:)`` documents what a
    /// killed process leaves otherwise.
    ///
    /// - Throws: ``Errno/fileExists`` if `to` exists; both files are unchanged then.
    func renameWithoutReplacing(_ from: String, to: String) throws(Errno)

    /// Renames a file in one step and replaces a file at `to`.
    func rename(_ from: String, to: String) throws(Errno)

    /// Swaps the names of two files in one step.
    ///
    /// - Throws: an error with ``Errno/isLackOfCall`` if the file system does not support it.
    func exchange(_ one: String, _ other: String) throws(Errno)

    /// Removes a file.
    func remove(_ path: String) throws(Errno)

    /// Returns the names in a directory, in no order, without those that are not UTF-8 text.
    func names(in directory: String) throws(Errno) -> [String]

    /// Creates a directory, mode 0700, and its missing parents; it may exist already.
    func makeDirectory(_ path: String) throws(Errno)

    /// Creates a directory and its missing parents, but not in another user's directory.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it would be in another user's directory.
    func makeOwnDirectory(_ path: String) throws(Errno)

    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(Errno)

    /// Opens the separate file that writers lock instead of `file` if some users may read `file` but not
    /// write it, since every user who can read a file can lock it.
    ///
    /// - Parameters:
    ///   - file: the open file to be written.
    ///   - path: its path, without symbolic links.
    ///   - isMade: creates a missing lock file, with the write bits, the owner and the group of `file`.
    /// - Returns: nil if all users who can read `file` can write it.
    /// - Throws: ``Errno/permissionDenied`` for a user who may not write `file`; ``Errno/noSuchFile``.
    func lockFile(
        for file: any StorageFile, at path: String, isMade: Bool
    ) throws(Errno) -> (any StorageFile)?
}

extension Storage {
    /// Returns true, for a storage that has only regular files.
    public func mayBeRegularFile(_ path: String) -> Bool { true }
}

/// The access for which a file is opened.
public enum StorageAccess: Sendable {
    /// Only reading.
    case reading
    /// Reading and writing.
    case writing
}

/// One open file of a ``Storage``.
public protocol StorageFile: AnyObject {
    /// Returns the length in bytes.
    func length() throws(Errno) -> UInt64

    /// Reads from `offset` until `buffer` is full or the file ends.
    ///
    /// - Returns: the number of bytes read.
    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int

    /// Returns the offset of the first byte at or after `offset` that was ever written; the file's length if
    /// there is none.
    ///
    /// The bytes before it are zeros. If the file system does not know, the result is `offset`.
    func nextData(from offset: UInt64) -> UInt64

    /// Writes all of `bytes` at `offset`.
    ///
    /// After an error, any part of them may have been written.
    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno)

    /// Truncates the file to `length`.
    func truncate(to length: UInt64) throws(Errno)

    /// Makes the content and the length durable (`fdatasync`).
    func sync() throws(Errno)

    /// Starts writing `count` bytes at `offset` to the disk, so that ``sync()`` takes less time
    /// (`sync_file_range`).
    ///
    /// Errors are reported by ``sync()``.
    func startSync(of count: Int, at offset: UInt64)

    /// Returns the identity of the file, whatever its name is now.
    func identity() throws(Errno) -> FileIdentity

    /// Returns the number of names (hard links) of the file.
    func nameCount() throws(Errno) -> Int

    /// Copies the mode, the owner and the extended attributes of `other`, a file of the same storage.
    ///
    /// Attributes that the file system does not support are skipped.
    ///
    /// - Throws: an error if the owner cannot be copied, or if without an attribute a user could read or
    ///   write this file who cannot do so with `other`.
    func adoptAttributes(of other: any StorageFile) throws(Errno)

    /// Takes the advisory lock without waiting.
    ///
    /// - Returns: false if another open file holds a conflicting lock.
    func tryLock(_ kind: LockKind) throws(Errno) -> Bool

    /// Releases the lock.
    func unlock()
}

extension StorageFile {
    /// Does nothing.
    public func startSync(of count: Int, at offset: UInt64) {}
}

/// The kind of a lock.
public enum LockKind: Sendable {
    /// Excludes writers.
    case shared
    /// Excludes readers and writers.
    case exclusive
}

/// The identity of a file, independent of its names.
public struct FileIdentity: Hashable, Sendable {
    /// The device that holds it.
    public let device: UInt64
    /// Its inode number on that device.
    public let inode: UInt64

    /// Creates the identity of a file.
    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

extension Storage {
    /// Creates a directory like ``makeDirectory(_:)``, for a storage with one user.
    public func makeOwnDirectory(_ path: String) throws(Errno) { try makeDirectory(path) }

    /// Returns nil, for a storage with one user.
    public func lockFile(
        for file: any StorageFile, at path: String, isMade: Bool
    ) throws(Errno) -> (any StorageFile)? { nil }
}
