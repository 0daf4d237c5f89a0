/// Parses a document: its lines, keys, tables and values.
struct DocumentParser {
    private var scanner: Scanner

    /// The maximum number of tables and arrays around a value, and of the parts of a dotted key.
    private static let maxDepth = 64

    init(_ bytes: [UInt8]) { scanner = Scanner(bytes) }

    mutating func parse() throws(TOMLError) -> TableNode {
        try scanner.begin()
        let root = TableNode(.header)
        var current = root
        while true {
            try scanner.skipLines()
            if scanner.isAtEnd { return root }
            if scanner.take("[[") {
                current = try element(of: try header("]]"), in: root)
            } else if scanner.take("[") {
                current = try table(try header("]"), in: root)
            } else {
                try assignment(in: current, depth: 0)
            }
            try scanner.endLine()
        }
    }

    /// A key of one or more parts, with its line.
    private typealias Key = (parts: [String], line: Int)

    private func error(_ message: String, _ line: Int) -> TOMLError {
        TOMLError(line: line, message: message)
    }

    private mutating func header(_ end: String) throws(TOMLError) -> Key {
        let key = try self.key()
        guard scanner.take(end) else { throw scanner.error("expected '\(end)' after the name of the table") }
        return key
    }

    private mutating func key() throws(TOMLError) -> Key {
        let line = scanner.line
        var parts: [String] = []
        repeat {
            scanner.skipBlanks()
            parts.append(try scanner.keyPart())
            scanner.skipBlanks()
        } while scanner.take(".")
        guard parts.count <= DocumentParser.maxDepth else { throw error("the key has too many parts", line) }
        return (parts, line)
    }

    /// Returns the table that a header `[a.b]` opens.
    private func table(_ key: Key, in root: TableNode) throws(TOMLError) -> TableNode {
        let (parent, name) = try parent(of: key, in: root)
        switch parent[name] {
        case nil:
            let node = TableNode(.header)
            parent.set(name, .table(node), line: key.line)
            return node
        case .table(let node) where node.origin == .implied:
            node.origin = .header
            return node
        default:
            throw error("key '\(name)' is given twice", key.line)
        }
    }

    /// Returns the table that a header `[[a.b]]` adds to an array.
    private func element(of key: Key, in root: TableNode) throws(TOMLError) -> TableNode {
        let (parent, name) = try parent(of: key, in: root)
        let node = TableNode(.header)
        switch parent[name] {
        case nil: parent.set(name, .tables(TableNode.List(node)), line: key.line)
        case .tables(let list): list.nodes.append(node)
        default: throw error("key '\(name)' is given twice", key.line)
        }
        return node
    }

    /// Returns the table that contains the last part of a header's key, and that part.
    private func parent(of key: Key, in root: TableNode) throws(TOMLError) -> (TableNode, String) {
        var node = root
        for part in key.parts.dropLast() {
            switch node[part] {
            case nil:
                let next = TableNode(.implied)
                node.set(part, .table(next), line: key.line)
                node = next
            case .table(let next) where next.origin != .inline: node = next
            case .tables(let list): node = list.nodes[list.nodes.count - 1]
            default: throw error("key '\(part)' is not a table that can be extended", key.line)
            }
        }
        return (node, key.parts[key.parts.count - 1])
    }

    /// Parses `key = value` and adds it to a table.
    private mutating func assignment(in table: TableNode, depth: Int) throws(TOMLError) {
        let key = try self.key()
        let name = key.parts[key.parts.count - 1]
        guard scanner.take("=") else {
            throw scanner.error("expected '=' after the key '\(key.parts.joined(separator: "."))'")
        }
        scanner.skipBlanks()
        var node = table
        for part in key.parts.dropLast() {
            switch node[part] {
            case nil:
                let next = TableNode(.dottedKey)
                node.set(part, .table(next), line: key.line)
                node = next
            case .table(let next) where next.origin == .dottedKey: node = next
            default: throw error("key '\(part)' is given twice", key.line)
            }
        }
        guard node[name] == nil else { throw error("key '\(name)' is given twice", key.line) }
        node.set(name, .value(try value(depth: depth + key.parts.count)), line: key.line)
    }

    private mutating func value(depth: Int) throws(TOMLError) -> TOMLValue {
        guard depth <= DocumentParser.maxDepth else { throw scanner.error("values are nested too deeply") }
        if let text = try scanner.string() { return .string(text) }
        if scanner.take("[") { return .array(try elements(depth: depth)) }
        if scanner.take("{") { return .table(try inlineTable(depth: depth)) }
        return try scanner.scalar()
    }

    private mutating func elements(depth: Int) throws(TOMLError) -> [TOMLValue] {
        var values: [TOMLValue] = []
        while true {
            try scanner.skipLines()
            if scanner.take("]") { return values }
            values.append(try value(depth: depth + 1))
            try scanner.skipLines()
            if scanner.take("]") { return values }
            guard scanner.take(",") else { throw scanner.error("expected ',' or ']'") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(TOMLError) -> TOMLTable {
        let node = TableNode(.inline)
        scanner.skipBlanks()
        if scanner.take("}") { return node.table }
        while true {
            try assignment(in: node, depth: depth)
            scanner.skipBlanks()
            if scanner.take("}") { return node.table }
            guard scanner.take(",") else { throw scanner.error("expected ',' or '}' in the line") }
        }
    }
}
