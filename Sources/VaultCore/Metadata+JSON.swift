internal import Platform

/// Metadata as they are in a vault, a JSON object: vault-format.md, section 5.
extension Metadata {
    /// The JSON object, without white space.
    package var json: [UInt8] {
        var members: [(String, [UInt8])] = []
        func add(_ name: String, _ texts: [String]) {
            if texts.isEmpty { return }
            members.append((name, Metadata.list(texts.map { JSONWriter.quoted($0) }, between: "[", "]")))
        }
        if let description { members.append(("description", JSONWriter.quoted(description))) }
        if let username { members.append(("username", JSONWriter.quoted(username))) }
        add("hosts", hosts)
        add("tags", tags)
        if let expires { members.append(("expires", Array("\(expires)".utf8))) }
        if let rotateEvery { members.append(("rotate_every", Array("\(rotateEvery)".utf8))) }
        if !fields.isEmpty {
            let texts = fields.map { ($0.name, JSONWriter.quoted($0.text)) }
            members.append(("fields", Metadata.object(texts)))
        }
        return Metadata.object(members + others.map { ($0.name, Array($0.text.utf8)) })
    }

    private static func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        list(members.map { JSONWriter.quoted($0) + ":".utf8 + $1 }, between: "{", "}")
    }

    private static func list(_ texts: [[UInt8]], between open: String, _ close: String) -> [UInt8] {
        var result = Array(open.utf8)
        for (index, text) in texts.enumerated() {
            if index > 0 { result += ",".utf8 }
            result += text
        }
        return result + close.utf8
    }

    /// Reads a JSON object; nil if there is none, or one that breaks a rule.
    package init?(json text: Span<UInt8>) {
        guard !text.isEmpty, text.firstNotText == nil, var reader = try? MetadataReader(text) else {
            return nil
        }
        do throws(Unreadable) { self = try reader.metadata(text) } catch { return nil }
        guard reader.isAtEnd(of: text), !isEmpty else { return nil }
    }

    /// Reads the object that an export writes for a secret, with its value in the member `value`.
    ///
    /// - Parameters:
    ///   - position: where the object begins, and then where it ends.
    ///   - value: receives the value.
    static func read(
        _ text: Span<UInt8>, at position: inout Int, value: inout ValueBuffer
    ) throws(Unreadable) -> Metadata {
        guard var reader = try? MetadataReader(text, at: position) else {
            throw Unreadable(reason: .outOfMemory)
        }
        var valueStart: Int?
        let metadata = try reader.metadata(text, valueStart: &valueStart)
        position = reader.position
        guard let valueStart else { throw Unreadable(reason: .notAString) }
        guard metadata.isValid else { throw Unreadable() }
        var strings = JSONReader(position: valueStart)
        try strings.string(text, into: &value)
        return metadata
    }

    /// True if each text follows the rules of the options that set it.
    private var isValid: Bool {
        (description.map(Metadata.isValidText) ?? true) && (username.map(Metadata.isValidUsername) ?? true)
            && hosts.allSatisfy(Metadata.isValidHost) && tags.allSatisfy(Metadata.isValidTag)
            && fields.allSatisfy { Metadata.isValidTag($0.name) && Metadata.isValidText($0.text) }
    }

    /// The members after that of the value, as an export writes them.
    var exported: [UInt8] { isEmpty ? Array("}".utf8) : [UInt8(ascii: ",")] + json.dropFirst() }
}

/// A reader of the JSON object of metadata.
private struct MetadataReader: ~Copyable {
    private var reader: JSONReader
    private var buffer: ValueBuffer

    init(_ text: Span<UInt8>, at position: Int = 0) throws {
        reader = JSONReader(position: position)
        buffer = try ValueBuffer(inTextOf: text.count)
    }

    var position: Int { reader.position }

    mutating func isAtEnd(of text: Span<UInt8>) -> Bool {
        reader.skip(text)
        return reader.position == text.count
    }

    mutating func metadata(_ text: Span<UInt8>) throws(Unreadable) -> Metadata {
        var none: Int? = -1
        return try metadata(text, valueStart: &none)
    }

    /// - Parameter valueStart: nil to take the member `value` for that of the secret: then where its string begins.
    mutating func metadata(
        _ text: Span<UInt8>, valueStart: inout Int?
    ) throws(Unreadable) -> Metadata {
        let takesValue = valueStart == nil
        var metadata = Metadata()
        var names: Set<String> = []
        try members(text) { reader, name throws(Unreadable) in
            guard names.insert(name).inserted else { throw Unreadable() }
            switch name {
            case "value" where takesValue:
                valueStart = reader.position
                try reader.skipString(text)
            case "description": metadata.description = try reader.string(text)
            case "username": metadata.username = try reader.string(text)
            case "hosts": metadata.hosts = try reader.strings(text)
            case "tags": metadata.tags = try reader.strings(text)
            case "expires": metadata.expires = try reader.number(text)
            case "rotate_every": metadata.rotateEvery = try reader.number(text)
            case "fields": metadata.fields = try reader.fields(text)
            default:
                let start = reader.reader.position
                guard let end = JSONSyntax.end(ofValueAt: start, in: text) else { throw Unreadable() }
                reader.reader = JSONReader(position: end)
                let other = text.text(start..<end)
                metadata.others.append(Metadata.Field(name: name, text: other))
            }
        }
        return metadata
    }

    /// Reads an object, and calls `body` at the value of each member.
    private mutating func members(
        _ text: Span<UInt8>, _ body: (inout MetadataReader, String) throws(Unreadable) -> Void
    ) throws(Unreadable) {
        try list(text, "{", "}") { reader throws(Unreadable) in
            let name = try reader.string(text)
            try reader.reader.expect(":", text)
            reader.reader.skip(text)
            try body(&reader, name)
        }
    }

    /// Reads an object of strings, sorted by name.
    private mutating func fields(_ text: Span<UInt8>) throws(Unreadable) -> [Metadata.Field] {
        var (fields, names): ([Metadata.Field], Set<String>) = ([], [])
        try members(text) { reader, name throws(Unreadable) in
            guard names.insert(name).inserted else { throw Unreadable() }
            fields.append(Metadata.Field(name: name, text: try reader.string(text)))
        }
        return fields.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private mutating func strings(_ text: Span<UInt8>) throws(Unreadable) -> [String] {
        var strings: [String] = []
        try list(text, "[", "]") { reader throws(Unreadable) in strings.append(try reader.string(text)) }
        return strings
    }

    /// Reads what is between two brackets, and calls `body` at each element.
    private mutating func list(
        _ text: Span<UInt8>, _ open: String, _ close: String,
        _ body: (inout MetadataReader) throws(Unreadable) -> Void
    ) throws(Unreadable) {
        try reader.expect(open, text)
        reader.skip(text)
        if text.has(close, at: reader.position) { return try reader.expect(close, text) }
        while true {
            reader.skip(text)
            try body(&self)
            reader.skip(text)
            guard text.has(",", at: reader.position) else { return try reader.expect(close, text) }
            try reader.expect(",", text)
        }
    }

    private mutating func string(_ text: Span<UInt8>) throws(Unreadable) -> String {
        buffer.removeAll()
        try reader.string(text, into: &buffer)
        return buffer.withBytes { $0.text(0..<$0.count) }
    }

    /// Reads a string that stays in guarded memory.
    private mutating func skipString(_ text: Span<UInt8>) throws(Unreadable) {
        buffer.removeAll()
        try reader.string(text, into: &buffer)
    }

    private mutating func number(_ text: Span<UInt8>) throws(Unreadable) -> UInt64 {
        let start = reader.position
        reader.advance(in: text, while: Byte.isDigit)
        let word = text.text(start..<reader.position)
        guard let number = UInt64(word), String(number) == word, number < 1 << 53,
            text.byte(at: reader.position).map({ Byte.isOneOf($0, ",} \t\r\n") }) != false
        else { throw Unreadable() }
        return number
    }
}
