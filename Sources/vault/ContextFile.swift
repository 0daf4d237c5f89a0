internal import VaultCore

/// The content of a `.vault.toml`: the context of its directory, and the secrets that programs there require.
struct ContextFile: Equatable {
    var project: String?
    var cluster: String?
    var require: [String] = []

    static let name = ".vault.toml"

    /// The content in one line.
    var summary: String {
        let ids = [project.map { "project \($0)" }, cluster.map { "cluster \($0)" }].compactMap { $0 }
        let names = require.isEmpty ? [] : [Words.count(UInt64(require.count), "required name")]
        let parts = ids + names
        return parts.isEmpty ? "no project, no cluster" : parts.joined(separator: ", ")
    }

    /// Parses the subset of TOML that the three keys need.
    static func parse(_ text: String) throws(TOMLError) -> ContextFile {
        var scanner = TOMLScanner(text)
        var result = ContextFile()
        var seen: Set<String> = []
        while let key = try scanner.nextKey() {
            guard seen.insert(key).inserted else { throw scanner.error("key '\(key)' is given twice") }
            switch key {
            case "project": result.project = try scanner.id()
            case "cluster": result.cluster = try scanner.id()
            case "require": result.require = try scanner.names()
            default: throw scanner.error("unknown key '\(key)'")
            }
            try scanner.endOfLine()
        }
        return result
    }
}

/// A syntax error in a line of TOML.
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

    /// Reads the next key and its equals sign; nil at the end.
    mutating func nextKey() throws(TOMLError) -> String? {
        skip(newlines: true)
        guard let first = rest.first else { return nil }
        if first == "[" { throw error("tables are not supported") }
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

    /// Reads a string that is a valid id of a project or cluster.
    mutating func id() throws(TOMLError) -> String {
        let id = try string()
        guard SecretID.isValidID(id) else { throw error("'\(id)' is not a valid id") }
        return id
    }

    /// Reads an array of valid names of secrets.
    mutating func names() throws(TOMLError) -> [String] {
        let names = try strings()
        for name in names where !SecretID.isValidName(name) { throw error("'\(name)' is not a valid name") }
        return names
    }

    private mutating func string() throws(TOMLError) -> String {
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

    private mutating func strings() throws(TOMLError) -> [String] {
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
        guard let scalar = rest.first, scalar == "\"" || scalar == "\\" else {
            throw error("only \\\" and \\\\ can be escaped here")
        }
        advance()
        return scalar
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
