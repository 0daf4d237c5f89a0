internal import Glibc

/// File names as the system's calls take them, split and joined as text.
public enum Path {
    /// The directory that holds `path`; "." for a bare name.
    public static func directory(of path: String) -> String {
        let trimmed = trimmingSlashes(path)
        guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == trimmed.startIndex ? "/" : trimmingSlashes(String(trimmed[..<slash]))
    }

    /// The last component of `path`.
    public static func name(of path: String) -> String {
        let trimmed = trimmingSlashes(path)
        guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")), trimmed != "/" else {
            return trimmed
        }
        return String(trimmed[trimmed.utf8.index(after: slash)...])
    }

    /// `name` inside `directory`.
    public static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    /// `path` without symbolic links, "." and "..".
    ///
    /// - Throws: ``Errno/noSuchFile`` if it does not exist, ``Errno/notText`` if it cannot be written as text.
    public static func resolvingLinks(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw .current }
        defer { unsafe free(resolved) }
        return unsafe try text(resolved)
    }

    /// The absolute path of what a person calls `path`: symbolic links and ".." are kept, "." and needless slashes are not.
    ///
    /// A relative path is taken from `$PWD`, by which a shell names the present directory as the person entered it, or
    /// from ``workingDirectory()`` if that names another one. Nothing is asked of the system for an absolute path.
    ///
    /// - Throws: ``Errno/noSuchFile`` for an empty path, and as ``workingDirectory()``.
    public static func lexical(_ path: String) throws(Errno) -> String {
        try lexical(path, from: try? Environment.value("PWD"))
    }

    /// The same with `shellDirectory` for the value of `$PWD`.
    static func lexical(_ path: String, from shellDirectory: String?) throws(Errno) -> String {
        if path.isEmpty { throw .noSuchFile }
        if path.hasPrefix("/") { return tidied(path) }
        if let shellDirectory, isPresentDirectory(shellDirectory) {
            return tidied(join(shellDirectory, path))
        }
        return tidied(join(try workingDirectory(), path))
    }

    /// Whether a shell may call the present directory that (POSIX, `pwd -L`).
    private static func isPresentDirectory(_ path: String) -> Bool {
        guard path.hasPrefix("/"), !components(path).contains(where: { $0 == "." || $0 == ".." }) else {
            return false
        }
        let disk = DiskStorage()
        guard let named = try? disk.identity(of: path) else { return false }
        return (try? disk.identity(of: ".")) == named
    }

    private static func tidied(_ path: String) -> String {
        // `joined` looks types up by their names, which takes a quarter of what `get` does.
        var result = ""
        for component in components(path) where component != "." {
            result.append("/")
            result.append(contentsOf: component)
        }
        return result.isEmpty ? "/" : result
    }

    /// By bytes: a combining character behind a slash makes it another letter, but no other separator.
    private static func components(_ path: String) -> [Substring] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) }
    }

    /// The directory that this process works in.
    ///
    /// - Throws: ``Errno/notText`` if its name cannot be written as text.
    public static func workingDirectory() throws(Errno) -> String {
        guard let directory = unsafe getcwd(nil, 0) else { throw .current }
        defer { unsafe free(directory) }
        return unsafe try text(directory)
    }

    /// A name that is repaired would be the name of something else.
    private static func text(_ name: UnsafeMutablePointer<CChar>) throws(Errno) -> String {
        guard let text = unsafe String(validatingCString: name) else { throw .notText }
        return text
    }

    /// What a symbolic link says.
    ///
    /// - Throws: ``Errno/nameTooLong`` if that has more than 255 bytes.
    static func linkTarget(_ path: String) throws(Errno) -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = try retrying { unsafe readlink(path, &bytes, bytes.count) }
        guard count < bytes.count else { throw .nameTooLong }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The user that owns what lies at `path`, of a symbolic link the link's own.
    ///
    /// - Throws: ``Errno/noSuchFile`` if there is nothing, ``Errno/permissionDenied`` if nobody may look.
    public static func owner(of path: String) throws(Errno) -> UInt32 {
        var status = stat()
        _ = try retrying { unsafe lstat(path, &status) }
        return status.st_uid
    }

    private static func trimmingSlashes(_ path: String) -> String {
        var end = path.utf8.endIndex
        while end > path.utf8.startIndex {
            let previous = path.utf8.index(before: end)
            guard path.utf8[previous] == UInt8(ascii: "/"), previous > path.utf8.startIndex else { break }
            end = previous
        }
        return String(path[..<end])
    }
}
