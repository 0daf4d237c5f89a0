internal import Platform
internal import TOML
internal import UserMessages

/// A TOML file that decides what commands do, read only once, so that the bytes that are checked, shown, trusted and used are the same.
package struct SettingsFile {
    /// The path that it was read from.
    package let path: String
    package let content: [UInt8]
    let table: TOMLTable

    /// The maximum size of a file in bytes.
    private static let maxSize = 64 * 1024

    /// Reads the file at `path`; nil if there is none.
    ///
    /// - Parameter remedy: the hint where no other is better.
    /// - Throws: if others can write it, or it belongs to another user, cannot be read, or is malformed.
    static func read(
        _ path: String, remedy: @autoclosure () -> Hint?
    ) throws(Failure) -> SettingsFile? {
        let refusal: Failure?
        let content: [UInt8]?
        do throws(Errno) {
            let file = try InputFile(path, onlyRegular: true)
            refusal = try ownershipFailure(of: file, at: path, remedy: remedy())
            content = refusal == nil ? try file.readAll(limit: maxSize) : nil
        } catch .notDirectory {
            return nil
        } catch {
            // If the directory cannot be searched, the file is taken to be absent.
            if [.noSuchFile, .permissionDenied].contains(error), (try? Path.owner(of: path)) == nil {
                return nil
            }
            switch error {
            case .noSuchFile:
                throw Failure(.usage, "\(path) is a dangling symbolic link", hint: remedy())
            case .isDirectory, .invalidArgument, .noDevice:
                throw Failure(.usage, "\(path) is not a regular file", hint: remedy())
            case .permissionDenied, .tooManyLinks:
                throw Failure(.usage, "cannot read \(path): \(error)", hint: remedy())
            default:
                throw Failure(error, "cannot read \(path)", hint: remedy())
            }
        }
        if let refusal { throw refusal }
        guard let content, String(validating: content, as: UTF8.self) != nil else {
            throw Failure(.usage, "\(path): too long, or not UTF-8 text", hint: remedy())
        }
        do throws(TOMLError) {
            return SettingsFile(path: path, content: content, table: try TOMLTable(parsing: content.span))
        } catch {
            throw Failure(error, in: path, remedy: remedy())
        }
    }

    /// The reason not to use an open file whatever its content; nil if there is none.
    private static func ownershipFailure(
        of file: borrowing InputFile, at path: String, remedy: Hint?
    ) throws(Errno) -> Failure? {
        let user = CurrentProcess.userID
        // The owner of a symbolic link chose its target.
        let owners = [file.owner, try Path.owner(of: path)]
        guard owners.allSatisfy([0, user].contains) else {
            return Failure(.usage, "\(path) belongs to another user", hint: remedy)
        }
        guard file.isWritableByOthers else { return nil }
        return Failure(
            .usage, "\(path) can be written by others",
            hint: [0, file.owner].contains(user) ? "chmod go-w \(Hint.quoted(path: path))" : remedy)
    }
}

extension Failure {
    /// An error in a line of the file at `path`.
    init(_ error: TOMLError, in path: String, remedy: Hint?) {
        self.init(.usage, "\(path): line \(error.line): \(error.message)", hint: remedy)
    }
}

extension TOMLEntry {
    /// An error about this entry.
    func error(_ message: String) -> TOMLError { TOMLError(line: line, message: message) }

    /// Returns the value, which must be a string.
    func string() throws(TOMLError) -> String {
        guard case .string(let text) = value else { throw error("'\(key)' must be a string in quotes") }
        return text
    }

    /// Returns the value, which must be an array of strings.
    func strings() throws(TOMLError) -> [String] {
        guard case .array(let values) = value else { throw error("'\(key)' must be an array of strings") }
        var strings: [String] = []
        for value in values {
            guard case .string(let text) = value else { throw error("'\(key)' must be an array of strings") }
            strings.append(text)
        }
        return strings
    }

    /// Returns the value, which must be true or false.
    func boolean() throws(TOMLError) -> Bool {
        guard case .boolean(let value) = value else { throw error("'\(key)' must be true or false") }
        return value
    }

    /// Returns the value, which must be an integer in a range.
    func integer(in range: ClosedRange<Int64>) throws(TOMLError) -> Int64 {
        guard case .integer(let number) = value, range.contains(number) else {
            throw error("'\(key)' must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
