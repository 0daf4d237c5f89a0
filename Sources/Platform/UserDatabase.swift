/// The users of this machine, by a file like `/etc/passwd`.
///
/// `getpwuid` loads system libraries at run time, on which a static program cannot rely. So users that only a
/// directory service knows are not found.
public struct UserDatabase: Sendable {
    private let path: String

    /// The size above which the file is ignored, in bytes.
    private static let maxSize = 4 << 20

    /// The database in the file at `path`.
    public init(path: String = "/etc/passwd") { self.path = path }

    /// Returns the home directory of a user, or nil if the file does not contain an absolute path for it.
    public func home(of user: UInt32) -> String? {
        guard let file = try? InputFile(path, onlyRegular: true), file.byteCount <= UserDatabase.maxSize,
            let content = try? file.readAll(limit: file.byteCount)
        else { return nil }
        return UserDatabase.home(of: user, in: content)
    }

    /// Returns the home directory in the first line of `content` for the user.
    static func home(of user: UInt32, in content: [UInt8]) -> String? {
        for line in content.split(separator: UInt8(ascii: "\n")) {
            guard let entry = Entry(line), entry.user == user else { continue }
            guard entry.home.first == UInt8(ascii: "/") else { return nil }
            return String(validating: entry.home, as: UTF8.self)
        }
        return nil
    }

    /// One line: name, password, user, group, comment, home and shell, separated by colons.
    private struct Entry {
        let user: UInt32
        let home: ArraySlice<UInt8>

        /// Returns nil for a line that is malformed, a comment, or a reference to a directory service.
        init?(_ line: ArraySlice<UInt8>) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count == 7, let initial = fields[0].first, !"#+-".utf8.contains(initial),
                // A system call would use the home directory only up to the NUL.
                !line.contains(0), let user = Entry.number(fields[2]), Entry.number(fields[3]) != nil
            else { return nil }
            self.user = user
            home = fields[5]
        }

        private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
            guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
                return nil
            }
            return UInt32(String(decoding: digits, as: UTF8.self))
        }
    }
}
