internal import Platform

/// A checker of JSON texts (RFC 8259): one pass without recursion.
struct JSONSyntax {
    private var position = 0
    /// For each array and object around the position, whether it is an object.
    private var nesting: [Bool] = []

    /// The maximum number of arrays and objects around a value.
    static let maxDepth = 512

    /// What may come next.
    private enum Expectation {
        case value
        /// A value, or the end of an array that has none.
        case firstElement
        case key
        /// A key, or the end of an object that has none.
        case firstKey
        /// A comma, or the end of what is around.
        case more
    }

    /// An error at the position.
    private enum Malformed: Error {
        case syntax
        case tooDeep
    }

    /// Returns why a text is not JSON; nil if it is.
    static func problem(in text: Span<UInt8>) -> String? {
        if text.firstNotText != nil { return "not UTF-8 text" }
        var checker = JSONSyntax()
        do throws(Malformed) {
            try checker.value(text)
            checker.skip(text)
            if checker.position < text.count { throw .syntax }
            return nil
        } catch .tooDeep {
            return "more than \(maxDepth) arrays and objects are nested"
        } catch {
            return checker.position >= text.count
                ? "it ends too early" : "there is an error in line \(text.line(of: checker.position))"
        }
    }

    /// Returns where the value ends that begins at `start` of a text in UTF-8; nil if that is none.
    static func end(ofValueAt start: Int, in text: Span<UInt8>) -> Int? {
        var checker = JSONSyntax(position: start)
        do throws(Malformed) {
            try checker.value(text)
            return checker.position
        } catch {
            return nil
        }
    }

    private mutating func value(_ text: Span<UInt8>) throws(Malformed) {
        var expected = Expectation.value
        repeat {
            skip(text)
            let byte = text.byte(at: position) ?? 0
            switch (expected, byte) {
            case (.firstElement, UInt8(ascii: "]")), (.firstKey, UInt8(ascii: "}")): expected = leave()
            case (.value, _), (.firstElement, _): expected = try value(byte, text)
            case (.key, Byte.doubleQuote), (.firstKey, Byte.doubleQuote):
                try string(text)
                skip(text)
                guard text.byte(at: position) == UInt8(ascii: ":") else { throw .syntax }
                position += 1
                expected = .value
            case (.more, UInt8(ascii: ",")):
                position += 1
                expected = nesting.last == true ? .key : .value
            case (.more, UInt8(ascii: "]")) where nesting.last == false: expected = leave()
            case (.more, UInt8(ascii: "}")) where nesting.last == true: expected = leave()
            default: throw .syntax
            }
        } while expected != .more || !nesting.isEmpty
    }

    private mutating func value(_ byte: UInt8, _ text: Span<UInt8>) throws(Malformed) -> Expectation {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = byte == UInt8(ascii: "{")
            guard nesting.count < JSONSyntax.maxDepth else { throw .tooDeep }
            nesting.append(isObject)
            position += 1
            return isObject ? .firstKey : .firstElement
        case Byte.doubleQuote: try string(text)
        case UInt8(ascii: "t"): try word("true", text)
        case UInt8(ascii: "f"): try word("false", text)
        case UInt8(ascii: "n"): try word("null", text)
        default: try number(text)
        }
        return .more
    }

    private mutating func leave() -> Expectation {
        nesting.removeLast()
        position += 1
        return .more
    }

    private mutating func skip(_ text: Span<UInt8>) {
        position = text.skip(from: position) { Byte.isOneOf($0, " \t\n\r") }
    }

    private mutating func word(_ word: String, _ text: Span<UInt8>) throws(Malformed) {
        guard text.has(word, at: position) else { throw .syntax }
        position += word.utf8.count
    }

    private mutating func string(_ text: Span<UInt8>) throws(Malformed) {
        position += 1
        while let byte = text.byte(at: position), byte >= 0x20 {
            position += 1
            if byte == Byte.doubleQuote { return }
            guard byte == Byte.backslash else { continue }
            guard let escaped = text.byte(at: position), "\"\\/bfnrtu".utf8.contains(escaped) else { break }
            position += 1
            guard escaped == UInt8(ascii: "u") else { continue }
            for _ in 0..<4 {
                guard let digit = text.byte(at: position), JSONSyntax.isHex(digit) else { throw .syntax }
                position += 1
            }
        }
        throw .syntax
    }

    private mutating func number(_ text: Span<UInt8>) throws(Malformed) {
        if text.byte(at: position) == UInt8(ascii: "-") { position += 1 }
        if text.byte(at: position) == UInt8(ascii: "0") { position += 1 } else { try digits(text) }
        if text.byte(at: position) == UInt8(ascii: ".") {
            position += 1
            try digits(text)
        }
        guard let byte = text.byte(at: position), byte | 0x20 == UInt8(ascii: "e") else { return }
        position += 1
        if let sign = text.byte(at: position), "+-".utf8.contains(sign) { position += 1 }
        try digits(text)
    }

    private mutating func digits(_ text: Span<UInt8>) throws(Malformed) {
        let end = text.skip(from: position, while: Byte.isDigit)
        if end == position { throw .syntax }
        position = end
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        Byte.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
