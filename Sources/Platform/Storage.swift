/// The disk, as far as a vault needs one.
///
/// Everything that touches files goes through this protocol and ``StorageFile``, so that a test can put a
/// disk in its place that loses what was not synced, fails at the n-th call, or runs full.
public protocol Storage: Sendable {
    /// Opens an existing regular file.
    ///
    /// The last component may be a symbolic link.
    func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile

    /// Whether ``open(_:_:)`` need be tried on what lies at `path`, of which nothing is known.
    ///
    /// Opening is not without effects everywhere: a pipe lets its writer go on, a watchdog begins to watch.
    func mayBeRegularFile(_ path: String) -> Bool

    /// Creates a file that must not exist yet, mode 0600, open for reading and writing.
    func create(_ path: String) throws(Errno) -> any StorageFile

    /// Which file lies at `path` now.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is none.
    func identity(of path: String) throws(Errno) -> FileIdentity

    /// `path` without symbolic links.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is nothing.
    func resolvingLinks(_ path: String) throws(Errno) -> String

    /// Renames a file; `to` must not exist.
    ///
    /// In one step where the file system can; ``renameOverPlaceholder(_:to:)`` says what is left where it cannot and the process is killed.
    ///
    /// - Throws: ``Errno/fileExists`` if it does; both files are as they were.
    func renameWithoutReplacing(_ from: String, to: String) throws(Errno)

    /// Renames a file in one step; what lies at `to` is replaced.
    func rename(_ from: String, to: String) throws(Errno)

    /// Gives two files each other's name, in one step.
    ///
    /// - Throws: an error that ``Errno/isLackOfCall`` where the file system cannot.
    func exchange(_ one: String, _ other: String) throws(Errno)

    /// Removes a file.
    func remove(_ path: String) throws(Errno)

    /// The names of what is in a directory, in no order; those that are no UTF-8 text are left out.
    func names(in directory: String) throws(Errno) -> [String]

    /// Creates a directory, mode 0700, and those above it.
    ///
    /// An existing one is no error.
    func makeDirectory(_ path: String) throws(Errno)

    /// Creates a directory and those above it for this user's own things, but not in another user's directory.
    ///
    /// - Throws: ``Errno/permissionDenied`` if it would be in one.
    func makeOwnDirectory(_ path: String) throws(Errno)

    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(Errno)

    /// The file beside one that writers lock in its place, because somebody can read that who cannot write it, and whoever can
    /// read a file can lock it.
    ///
    /// - Parameters:
    ///   - file: the one that is meant, open.
    ///   - path: where it lies, without symbolic links.
    ///   - isMade: whether it is made if it is missing, with the write bits, the owner and the group of `file`.
    /// - Returns: nil if nobody is kept from writing who can read.
    /// - Throws: ``Errno/permissionDenied`` to who may not write; ``Errno/noSuchFile``.
    func lockFile(
        for file: any StorageFile, at path: String, isMade: Bool
    ) throws(Errno) -> (any StorageFile)?
}

extension Storage {
    /// True: where there are regular files alone, nobody has to look.
    public func mayBeRegularFile(_ path: String) -> Bool { true }
}

/// What a file is opened for.
public enum StorageAccess: Sendable {
    /// Reading alone.
    case reading
    /// Reading and writing.
    case writing
}

/// One open file of a ``Storage``.
public protocol StorageFile: AnyObject {
    /// The length in bytes.
    func length() throws(Errno) -> UInt64

    /// Reads from `offset` until `buffer` is full or the file ends.
    ///
    /// - Returns: how many bytes were read.
    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int

    /// Where the first byte at `offset` or behind it lies that was ever written; the file's length if there is none.
    ///
    /// What lies before reads as zeros. A file system that does not know says `offset`.
    func nextData(from offset: UInt64) -> UInt64

    /// Writes all of `bytes` at `offset`.
    ///
    /// On an error any part of them may have been written.
    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno)

    /// Cuts the file off at `length`.
    func truncate(to length: UInt64) throws(Errno)

    /// Makes content and length durable (`fdatasync`).
    func sync() throws(Errno)

    /// Starts to move `count` bytes at `offset` to the disk, so that ``sync()`` has less to wait for (`sync_file_range`).
    ///
    /// Promises nothing; what fails is what ``sync()`` throws.
    func startSync(of count: Int, at offset: UInt64)

    /// Which file this is, whatever its name is now.
    func identity() throws(Errno) -> FileIdentity

    /// How many names the file has.
    func nameCount() throws(Errno) -> Int

    /// Gives the file the mode, the owner and the extended attributes of `other`, a file of the same storage.
    ///
    /// What the file system cannot keep is left out, unless somebody could read or write the file then who cannot `other`.
    ///
    /// - Throws: if that is so, or if it cannot have the same owner.
    func adoptAttributes(of other: any StorageFile) throws(Errno)

    /// Takes the advisory lock without waiting.
    ///
    /// - Returns: whether it was had.
    func tryLock(_ kind: LockKind) throws(Errno) -> Bool

    /// Lets go of the lock.
    func unlock()
}

extension StorageFile {
    /// Does nothing.
    public func startSync(of count: Int, at offset: UInt64) {}
}

/// Whom a lock keeps out.
public enum LockKind: Sendable {
    /// Keeps writers out.
    case shared
    /// Keeps everybody out.
    case exclusive
}

/// A file as the system knows it, whatever its names are.
public struct FileIdentity: Hashable, Sendable {
    /// The device that holds it.
    public let device: UInt64
    /// Its number there.
    public let inode: UInt64

    /// The file number `inode` of `device`.
    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

extension Storage {
    /// Creates a directory where all belong to one user.
    public func makeOwnDirectory(_ path: String) throws(Errno) { try makeDirectory(path) }

    /// None: where there is one user, nobody else can be in the way.
    public func lockFile(
        for file: any StorageFile, at path: String, isMade: Bool
    ) throws(Errno) -> (any StorageFile)? { nil }
}
