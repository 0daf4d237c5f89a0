internal import CPlatform
internal import Glibc

/// The name of a file in its directory, with a final NUL; not always text.
typealias FileName = [CChar]

/// An open directory, which stays the same whatever becomes of its path.
///
/// Names are those of its entries; no call follows a symbolic link.
struct OpenDirectory: ~Copyable {
    private let descriptor: Descriptor
    /// Its name in the directory from which it was opened.
    private let name: FileName

    private static let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    /// The most directories inside each other that are removed.
    private static let maxDepth = 64

    /// Opens the directory at `path`; a symbolic link is refused.
    init(path: String) throws(Errno) {
        self.init(try Descriptor(path: path, flags: OpenDirectory.flags), [0])
    }

    private init(_ descriptor: consuming Descriptor, _ name: FileName) {
        self.descriptor = descriptor
        self.name = name
    }

    /// Opens a directory in this one.
    borrowing func directory(_ name: FileName) throws(Errno) -> OpenDirectory {
        OpenDirectory(try open(name, OpenDirectory.flags), name)
    }

    /// Opens a file with the flags of `open(2)`.
    borrowing func open(_ name: FileName, _ flags: Int32, mode: mode_t = 0) throws(Errno) -> Descriptor {
        let flags = flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
        return Descriptor(
            adopting: try retrying { unsafe openat(descriptor.number, name, flags, mode) })
    }

    /// The status of the directory itself.
    borrowing func status() throws(Errno) -> stat { try descriptor.status() }

    /// Returns the status of an entry.
    borrowing func status(of name: FileName) throws(Errno) -> stat {
        var result = stat()
        _ = try retrying { unsafe fstatat(descriptor.number, name, &result, AT_SYMLINK_NOFOLLOW) }
        return result
    }

    /// Returns the names of the entries.
    borrowing func names() throws(Errno) -> [FileName] {
        let this = Array(".".utf8CString)
        let parent = Array("..".utf8CString)
        let number = try open(this, OpenDirectory.flags).release()
        guard let stream = unsafe fdopendir(number) else {
            close(number)
            throw .current
        }
        defer { unsafe _ = closedir(stream) }
        var names: [FileName] = []
        while let entry = unsafe readdir(stream) {
            guard let name = unsafe platform_entry_name(entry) else { continue }
            unsafe names.append(Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1)))
        }
        return names.filter { $0 != this && $0 != parent }
    }

    /// Locks the directory unless another process has locked it.
    ///
    /// - Returns: true if it is locked now, as long as this value lives.
    borrowing func tryLock() throws(Errno) -> Bool {
        do throws(Errno) {
            _ = try retrying { flock(descriptor.number, LOCK_EX | LOCK_NB) }
            return true
        } catch .wouldBlock {
            return false
        }
    }

    /// Returns true if a directory that was opened from this one is still here, under its name.
    borrowing func holds(_ other: borrowing OpenDirectory) -> Bool {
        guard let entry = try? status(of: other.name), let own = try? other.status() else { return false }
        return FileIdentity(entry) == FileIdentity(own)
    }

    /// Removes an empty directory that was opened from this one.
    ///
    /// - Returns: false if it could not be removed, or is not here any more.
    borrowing func remove(_ other: borrowing OpenDirectory) -> Bool {
        guard holds(other) else { return false }
        return unsafe unlinkat(descriptor.number, other.name, AT_REMOVEDIR) == 0
    }

    /// Removes all entries, and theirs; regular files are overwritten with zeros before.
    ///
    /// - Returns: false if something could not be removed.
    borrowing func removeContent() -> Bool { removeContent(atDepth: 0) }

    private borrowing func removeContent(atDepth depth: Int) -> Bool {
        guard depth < OpenDirectory.maxDepth, let names = try? names() else { return false }
        var isEmpty = true
        for name in names where !remove(name, atDepth: depth) { isEmpty = false }
        return isEmpty
    }

    private borrowing func remove(_ name: FileName, atDepth depth: Int) -> Bool {
        guard let entry = try? status(of: name) else { return false }
        if !entry.isDirectory {
            wipe(name)
            return unsafe unlinkat(descriptor.number, name, 0) == 0
        }
        // What is mounted there is not a part of this directory.
        guard let own = try? status(), own.st_dev == entry.st_dev else { return false }
        _ = unsafe fchmodat(descriptor.number, name, 0o700, AT_SYMLINK_NOFOLLOW)
        guard let child = try? directory(name), child.removeContent(atDepth: depth + 1) else { return false }
        return remove(child)
    }

    /// Overwrites a regular file that has no other name.
    private borrowing func wipe(_ name: FileName) {
        guard let file = try? open(name, O_WRONLY | O_NONBLOCK), let status = try? file.status(),
            status.isRegularFile, status.st_nlink == 1
        else { return }
        let zeros = [UInt8](repeating: 0, count: 64 * 1024)
        var rest = Int(status.st_size)
        while rest > 0 {
            let piece = zeros.span.extracting(first: min(rest, zeros.count))
            guard (try? file.writeAll(piece)) != nil else { return }
            rest -= piece.count
        }
    }
}
