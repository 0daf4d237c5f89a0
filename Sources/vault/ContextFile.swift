internal import VaultKit

/// What a `.vault.toml` says: which context a directory stands for, and what its programs require.
struct ContextFile: Equatable {
    var project: String?
    var cluster: String?
    var require: [String] = []

    static let name = ".vault.toml"

    /// One line that says what it asks for.
    var summary: String {
        let ids = [project.map { "project \($0)" }, cluster.map { "cluster \($0)" }].compactMap { $0 }
        let names = require.isEmpty ? [] : ["\(Words.count(UInt64(require.count), "required name"))"]
        let parts = ids + names
        return parts.isEmpty ? "no project, no cluster" : parts.joined(separator: ", ")
    }

    /// Reads the few forms of TOML that the three keys need.
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

    /// A string that can be the id of a project or cluster.
    mutating func id() throws(TOMLError) -> String {
        let id = try string()
        guard SecretID.isValidID(id) else { throw error("'\(id)' is not a valid id") }
        return id
    }

    /// Strings that can each be the name of a secret.
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
