/// Reads files as `dotenv` of direnv does: one line for a value, `\n` in double quotes; `$` is expanded
/// except in single quotes.
struct DirenvReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.skip(from: start) { isSpace($0) }
        if index == text.count { return Statement(end: index) }
        let end = text.lineEnd(from: index)
        if text[index] == Byte.hash { return Statement(end: end) }
        let (name, behindEquals) = try text.assignment(at: text.skipExport(from: index)) {
            !Byte.isName($0) && $0 != UInt8(ascii: ".")
        }
        index = text.skip(from: behindEquals, while: Byte.isBlank)
        guard let first = text.byte(at: index), index < end, first != Byte.hash else {
            return Statement(name: name, end: end)
        }
        switch first {
        case Byte.quote: value.append(text, index + 1..<(try closing(first, text, index..<end)))
        case Byte.doubleQuote:
            try doubleQuoted(text, index + 1..<closing(first, text, index..<end), into: &value)
        default:
            let stop = text.first(from: index) { $0 == Byte.hash || isSpace($0) }
            guard isRest(text, stop..<end) else { throw Unreadable() }
            for place in index..<stop where text[place] == Byte.dollar { throw Unreadable(reason: .expands) }
            value.append(text, index..<stop)
        }
        return Statement(name: name, end: end)
    }

    /// The index of the last quote that only blanks or a comment follow.
    private func closing(
        _ quote: UInt8, _ text: Span<UInt8>, _ line: Range<Int>
    ) throws(Unreadable) -> Int {
        let index = line.dropFirst().last { text[$0] == quote && isRest(text, $0 + 1..<line.upperBound) }
        guard let index else { throw Unreadable() }
        return index
    }

    private func doubleQuoted(
        _ text: Span<UInt8>, _ range: Range<Int>, into value: inout ValueBuffer
    ) throws(Unreadable) {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = text[index]
            index += 1
            if byte == Byte.dollar { throw Unreadable(reason: .expands) }
            guard byte == Byte.backslash, index < range.upperBound else {
                value.append(byte)
                continue
            }
            switch text[index] {
            case UInt8(ascii: "n"): value.append(Byte.newline)
            case UInt8(ascii: "r"): value.append(Byte.carriageReturn)
            case Byte.dollar: throw Unreadable(reason: .expands)
            case let escaped:
                // It replaces `\n` before it looks at escapes, so within `\\n` too.
                let next = index + 1 < range.upperBound ? text[index + 1] : 0
                if escaped == Byte.backslash, next == UInt8(ascii: "n") || next == UInt8(ascii: "r") {
                    throw Unreadable(reason: .disagreement)
                }
                value.append(escaped)
            }
            index += 1
        }
    }

    /// True if only blanks and a comment are in `range`, which ends with a line.
    private func isRest(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let index = text.skip(from: range.lowerBound) { isSpace($0) && !Byte.isLineEnd($0) }
        return index >= range.upperBound || text[index] == Byte.hash
    }

    private func isSpace(_ byte: UInt8) -> Bool { Byte.isOneOf(byte, " \t\n\r\u{0C}") }
}
