/// Reads files as `node --env-file` does: three quotes without escapes, except `\n` within double ones;
/// values may span lines.
struct NodeReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.contentStart(from: start)
        if index == text.count { return Statement(end: index) }
        if text[index] == Byte.hash { return Statement(end: try comment(text, index)) }
        try refuseTabs(text, start..<index)
        let (name, behindEquals) = try text.assignment(at: text.skipExport(from: index)) {
            Byte.isOneOf($0, "= \t\r\n'\"`#")
        }
        index = text.skip(from: behindEquals, while: Byte.isBlank)
        try refuseTabs(text, name.upperBound..<index)
        switch text.byte(at: index) {
        case Byte.quote?, Byte.doubleQuote?, Byte.backtick?: index = try quoted(text, index, into: &value)
        default: index = try bare(text, index, into: &value)
        }
        return Statement(name: name, end: index)
    }

    /// Node trims spaces, not tabs.
    private func refuseTabs(_ text: Span<UInt8>, _ range: Range<Int>) throws(Unreadable) {
        for place in range where text[place] == Byte.tab { throw Unreadable(reason: .disagreement) }
    }

    /// Node takes an indented comment with an equals sign for an assignment.
    private func comment(_ text: Span<UInt8>, _ start: Int) throws(Unreadable) -> Int {
        let end = text.lineEnd(from: start)
        let isIndented = start > 0 && Byte.isBlank(text[start - 1])
        if isIndented, text.first(from: start, where: { $0 == Byte.equals }) < end {
            throw Unreadable(reason: .disagreement)
        }
        return end
    }

    private func quoted(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let quote = text[start]
        let close = text.first(from: start + 1) { $0 == quote }
        guard close < text.count else {
            throw Unreadable(reason: quote == Byte.backtick ? .disagreement : .malformed)
        }
        var index = start + 1
        while index < close {
            if quote == Byte.doubleQuote, text.has("\\n", at: index) {
                value.append(Byte.newline)
                index += 2
            } else {
                // Node removes the carriage returns of the whole file first.
                if text[index] != Byte.carriageReturn { value.append(text[index]) }
                index += 1
            }
        }
        // Node ignores everything after the quote. A comment there is meant to be ignored, other text is
        // not.
        index = text.skip(from: close + 1, while: Byte.isBlank)
        if text.byte(at: index) == Byte.hash { index = text.lineEnd(from: index) }
        if let byte = text.byte(at: index), !Byte.isLineEnd(byte) { throw Unreadable(reason: .disagreement) }
        return index
    }

    private func bare(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let end = text.lineEnd(from: start)
        var stop = text.first(from: start) { $0 == Byte.hash || Byte.isLineEnd($0) }
        // In a last line without a line end, some versions take a comment for a part of the value.
        if stop < end, end == text.count { throw Unreadable(reason: .disagreement) }
        while stop > start, Byte.isBlank(text[stop - 1]) { stop -= 1 }
        if stop < end, text[stop] == Byte.tab || stop > start && text[stop - 1] == Byte.tab {
            throw Unreadable(reason: .disagreement)
        }
        // With only blanks after the equals sign, some versions take the next line for the value.
        if stop == start, start > 0, Byte.isBlank(text[start - 1]) { throw Unreadable(reason: .disagreement) }
        value.append(text, start..<stop)
        return end
    }
}
