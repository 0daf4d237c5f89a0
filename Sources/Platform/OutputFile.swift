internal import CPlatform
internal import Glibc

/// A file that somebody named for output.
public enum OutputFile {
    /// Why nothing was written to it.
    public enum Refusal: Error, Equatable {
        /// A call of the system failed.
        case system(Errno)
        /// It is a symbolic link to what is not there. Like cp(1), this makes no file where a link leads.
        case danglingLink
        /// It is a pipe, a socket or a device of another user, who could read what is written.
        case foreign
    }

    /// Puts `bytes` at `path`, mode 0600, in one step: a file that was there is replaced by a rename, or stays as it was.
    ///
    /// A symbolic link is followed. `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` are the descriptors that this process was given, at their
    /// positions and with their flags. Any other pipe or device is written to if it is this user's or root's.
    ///
    /// - Returns: whether it made a file that others can get at all the same, since the file system keeps no modes.
    /// - Throws: if it cannot; no temporary file is left then.
    public static func write(_ bytes: Span<UInt8>, to path: String) throws(Refusal) -> Bool {
        if let number = descriptor(namedBy: path) {
            try system { () throws(Errno) in try write(bytes, toInherited: number) }
            return false
        }
        guard let mode = try mode(of: path) else {
            return try system { () throws(Errno) in try replace(path, with: bytes) }
        }
        switch mode & S_IFMT {
        case S_IFDIR: throw .system(.isDirectory)
        case S_IFREG: return try system { () throws(Errno) in try replace(path, with: bytes) }
        default:
            try write(bytes, toSpecial: path)
            return false
        }
    }

    private static func system<R>(_ body: () throws(Errno) -> R) throws(Refusal) -> R {
        do throws(Errno) {
            return try body()
        } catch {
            throw .system(error)
        }
    }

    /// The number in `/dev/fd/N` and its like, which opened anew would start at the front.
    private static func descriptor(namedBy path: String) -> Int32? {
        switch path {
        case "/dev/stdout": return 1
        case "/dev/stderr": return 2
        default: break
        }
        for directory in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(directory) {
            let digits = path.utf8.dropFirst(directory.utf8.count)
            if !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                return Int32(String(digits) ?? "")
            }
        }
        return nil
    }

    private static func write(_ bytes: Span<UInt8>, toInherited number: Int32) throws(Errno) {
        // Whatever this process opened itself is closed by exec; what it was given is not.
        guard number <= 2 || fcntl(number, F_GETFD) & FD_CLOEXEC == 0 else { throw .badDescriptor }
        try InheritedDescriptor(number: number).writeAll(bytes)
    }

    /// The mode of what lies at `path`; nil if there is nothing.
    private static func mode(of path: String) throws(Refusal) -> mode_t? {
        var status = stat()
        do throws(Errno) {
            _ = try retrying { unsafe stat(path, &status) }
            return status.st_mode
        } catch .noSuchFile {
            if unsafe lstat(path, &status) == 0 { throw .danglingLink }
            return nil
        } catch {
            throw .system(error)
        }
    }

    private static func write(_ bytes: Span<UInt8>, toSpecial path: String) throws(Refusal) {
        let isOurs = try system { () throws(Errno) in
            // Looked at before it is opened for writing: a reader that waits at a pipe would be told.
            let file = Descriptor(adopting: try retrying { unsafe platform_open_path(path) })
            let status = try file.status()
            guard [CurrentProcess.userID, 0].contains(status.st_uid) else { return false }
            if [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) { throw .invalidArgument }
            try Descriptor(path: "/proc/self/fd/\(file.number)", flags: O_WRONLY).writeAll(bytes)
            return true
        }
        if !isOurs { throw .foreign }
    }

    private static func replace(_ path: String, with bytes: Span<UInt8>) throws(Errno) -> Bool {
        let storage = DiskStorage()
        let target = (try? Path.resolvingLinks(path)) ?? path
        let (directory, prefix) = (Path.directory(of: target), ".\(Path.name(of: target)).")
        storage.removeLeftovers(in: directory) { name in
            name.hasPrefix(prefix) && name.hasSuffix(".tmp")
                && Int32(name.dropFirst(prefix.count).dropLast(4)) != nil
        }
        let temporary = Path.join(directory, "\(prefix)\(CurrentProcess.identifier).tmp")
        let file = try storage.createLocked(temporary)
        do throws(Errno) {
            try file.write(bytes, at: 0)
            try file.sync()
            try storage.rename(temporary, to: target)
            return InputFile.isOpenToOthers(target)
        } catch {
            try? storage.remove(temporary)
            throw error
        }
    }
}
