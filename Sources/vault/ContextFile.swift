internal import Platform
internal import Wording

/// A `.vault.toml`: which context a folder stands for, and what its programs require.
struct ContextFile: Equatable {
    var project: String?
    var cluster: String?
    var require: [String] = []

    static let name = ".vault.toml"
    private static let mostBytes = 64 * 1024

    /// The nearest file in the working folder or above that may be trusted, and its path.
    static func nearest() throws(Failure) -> (path: String, file: ContextFile)? {
        guard var folder = try workingFolder() else { return nil }
        while true {
            let path = Path.join(folder, name)
            if let found = try read(path) { return (path, found) }
            let parent = Path.folder(of: folder)
            if parent == folder || parent == "." { return nil }
            folder = parent
        }
    }

    /// The working folder; nil if there is none any more.
    private static func workingFolder() throws(Failure) -> String? {
        do throws(Errno) {
            return try Path.workingFolder()
        } catch .notText {
            throw Failure(
                .other, "cannot look for \(name): the working folder's name is not UTF-8 text",
                hint: "add --no-context")
        } catch {
            return nil
        }
    }

    private static func read(_ path: String) throws(Failure) -> ContextFile? {
        let bytes: [UInt8]?
        do throws(Errno) {
            let file = try InputFile(path, onlyRegular: true)
            // Whoever owns a link chose what it leads to.
            let owners = [file.owner, try Path.owner(of: path)]
            guard owners.allSatisfy([0, CurrentProcess.userID].contains), !file.isWritableByOthers else {
                Output.warn("\(path) is ignored: others can write it, or it is not yours")
                return nil
            }
            bytes = try file.readAll(limit: mostBytes)
        } catch .noSuchFile, .notFolder, .isFolder, .invalidArgument, .noDevice {
            return nil
        } catch .permissionDenied, .tooManyLinks {
            // It is not the business of a stranger's file, or of a folder that hides whether there is one, to stop us.
            if (try? Path.owner(of: path)) != nil { Output.warn("\(path) is ignored: it cannot be read") }
            return nil
        } catch {
            throw Failure(error, "cannot read \(path)")
        }
        guard let bytes, let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.usage, "\(path): too long, or not UTF-8 text")
        }
        do throws(TOMLError) {
            return try parse(text)
        } catch {
            throw Failure(.usage, "\(path): line \(error.line): \(error.message)")
        }
    }

    /// Reads the few forms of TOML that the three keys need.
    static func parse(_ text: String) throws(TOMLError) -> ContextFile {
        var scanner = TOMLScanner(text)
        var result = ContextFile()
        var seen: Set<String> = []
        while let key = try scanner.nextKey() {
            guard seen.insert(key).inserted else { throw scanner.error("key '\(key)' is given twice") }
            switch key {
            case "project": result.project = try scanner.string()
            case "cluster": result.cluster = try scanner.string()
            case "require": result.require = try scanner.strings()
            default: throw scanner.error("unknown key '\(key)'")
            }
            try scanner.endOfLine()
        }
        return result
    }
}

/// What is wrong with a line of TOML.
struct TOMLError: Error, Equatable {
    let line: Int
    let message: String
}

/// Reads keys, strings and arrays of strings.
private struct TOMLScanner {
    private var rest: Substring.UnicodeScalarView
    private var line = 1

    init(_ text: String) { rest = Substring(text).unicodeScalars }

    func error(_ message: String) -> TOMLError { TOMLError(line: line, message: message) }

    /// The next key, behind its equals sign; nil at the end.
    mutating func nextKey() throws(TOMLError) -> String? {
        skip(newlines: true)
        guard let first = rest.first else { return nil }
        if first == "[" { throw error("there are no tables here") }
        var key = ""
        while let scalar = rest.first, isKey(scalar) {
            key.unicodeScalars.append(scalar)
            advance()
        }
        if key.isEmpty { throw error("expected a key") }
        skip(newlines: false)
        guard rest.first == "=" else { throw error("expected '=' after the key '\(key)'") }
        advance()
        skip(newlines: false)
        return key
    }

    mutating func string() throws(TOMLError) -> String {
        guard let quote = rest.first, quote == "\"" || quote == "'" else {
            throw error("expected a string in quotes")
        }
        advance()
        var result = ""
        while let scalar = rest.first, scalar != quote {
            if scalar.value < 0x20 { throw error("the string does not end on its line") }
            advance()
            result.unicodeScalars.append(scalar == "\\" && quote == "\"" ? try escaped() : scalar)
        }
        if rest.isEmpty { throw error("the string does not end") }
        advance()
        return result
    }

    mutating func strings() throws(TOMLError) -> [String] {
        guard rest.first == "[" else { throw error("expected an array of strings") }
        advance()
        var result: [String] = []
        while true {
            skip(newlines: true)
            if rest.first == "]" { break }
            result.append(try string())
            skip(newlines: true)
            if rest.first == "," {
                advance()
            } else if rest.first != "]" {
                throw error("expected ',' or ']'")
            }
        }
        advance()
        return result
    }

    mutating func endOfLine() throws(TOMLError) {
        skip(newlines: false)
        if let scalar = rest.first, scalar != "\n" { throw error("unexpected text after the value") }
    }

    private mutating func escaped() throws(TOMLError) -> Unicode.Scalar {
        defer { advance() }
        switch rest.first {
        case "\"", "\\": return rest[rest.startIndex]
        default: throw error("only \\\" and \\\\ can be escaped here")
        }
    }

    /// Skips blanks and comments.
    private mutating func skip(newlines: Bool) {
        while let scalar = rest.first {
            if scalar == "#" {
                while let scalar = rest.first, scalar != "\n" { rest.removeFirst() }
            } else if scalar == " " || scalar == "\t" || scalar == "\r" || (newlines && scalar == "\n") {
                advance()
            } else {
                return
            }
        }
    }

    private mutating func advance() {
        if !rest.isEmpty, rest.removeFirst() == "\n" { line += 1 }
    }

    private func isKey(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            || scalar == "_" || scalar == "-"
    }
}
