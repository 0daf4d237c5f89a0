internal import Synchronization

/// What a person can do about something, in which commands stand between single quotes.
package enum Hint {
    /// The vault that the command line names, as a shell takes it.
    private static let vault = Mutex<String?>(nil)

    /// What follows `vault` where no vault is meant.
    private static let general = ["help", "lock --all", "salvage", "--vault"]

    /// Has every command in a hint act on the vault at `path`, as the one that was given did; without that it would act on another.
    package static func name(_ path: String) {
        let quoted = quoted(path)
        vault.withLock { $0 = quoted }
    }

    /// `path` as a shell takes it for one word.
    static func quoted(_ path: String) -> String {
        if isPlain(path) { return path }
        return "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
            + "'"
    }

    /// `hint` with the vault that was named.
    package static func qualified(_ hint: String) -> String {
        guard let name = vault.withLock({ $0 }) else { return hint }
        var (result, rest) = ("", hint[...])
        while let range = rest.range(of: "'vault ") {
            result += rest[..<range.upperBound]
            rest = rest[range.upperBound...]
            if !general.contains(where: rest.hasPrefix) { result += "--vault \(name) " }
        }
        return result + rest
    }

    private static func isPlain(_ path: String) -> Bool {
        !path.isEmpty && !path.hasPrefix("-")
            && path.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || ("0"..."9").contains($0)
                    || "_./@%+=:,-".unicodeScalars.contains($0)
            }
    }
}

extension Substring {
    /// Where `other` stands first.
    fileprivate func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) {
                return start..<index(start, offsetBy: other.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
