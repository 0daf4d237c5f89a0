internal import Glibc

/// Splits, joins and resolves paths, by bytes: a slash before a combining character is not the Character "/".
public enum Path {
    /// Returns whether `path` begins at the root directory.
    public static func isAbsolute(_ path: String) -> Bool { path.utf8.first == UInt8(ascii: "/") }

    /// Returns the directory that contains `path`; "." for a bare name.
    public static func directory(of path: String) -> String {
        let trimmed = trimmingSlashes(path)
        guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == trimmed.startIndex ? "/" : trimmingSlashes(String(trimmed[..<slash]))
    }

    /// Returns the last component of `path`.
    public static func name(of path: String) -> String {
        let trimmed = trimmingSlashes(path)
        guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")), trimmed != "/" else {
            return trimmed
        }
        return String(trimmed[trimmed.utf8.index(after: slash)...])
    }

    /// Returns the path of `name` in `directory`.
    public static func join(_ directory: String, _ name: String) -> String {
        directory.utf8.last == UInt8(ascii: "/") ? directory + name : directory + "/" + name
    }

    /// Returns `path` without symbolic links, "." and "..".
    ///
    /// - Throws: ``Errno/noSuchFile`` if it does not exist, ``Errno/notText`` if the result is not UTF-8
    ///   text.
    public static func resolvingLinks(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw .current }
        defer { unsafe free(resolved) }
        return unsafe try text(resolved)
    }

    /// Returns the absolute path of `path`, with symbolic links and "..", without "." and redundant slashes.
    ///
    /// A relative path starts at `$PWD`, where a shell keeps the working directory as the user entered it, or
    /// at ``workingDirectory()`` if `$PWD` is another directory. An absolute path needs no system call.
    ///
    /// - Throws: ``Errno/noSuchFile`` for an empty path, and as ``workingDirectory()``.
    public static func lexical(_ path: String) throws(Errno) -> String {
        try lexical(path, from: try? Environment.value("PWD"))
    }

    /// The same for a given value of `$PWD`.
    static func lexical(_ path: String, from shellDirectory: String?) throws(Errno) -> String {
        if path.isEmpty { throw .noSuchFile }
        if isAbsolute(path) { return tidied(path) }
        if let shellDirectory, isWorkingDirectory(shellDirectory) {
            return tidied(join(shellDirectory, path))
        }
        return tidied(join(try workingDirectory(), path))
    }

    /// Returns true if `path` is a valid `$PWD` for the working directory (POSIX, `pwd -L`).
    private static func isWorkingDirectory(_ path: String) -> Bool {
        guard isAbsolute(path), !components(path).contains(where: { $0 == "." || $0 == ".." }) else {
            return false
        }
        let disk = DiskStorage()
        guard let named = try? disk.identity(of: path) else { return false }
        return (try? disk.identity(of: ".")) == named
    }

    private static func tidied(_ path: String) -> String {
        // Not `joined`: it looks generic types up by name, which takes a quarter of the time of a `vault
        // get`.
        var result = ""
        for component in components(path) where component != "." {
            result.append("/")
            result.append(contentsOf: component)
        }
        return result.isEmpty ? "/" : result
    }

    private static func components(_ path: String) -> [Substring] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) }
    }

    /// Returns the working directory of this process.
    ///
    /// - Throws: ``Errno/notText`` if it is not UTF-8 text.
    public static func workingDirectory() throws(Errno) -> String {
        guard let directory = unsafe getcwd(nil, 0) else { throw .current }
        defer { unsafe free(directory) }
        return unsafe try text(directory)
    }

    /// Converts a name that is UTF-8 text; a repaired name would be that of another file.
    private static func text(_ name: UnsafeMutablePointer<CChar>) throws(Errno) -> String {
        guard let text = unsafe String(validatingCString: name) else { throw .notText }
        return text
    }

    /// Returns the target of a symbolic link.
    ///
    /// - Throws: ``Errno/nameTooLong`` if it has more than 255 bytes.
    static func linkTarget(_ path: String) throws(Errno) -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = try retrying { unsafe readlink(path, &bytes, bytes.count) }
        guard count < bytes.count else { throw .nameTooLong }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Returns the owner of the file at `path`, of a symbolic link itself.
    ///
    /// - Throws: ``Errno/noSuchFile``, ``Errno/permissionDenied``.
    public static func owner(of path: String) throws(Errno) -> UInt32 {
        try fileStatus(of: path, followingLinks: false).st_uid
    }

    /// Returns whether users other than the owner can write to the file at `path`, or replace what is in the directory there.
    ///
    /// - Throws: ``Errno/noSuchFile``, ``Errno/permissionDenied``.
    public static func isWritableByOthers(_ path: String) throws(Errno) -> Bool {
        let mode = try fileStatus(of: path).st_mode
        // In a directory with the sticky bit, as /tmp, nobody can replace another's file.
        return mode & 0o022 != 0 && mode & S_ISVTX == 0
    }

    private static func trimmingSlashes(_ path: String) -> String {
        var rest = path.utf8[...]
        while rest.count > 1, rest.last == UInt8(ascii: "/") { rest.removeLast() }
        return String(Substring(rest))
    }
}
