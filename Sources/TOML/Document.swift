internal import CTOML

/// A table of a TOML document.
public struct TOMLTable: Sendable {
    /// The entries, in the order of their lines.
    public let entries: [TOMLEntry]

    /// Parses a TOML 1.0 document, which may be any bytes.
    ///
    /// The time that this takes grows with the length; callers limit it.
    ///
    /// - Throws: ``TOMLError`` at the first line that is not valid.
    public init(parsing document: Span<UInt8>) throws(TOMLError) {
        let items = unsafe document.withUnsafeBufferPointer { text in
            unsafe toml_read(text.baseAddress, text.count)
        }
        defer { unsafe toml_free(items) }
        guard let bytes = unsafe items.bytes else { throw TOMLError(line: 1, message: "out of memory") }
        let span = unsafe Span(_unsafeStart: bytes, count: items.count)
        if unsafe items.error_line > 0 {
            let message = String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
            throw unsafe TOMLError(line: Int(items.error_line), describing: message)
        }
        var reader = ItemReader(bytes: span.indices.map { span[$0] })
        guard case .table(let root) = reader.value() else { preconditionFailure("the root is a table") }
        self = root
    }

    fileprivate init(_ entries: [TOMLEntry]) { self.entries = entries }
}

/// A key with its value.
public struct TOMLEntry: Sendable {
    /// The key, without quotes.
    public let key: String
    /// The value.
    public let value: TOMLValue
    /// The line of the key, counted from 1.
    public let line: Int
}

/// A value of a TOML document.
public enum TOMLValue: Sendable {
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    case array([TOMLValue])
    case table(TOMLTable)
    /// A number with a fraction, which no setting has.
    case float
    /// A date, a time or both, which no setting has.
    case date
}

/// An error in a line of a TOML document.
public struct TOMLError: Error, Equatable {
    /// The line, counted from 1.
    public let line: Int
    /// What is wrong, in words.
    public let message: String

    /// Creates an error in a line, which is counted from 1.
    public init(line: Int, message: String) { (self.line, self.message) = (line, message) }

    /// The error that toml++ describes, which begins with `Error while parsing a thing: `.
    fileprivate init(line: Int, describing text: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        let isPrefixed = text.hasPrefix("Error while parsing ") && parts.count == 2
        let message = isPrefixed ? String(parts[1].drop { $0 == " " }) : text
        // The two mistakes that are made most deserve better words.
        if message == "could not determine value type" {
            self.init(line: line, message: "expected a value; a string needs quotes")
        } else if message.hasPrefix("unescaped control characters") {
            self.init(line: line, message: "a string does not end on its line, or has a control character")
        } else {
            self.init(line: line, message: message)
        }
    }
}

/// Reads the items that `toml_read` writes.
private struct ItemReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func value() -> TOMLValue {
        switch next() {
        case UInt8(ascii: "{"): .table(TOMLTable(entries().sorted { $0.line < $1.line }))
        case UInt8(ascii: "["): .array(elements())
        case UInt8(ascii: "s"): .string(text())
        case UInt8(ascii: "i"): .integer(Int64(bitPattern: number(8)))
        case UInt8(ascii: "b"): .boolean(next() != 0)
        case UInt8(ascii: "f"): .float
        default: .date
        }
    }

    private mutating func entries() -> [TOMLEntry] {
        var entries: [TOMLEntry] = []
        while next() == UInt8(ascii: "k") {
            let line = Int(number(4))
            let key = text()
            entries.append(TOMLEntry(key: key, value: value(), line: line))
        }
        return entries
    }

    private mutating func elements() -> [TOMLValue] {
        var values: [TOMLValue] = []
        while bytes[position] != UInt8(ascii: "]") { values.append(value()) }
        position += 1
        return values
    }

    private mutating func text() -> String {
        let count = Int(number(4))
        defer { position += count }
        return String(decoding: bytes[position..<position + count], as: UTF8.self)
    }

    private mutating func number(_ size: Int) -> UInt64 {
        defer { position += size }
        return bytes[position..<position + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func next() -> UInt8 {
        defer { position += 1 }
        return bytes[position]
    }
}
