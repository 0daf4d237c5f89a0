internal import Platform
package import Sodium

/// A reader of JSON objects (RFC 8259) that map names to strings, or to objects with a value and metadata.
struct JSONReader {
    private(set) var position: Int

    static func read(_ text: Span<UInt8>, from start: Int) throws(UnreadableText) -> Assignments {
        if let place = text.firstNotText { throw UnreadableText(line: text.line(of: place), .notText) }
        var result = try allocating(Assignments(inTextOf: text.count))
        var value = try allocating(ValueBuffer(inTextOf: text.count))
        var reader = JSONReader(position: start)
        do throws(Unreadable) {
            try reader.expect("{", text)
            reader.skip(text)
            if text.byte(at: reader.position) != UInt8(ascii: "}") {
                try reader.members(text, &value, into: &result)
            }
            try reader.expect("}", text)
            reader.skip(text)
            if reader.position < text.count { throw Unreadable() }
        } catch {
            throw UnreadableText(line: text.line(of: reader.position), error.reason)
        }
        return result
    }

    /// Returns true if exactly `"name": "value"` follows from `start`.
    static func reads(
        _ name: String, _ value: Span<UInt8>, in text: Span<UInt8>, at start: Int, _ back: inout ValueBuffer
    ) -> Bool {
        var reader = JSONReader(position: start)
        do throws(Unreadable) {
            back.removeAll()
            try reader.string(text, into: &back)
            guard back.withBytes({ $0.text(0..<$0.count) }) == name else { return false }
            try reader.expect(":", text)
            reader.skip(text)
            back.removeAll()
            try reader.string(text, into: &back)
        } catch {
            return false
        }
        return reader.position == text.count && back.withBytes { $0.equals(value) }
    }

    private mutating func members(
        _ text: Span<UInt8>, _ value: inout ValueBuffer, into result: inout Assignments
    ) throws(Unreadable) {
        var (line, counted) = (1, 0)
        while true {
            skip(text)
            for index in counted..<position where text[index] == Byte.newline { line += 1 }
            counted = position
            value.removeAll()
            try string(text, into: &value)
            let name = value.withBytes { $0.text(0..<$0.count) }
            guard !value.isTooLong, SecretID.isValidName(name) else { throw Unreadable(reason: .invalidName) }
            if result.contains(name) { throw Unreadable(reason: .repeatedName) }
            try expect(":", text)
            skip(text)
            value.removeAll()
            switch text.byte(at: position) {
            case UInt8(ascii: "{")?:
                result.describe(name, try Metadata.read(text, at: &position, value: &value))
            case Byte.doubleQuote?, nil: try string(text, into: &value)
            default: throw Unreadable(reason: .notAString)
            }
            if value.isTooLong { throw Unreadable(reason: .valueTooLong) }
            do throws(SodiumError) {
                try result.set(name, to: value, line: line)
            } catch {
                throw Unreadable(reason: .outOfMemory)
            }
            skip(text)
            if text.byte(at: position) != UInt8(ascii: ",") { return }
            position += 1
        }
    }

    mutating func skip(_ text: Span<UInt8>) { advance(in: text) { Byte.isOneOf($0, " \t\n\r") } }

    mutating func advance(in text: Span<UInt8>, while isPassed: (UInt8) -> Bool) {
        position = text.skip(from: position, while: isPassed)
    }

    mutating func expect(_ word: String, _ text: Span<UInt8>) throws(Unreadable) {
        skip(text)
        guard text.has(word, at: position) else { throw Unreadable() }
        position += word.utf8.count
    }

    mutating func string(_ text: Span<UInt8>, into value: inout ValueBuffer) throws(Unreadable) {
        guard text.byte(at: position) == Byte.doubleQuote else { throw Unreadable() }
        var index = position + 1
        while let byte = text.byte(at: index), byte >= 0x20 {
            index += 1
            if byte == Byte.doubleQuote {
                position = index
                return
            }
            if byte == Byte.backslash {
                index = try escape(text, index, into: &value)
            } else {
                value.append(byte)
            }
        }
        throw Unreadable()
    }

    private func escape(
        _ text: Span<UInt8>, _ index: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        switch text.byte(at: index) {
        case Byte.doubleQuote?: value.append(Byte.doubleQuote)
        case Byte.backslash?: value.append(Byte.backslash)
        case UInt8(ascii: "/")?: value.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b")?: value.append(8)
        case UInt8(ascii: "f")?: value.append(12)
        case UInt8(ascii: "n")?: value.append(Byte.newline)
        case UInt8(ascii: "r")?: value.append(Byte.carriageReturn)
        case UInt8(ascii: "t")?: value.append(Byte.tab)
        case UInt8(ascii: "u")?: return try unicode(text, index + 1, into: &value)
        default: throw Unreadable()
        }
        return index + 1
    }

    /// Reads `\uXXXX`, or a pair of them for a character beyond the first plane; half a pair is an error.
    private func unicode(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let first = try unit(text, start)
        var (scalar, end) = (first, start + 4)
        if (0xD800..<0xDC00).contains(first), text.has("\\u", at: end) {
            let second = try unit(text, end + 2)
            guard (0xDC00..<0xE000).contains(second) else { throw Unreadable(reason: .notText) }
            (scalar, end) = (0x10000 + (first - 0xD800) << 10 + (second - 0xDC00), end + 6)
        }
        guard let scalar = Unicode.Scalar(scalar) else { throw Unreadable(reason: .notText) }
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { value.append(byte) }
        return end
    }

    private func unit(_ text: Span<UInt8>, _ start: Int) throws(Unreadable) -> UInt32 {
        guard text.count - start >= 4 else { throw Unreadable() }
        var result: UInt32 = 0
        for index in start..<start + 4 {
            let character = Character(Unicode.Scalar(text[index]))
            guard let digit = character.hexDigitValue else { throw Unreadable() }
            result = result << 4 | UInt32(digit)
        }
        return result
    }
}

/// A writer of JSON strings (RFC 8259).
package enum JSONWriter {
    /// Returns true if `value` is UTF-8, which JSON requires.
    package static func canWrite(_ value: Span<UInt8>) -> Bool { value.firstNotText == nil }

    /// Appends `value`, which is UTF-8, between double quotes.
    package static func append(_ value: Span<UInt8>, to text: inout SecretBuffer) throws(SodiumError) {
        try text.append(Byte.doubleQuote)
        for index in value.indices {
            let byte = value[index]
            if let escape = escape(byte) { try text.append(escape.span) } else { try text.append(byte) }
        }
        try text.append(Byte.doubleQuote)
    }

    /// Returns `text` between double quotes.
    static func quoted(_ text: String) -> [UInt8] {
        [Byte.doubleQuote] + text.utf8.flatMap { escape($0) ?? [$0] } + [Byte.doubleQuote]
    }

    /// Returns what stands for a byte in a string; nil if it stands for itself.
    private static func escape(_ byte: UInt8) -> [UInt8]? {
        switch byte {
        case Byte.doubleQuote, Byte.backslash: return [Byte.backslash, byte]
        case Byte.newline: return Array("\\n".utf8)
        case Byte.carriageReturn: return Array("\\r".utf8)
        case Byte.tab: return Array("\\t".utf8)
        case 0..<0x20, 0x7F:
            let digits = Array("0123456789abcdef".utf8)
            return "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        default: return nil
        }
    }
}
