/// Reads the words of a document: blanks and comments, keys, strings, numbers.
struct Scanner {
    private let bytes: [UInt8]
    private var position = 0
    /// The present line, counted from 1.
    private(set) var line = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    func error(_ message: String) -> TOMLError { TOMLError(line: line, message: message) }

    /// Checks that the document is UTF-8 text, and skips a byte order mark.
    mutating func begin() throws(TOMLError) {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw error("not UTF-8 text") }
        _ = take("\u{FEFF}")
    }

    /// Takes these characters if they are next.
    mutating func take(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    mutating func skipBlanks() {
        while let byte = next, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    /// Skips blanks, comments and ends of lines.
    mutating func skipLines() throws(TOMLError) {
        repeat {
            skipBlanks()
            try skipComment()
        } while takeNewline()
    }

    /// Takes the rest of a line, which must be blank.
    mutating func endLine() throws(TOMLError) {
        skipBlanks()
        try skipComment()
        guard isAtEnd || takeNewline() else { throw error("unexpected text after the value") }
    }

    /// Takes one part of a key, without its quotes.
    mutating func keyPart() throws(TOMLError) -> String {
        if next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") {
            if isNext("\"\"\"") || isNext("'''") { throw error("a key cannot have several lines") }
            if let text = try string() { return text }
        }
        let start = position
        while let byte = next, Scanner.isBare(byte) { position += 1 }
        guard position > start else { throw error("expected a key") }
        return text(start..<position)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func isNext(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private mutating func skipComment() throws(TOMLError) {
        guard next == UInt8(ascii: "#") else { return }
        while let byte = next, byte != UInt8(ascii: "\n"), !isNext("\r\n") {
            if Scanner.isControl(byte) { throw error("a comment has a control character") }
            position += 1
        }
    }

    private mutating func takeNewline() -> Bool {
        guard take("\n") || take("\r\n") else { return false }
        line += 1
        return true
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// True for the characters that TOML allows nowhere but in escapes.
    private static func isControl(_ byte: UInt8) -> Bool {
        byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F
    }
}

// MARK: - Strings

extension Scanner {
    /// Takes a string of any of the four kinds; nil if none is next.
    mutating func string() throws(TOMLError) -> String? {
        for quote in ["\"", "'"] {
            if take(quote + quote + quote) { return try longString(quote) }
            if take(quote) { return try shortString(quote) }
        }
        return nil
    }

    private mutating func shortString(_ quote: String) throws(TOMLError) -> String {
        var result: [UInt8] = []
        while !take(quote) {
            guard let byte = next, byte != UInt8(ascii: "\n"), !isNext("\r\n") else {
                throw error("the string does not end on its line")
            }
            try append(byte, to: &result, quote)
        }
        return String(decoding: result, as: UTF8.self)
    }

    private mutating func longString(_ quote: String) throws(TOMLError) -> String {
        let first = line
        let end = quote + quote + quote
        _ = takeNewline()
        var result: [UInt8] = []
        while true {
            if take(end) {
                // Up to two quotes may stand before the end.
                for _ in 0..<2 where take(quote) { result += quote.utf8 }
                return String(decoding: result, as: UTF8.self)
            }
            guard let byte = next else { throw TOMLError(line: first, message: "the string does not end") }
            if takeNewline() {
                result.append(UInt8(ascii: "\n"))
            } else if quote == "\"", byte == UInt8(ascii: "\\"), skipsLineEnd() {
                continue
            } else {
                try append(byte, to: &result, quote)
            }
        }
    }

    /// Takes a backslash at the end of a line, and the blank space after it; false if something else follows the backslash.
    private mutating func skipsLineEnd() -> Bool {
        let (start, startLine) = (position, line)
        position += 1
        skipBlanks()
        guard takeNewline() else {
            (position, line) = (start, startLine)
            return false
        }
        repeat { skipBlanks() } while takeNewline()
        return true
    }

    private mutating func append(
        _ byte: UInt8, to result: inout [UInt8], _ quote: String
    ) throws(TOMLError) {
        if Scanner.isControl(byte) { throw error("the string has a control character") }
        position += 1
        if quote == "\"", byte == UInt8(ascii: "\\") {
            result += String(Character(try escape())).utf8
        } else {
            result.append(byte)
        }
    }

    private mutating func escape() throws(TOMLError) -> Unicode.Scalar {
        let simple: [(String, Unicode.Scalar)] = [
            ("b", "\u{8}"), ("t", "\t"), ("n", "\n"), ("f", "\u{C}"), ("r", "\r"), ("\"", "\""), ("\\", "\\"),
        ]
        for (letter, scalar) in simple where take(letter) { return scalar }
        let count = take("u") ? 4 : take("U") ? 8 : 0
        let digits = bytes[position...].prefix(count)
        guard count > 0, digits.count == count,
            digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let number = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
            let scalar = Unicode.Scalar(number)
        else { throw error("the string has an escape that TOML does not know") }
        position += count
        return scalar
    }
}

// MARK: - Numbers, booleans, dates

extension Scanner {
    /// Takes a boolean, a number or a date.
    mutating func scalar() throws(TOMLError) -> TOMLValue {
        let start = position
        while let byte = next, Scanner.isBare(byte) || ".:+".utf8.contains(byte) { position += 1 }
        // A blank may stand between a date and a time.
        if position - start == 10, next == UInt8(ascii: " "),
            bytes[position...].dropFirst().first.map(Scanner.isDigit) == true
        {
            position += 1
            while let byte = next, Scanner.isBare(byte) || ".:+".utf8.contains(byte) { position += 1 }
        }
        let word = text(start..<position)
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default:
            if let number = Scanner.integer(word) {
                guard let number = Int64(number.digits, radix: number.radix) else {
                    throw error("the number does not fit into 64 bits")
                }
                return .integer(number)
            }
            if Scanner.isFloat(word) { return .float }
            if Scanner.isDate(word) { return .date }
            throw error("expected a value; a string needs quotes")
        }
    }

    /// Returns the sign and the digits of an integer, without underscores, and their radix; nil if the word is none.
    private static func integer(_ word: String) -> (digits: String, radix: Int)? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.hasPrefix(prefix) {
            return digits(word.dropFirst(2), radix).map { ($0, radix) }
        }
        return decimal(word[...]).map { ($0, 10) }
    }

    /// Returns the sign and the digits of a decimal integer, without underscores; nil if the text is none.
    private static func decimal(_ text: Substring) -> String? {
        let sign = text.prefix { $0 == "+" || $0 == "-" }
        let rest = text.dropFirst(sign.count)
        guard sign.count <= 1, rest.count == 1 || !rest.hasPrefix("0") else { return nil }
        return digits(rest, 10).map { sign + $0 }
    }

    /// Returns digits without the underscores between them; nil if there is something else.
    private static func digits(_ text: Substring, _ radix: Int) -> String? {
        let groups = text.split(separator: "_", omittingEmptySubsequences: false)
        let isValid = groups.allSatisfy { group in
            !group.isEmpty
                && group.utf8.allSatisfy { Character(Unicode.Scalar($0)).hexDigitValue ?? 99 < radix }
        }
        return isValid ? groups.joined() : nil
    }

    private static func isFloat(_ word: String) -> Bool {
        let unsigned = word.first == "+" || word.first == "-" ? word.dropFirst() : word[...]
        if unsigned == "inf" || unsigned == "nan" { return true }
        let parts = unsigned.lowercased().split(
            separator: "e", maxSplits: 1, omittingEmptySubsequences: false)
        let number = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 || number.count == 2, decimal(number[0]) != nil,
            number[0].first?.isNumber == true
        else { return false }
        if number.count == 2, digits(number[1], 10) == nil { return false }
        guard parts.count == 2 else { return true }
        let exponent = parts[1].first == "+" || parts[1].first == "-" ? parts[1].dropFirst() : parts[1]
        return digits(exponent, 10) != nil
    }

    /// Returns whether a word has the form of a date, of a time or of both.
    private static func isDate(_ word: String) -> Bool {
        let upper = word.uppercased()
        let shape = String(upper.map { $0.isNumber ? "0" : $0 })
        if shape == "0000-00-00" { return true }
        let isDated = shape.hasPrefix("0000-00-00T") || shape.hasPrefix("0000-00-00 ")
        var time = isDated ? shape.dropFirst(11) : shape[...]
        guard time.hasPrefix("00:00:00") else { return false }
        time = time.dropFirst(8)
        if time.hasPrefix(".") {
            let fraction = time.dropFirst().prefix { $0 == "0" }
            if fraction.isEmpty { return false }
            time = time.dropFirst(1 + fraction.count)
        }
        return time.isEmpty || isDated && ["Z", "+00:00", "-00:00"].contains(time)
    }
}
