/// Reads files as python-dotenv does: both quotes know escapes, values may span lines, `${NAME}` is expanded
/// everywhere.
struct PythonReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.contentStart(from: start)
        if index == text.count { return Statement(end: index) }
        if text[index] == Byte.hash { return Statement(end: text.lineEnd(from: index)) }
        let (name, behindEquals) = try text.assignment(at: text.skipExport(from: index)) {
            Byte.isOneOf($0, "=# \t\r\n'\"")
        }
        index = text.skip(from: behindEquals, while: Byte.isBlank)
        switch text.byte(at: index) {
        case Byte.quote?, Byte.doubleQuote?: index = try quoted(text, index, into: &value)
        default: index = try bare(text, index, into: &value)
        }
        try refuseExpansion(value)
        index = text.skip(from: index, while: Byte.isBlank)
        if text.byte(at: index) == Byte.hash { index = text.lineEnd(from: index) }
        if let byte = text.byte(at: index), !Byte.isLineEnd(byte) { throw Unreadable() }
        return Statement(name: name, end: index)
    }

    /// - Returns: the index after the closing quote.
    private func quoted(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let quote = text[start]
        var index = start + 1
        while let byte = text.byte(at: index) {
            if byte == quote { return index + 1 }
            index += 1
            if byte == Byte.backslash, let next = text.byte(at: index) {
                // It looks for the end of the value before it looks at escapes: a quote after a backslash is
                // not the end.
                if next == Byte.backslash, text.byte(at: index + 1) == quote { throw Unreadable() }
                if let meaning = escape(next, within: quote) {
                    value.append(meaning)
                    index += 1
                    continue
                }
            }
            if byte == Byte.carriageReturn {
                // The file is read as text with universal newlines.
                value.append(Byte.newline)
                if text.byte(at: index) == Byte.newline { index += 1 }
            } else {
                value.append(byte)
            }
        }
        throw Unreadable()
    }

    private func escape(_ byte: UInt8, within quote: UInt8) -> UInt8? {
        if byte == Byte.backslash || byte == Byte.quote { return byte }
        guard quote == Byte.doubleQuote else { return nil }
        return switch byte {
        case Byte.doubleQuote: byte
        case UInt8(ascii: "a"): 7
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "t"): 9
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "v"): 11
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "r"): 13
        default: nil
        }
    }

    private func bare(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let end = text.lineEnd(from: start)
        // Versions differ on whether a value can begin with a hash.
        if text.byte(at: start) == Byte.hash { throw Unreadable(reason: .disagreement) }
        var stop = start
        while stop < end, !(text[stop] == Byte.hash && Byte.isBlank(text[stop - 1])) { stop += 1 }
        while stop > start, Byte.isBlank(text[stop - 1]) { stop -= 1 }
        for index in start..<stop {
            // It trims white space beyond blanks, which no other program does.
            let isTrimmed = text[index] < 0x20 && text[index] != Byte.tab || isUnicodeSpace(text, index)
            if isTrimmed { throw Unreadable(reason: .disagreement) }
        }
        value.append(text, start..<stop)
        return end
    }

    /// True if a Unicode white space outside ASCII begins at `index`, or may.
    private func isUnicodeSpace(_ text: Span<UInt8>, _ index: Int) -> Bool {
        switch (text[index], text.byte(at: index + 1) ?? 0) {
        case (0xC2, 0x85), (0xC2, 0xA0), (0xE1, 0x9A), (0xE2, 0x80), (0xE2, 0x81), (0xE3, 0x80): true
        default: false
        }
    }

    private func refuseExpansion(_ value: borrowing ValueBuffer) throws(Unreadable) {
        let expands = value.withBytes { value in
            for index in value.indices where value.has("${", at: index) { return true }
            return false
        }
        if expands { throw Unreadable(reason: .expands) }
    }
}
