internal import Glibc

/// File names as the system's calls take them, split and joined as text.
public enum Path {
    /// The folder that holds `path`; "." for a bare name.
    public static func folder(of path: String) -> String {
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

    /// `name` inside `folder`.
    public static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// `path` without symbolic links, "." and "..".
    ///
    /// - Throws: ``Errno/noSuchFile`` if it does not exist.
    public static func resolvingLinks(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw .current }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// The folder that this process works in.
    public static func workingFolder() throws(Errno) -> String {
        guard let folder = unsafe getcwd(nil, 0) else { throw .current }
        defer { unsafe free(folder) }
        return unsafe String(cString: folder)
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
