/// A table of a TOML document.
public struct TOMLTable: Sendable {
    /// The entries, in the order of the document.
    public let entries: [TOMLEntry]

    /// Parses a TOML 1.0 document, which may be any bytes; the work is linear in their number.
    ///
    /// Values are at most 64 tables and arrays deep.
    ///
    /// - Throws: ``TOMLError`` at the first line that is not valid.
    public init(parsing document: Span<UInt8>) throws(TOMLError) {
        var parser = DocumentParser(document.indices.map { document[$0] })
        self = try parser.parse().table
    }

    init(_ entries: [TOMLEntry]) { self.entries = entries }
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
    /// A number with a fraction or an exponent, which no setting has.
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
}

/// A table while its document is parsed.
final class TableNode {
    /// The construct that a table comes from, which decides what may be added to it.
    enum Origin {
        /// A header of a table below it: `a` in `[a.b]`.
        case implied
        case header
        /// A dotted key: `a` in `a.b = 1`.
        case dottedKey
        /// Braces; it is closed.
        case inline
    }

    /// What a key stands for.
    enum Content {
        case value(TOMLValue)
        case table(TableNode)
        /// An array of tables, `[[a]]`.
        case tables(List)
    }

    /// The tables of an array, of which there is at least one.
    final class List {
        var nodes: [TableNode]

        init(_ first: TableNode) { nodes = [first] }
    }

    var origin: Origin
    private var keys: [(name: String, line: Int)] = []
    private var contents: [String: Content] = [:]

    init(_ origin: Origin) { self.origin = origin }

    subscript(key: String) -> Content? { contents[key] }

    /// Adds a key, or replaces what it stands for.
    func set(_ key: String, _ content: Content, line: Int) {
        if contents.updateValue(content, forKey: key) == nil { keys.append((key, line)) }
    }

    var table: TOMLTable {
        TOMLTable(
            keys.compactMap { key in
                let value: TOMLValue? =
                    switch contents[key.name] {
                    case .value(let value): value
                    case .table(let node): .table(node.table)
                    case .tables(let list): .array(list.nodes.map { .table($0.table) })
                    case nil: nil
                    }
                return value.map { TOMLEntry(key: key.name, value: $0, line: key.line) }
            })
    }
}
