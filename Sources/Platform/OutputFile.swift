internal import CPlatform
internal import Glibc

/// Writes to a file named for output.
public enum OutputFile {
    /// The reason why nothing was written.
    public enum Refusal: Error, Equatable {
        /// A system call failed.
        case system(Errno)
        /// It is a dangling symbolic link. Like cp(1), this does not create the file to which it leads.
        case danglingLink
        /// It is a pipe, a socket or a device of another user, who could read what is written.
        case foreign
    }

    /// Writes `bytes` to a new file, mode 0600, that replaces the file at `path` by a rename.
    ///
    /// A symbolic link is followed. `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` mean the descriptors that
    /// this process inherited, with their positions and flags. Any other pipe or device is written to if it
    /// belongs to this user or root. On an error, a file at `path` is unchanged and no temporary file is
    /// left.
    ///
    /// - Returns: true if others can read the new file all the same, because the file system has no modes.
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
        try converting(body, Refusal.system)
    }

    /// Returns the number in a path such as `/dev/fd/N`; opened by that path, the file would start at position 0.
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
        // A descriptor that this process opened itself is close-on-exec; an inherited one is not.
        guard number <= 2 || fcntl(number, F_GETFD) & FD_CLOEXEC == 0 else { throw .badDescriptor }
        try InheritedDescriptor(number: number).writeAll(bytes)
    }

    /// Returns the mode of the file that `path` leads to, or nil if there is none.
    private static func mode(of path: String) throws(Refusal) -> mode_t? {
        do throws(Errno) {
            return try fileStatus(of: path).st_mode
        } catch .noSuchFile {
            if (try? fileStatus(of: path, followingLinks: false)) != nil { throw .danglingLink }
            return nil
        } catch {
            throw .system(error)
        }
    }

    private static func write(_ bytes: Span<UInt8>, toSpecial path: String) throws(Refusal) {
        let isOurs = try system { () throws(Errno) in
            // Checked before it is opened for writing, which the reader of a pipe would notice.
            let file = try Descriptor(path: path, flags: platform_path_only)
            let status = try file.status()
            guard status.isOursOrRoots else { return false }
            if status.isRegularFile || status.isDirectory { throw .invalidArgument }
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
