internal import Glibc

/// A file that somebody named for output.
public enum OutputFile {
    /// Puts `bytes` at `path`, mode 0600, in one step: a file that was there is replaced by a rename, or stays as it was.
    ///
    /// A symbolic link is followed. What is no regular file, such as a pipe or `/dev/stdout`, is written to.
    ///
    /// - Throws: if it cannot; no temporary file is left then.
    public static func write(_ bytes: Span<UInt8>, to path: String) throws(Errno) {
        let storage = DiskStorage()
        guard try isReplaceable(path) else {
            return try Descriptor(path: path, flags: O_WRONLY).writeAll(bytes)
        }
        let target = (try? Path.resolvingLinks(path)) ?? path
        let (folder, prefix) = (Path.folder(of: target), ".\(Path.name(of: target)).")
        storage.removeLeftovers(in: folder) { name in
            name.hasPrefix(prefix) && name.hasSuffix(".tmp")
                && Int32(name.dropFirst(prefix.count).dropLast(4)) != nil
        }
        let temporary = Path.join(folder, "\(prefix)\(CurrentProcess.identifier).tmp")
        let file = try storage.createLocked(temporary)
        do throws(Errno) {
            try file.write(bytes, at: 0)
            try file.sync()
            try storage.rename(temporary, to: target)
        } catch {
            try? storage.remove(temporary)
            throw error
        }
    }

    private static func isReplaceable(_ path: String) throws(Errno) -> Bool {
        var status = stat()
        do throws(Errno) {
            _ = try retrying { unsafe stat(path, &status) }
        } catch .noSuchFile {
            return true
        }
        if status.st_mode & S_IFMT == S_IFDIR { throw .isFolder }
        return status.st_mode & S_IFMT == S_IFREG
    }
}
