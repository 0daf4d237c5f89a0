// What python-dotenv, node and direnv make of a file named .env. Each reads its own language; what is here is
// strict where their versions differ, so that nothing is read but what all of them read so.

/// python-dotenv: both quotes know escapes, values may span lines, `${NAME}` is expanded everywhere.
struct PythonReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.skip(from: start) { Byte.isBlank($0) || Byte.isLineEnd($0) }
        if index == text.count { return Statement(end: index) }
        if text[index] == Byte.hash { return Statement(end: text.first(from: index, where: Byte.isLineEnd)) }
        index = text.skipExport(from: index)
        let name = index..<text.first(from: index) { Byte.isOneOf($0, "=# \t\r\n'\"") }
        index = text.skip(from: name.upperBound, while: Byte.isBlank)
        guard text.byte(at: index) == Byte.equals, !name.isEmpty else { throw Unreadable() }
        let behindEquals = index + 1
        index = text.skip(from: behindEquals, while: Byte.isBlank)
        switch text.byte(at: index) {
        case Byte.quote?, Byte.doubleQuote?: index = try quoted(text, index, into: &value)
        default: index = try bare(text, index, isDetached: index > behindEquals, into: &value)
        }
        try refuseExpansion(value)
        index = text.skip(from: index, while: Byte.isBlank)
        if text.byte(at: index) == Byte.hash { index = text.first(from: index, where: Byte.isLineEnd) }
        if let byte = text.byte(at: index), !Byte.isLineEnd(byte) { throw Unreadable() }
        return Statement(name: name, end: index)
    }

    /// - Returns: where the text goes on behind the closing quote.
    private func quoted(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let quote = text[start]
        var index = start + 1
        while let byte = text.byte(at: index) {
            if byte == quote { return index + 1 }
            index += 1
            if byte == Byte.backslash, let next = text.byte(at: index) {
                // Where the value ends is found before escapes are looked at: behind a backslash a quote does not end it.
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
        _ text: Span<UInt8>, _ start: Int, isDetached: Bool, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let end = text.first(from: start, where: Byte.isLineEnd)
        // Whether a value can begin with a hash changed over the versions.
        if text.byte(at: start) == Byte.hash { throw Unreadable(reason: .disagreement) }
        var stop = start
        while stop < end, !(text[stop] == Byte.hash && Byte.isBlank(text[stop - 1])) { stop += 1 }
        while stop > start, Byte.isBlank(text[stop - 1]) { stop -= 1 }
        for index in start..<stop {
            // White space beyond blanks is trimmed there too, as by no other.
            let isTrimmed = text[index] < 0x20 && text[index] != Byte.tab || isOddSpace(text, index)
            if isTrimmed { throw Unreadable(reason: .disagreement) }
        }
        value.append(text, start..<stop)
        return end
    }

    /// Whether a white space of Unicode beyond ASCII begins at `index`, or may.
    private func isOddSpace(_ text: Span<UInt8>, _ index: Int) -> Bool {
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

/// `node --env-file`: three quotes without escapes, but for `\n` within double ones; a value may span lines.
struct NodeReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.skip(from: start) { Byte.isBlank($0) || Byte.isLineEnd($0) }
        if index == text.count { return Statement(end: index) }
        if text[index] == Byte.hash { return Statement(end: try comment(text, index)) }
        for place in start..<index where text[place] == Byte.tab { throw Unreadable(reason: .disagreement) }
        index = text.skipExport(from: index)
        let name = index..<text.first(from: index) { Byte.isOneOf($0, "= \t\r\n'\"`#") }
        index = text.skip(from: name.upperBound, while: Byte.isBlank)
        guard text.byte(at: index) == Byte.equals, !name.isEmpty else { throw Unreadable() }
        index = text.skip(from: index + 1, while: Byte.isBlank)
        // It trims spaces, not tabs.
        for place in name.upperBound..<index where text[place] == Byte.tab {
            throw Unreadable(reason: .disagreement)
        }
        switch text.byte(at: index) {
        case Byte.quote?, Byte.doubleQuote?, Byte.backtick?: index = try quoted(text, index, into: &value)
        default: index = try bare(text, index, into: &value)
        }
        return Statement(name: name, end: index)
    }

    /// A comment that is indented and has an equals sign is none to it.
    private func comment(_ text: Span<UInt8>, _ start: Int) throws(Unreadable) -> Int {
        let end = text.first(from: start, where: Byte.isLineEnd)
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
                // Its carriage returns are taken out of the whole file first.
                if text[index] != Byte.carriageReturn { value.append(text[index]) }
                index += 1
            }
        }
        // It ignores what stands behind the quote; a comment may be meant to be, anything else is not.
        index = text.skip(from: close + 1, while: Byte.isBlank)
        if text.byte(at: index) == Byte.hash { index = text.first(from: index, where: Byte.isLineEnd) }
        if let byte = text.byte(at: index), !Byte.isLineEnd(byte) { throw Unreadable(reason: .disagreement) }
        return index
    }

    private func bare(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let end = text.first(from: start, where: Byte.isLineEnd)
        var stop = text.first(from: start) { $0 == Byte.hash || Byte.isLineEnd($0) }
        // In a last line without an end, versions take a comment for a part of the value.
        if stop < end, end == text.count { throw Unreadable(reason: .disagreement) }
        while stop > start, Byte.isBlank(text[stop - 1]) { stop -= 1 }
        if stop < end, text[stop] == Byte.tab || stop > start && text[stop - 1] == Byte.tab {
            throw Unreadable(reason: .disagreement)
        }
        // Blanks behind the equals sign and nothing more: versions differ on whether the next line is the value.
        if stop == start, start > 0, Byte.isBlank(text[start - 1]) { throw Unreadable(reason: .disagreement) }
        // Others would take a carriage return for the end of a line.
        value.append(text, start..<stop)
        return end
    }
}

/// `dotenv` of direnv: one line a value, with `\n` in double quotes; `$` is expanded but in single quotes.
struct DirenvReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.skip(from: start) { isSpace($0) }
        if index == text.count { return Statement(end: index) }
        let end = text.first(from: index, where: Byte.isLineEnd)
        if text[index] == Byte.hash { return Statement(end: end) }
        index = text.skipExport(from: index)
        let name = index..<text.skip(from: index) { Byte.isName($0) || $0 == UInt8(ascii: ".") }
        index = text.skip(from: name.upperBound, while: Byte.isBlank)
        guard text.byte(at: index) == Byte.equals, !name.isEmpty else { throw Unreadable() }
        index = text.skip(from: index + 1, while: Byte.isBlank)
        guard let first = text.byte(at: index), index < end, first != Byte.hash else {
            return Statement(name: name, end: end)
        }
        if first == Byte.quote || first == Byte.doubleQuote {
            try quoted(text, index..<closing(first, text, index..<end), into: &value)
        } else {
            let stop = text.first(from: index) { $0 == Byte.hash || isSpace($0) }
            guard isRest(text, stop..<end) else { throw Unreadable() }
            for place in index..<stop where text[place] == Byte.dollar { throw Unreadable(reason: .expands) }
            value.append(text, index..<stop)
        }
        return Statement(name: name, end: end)
    }

    /// Where the last quote is that only blanks or a comment follow.
    private func closing(
        _ quote: UInt8, _ text: Span<UInt8>, _ line: Range<Int>
    ) throws(Unreadable) -> Int {
        var index = line.upperBound - 1
        while index > line.lowerBound {
            if text[index] == quote, isRest(text, index + 1..<line.upperBound) { return index }
            index -= 1
        }
        throw Unreadable()
    }

    /// The value between the quotes, of which `range` has the first and not the last.
    private func quoted(
        _ text: Span<UInt8>, _ range: Range<Int>, into value: inout ValueBuffer
    ) throws(Unreadable) {
        guard text[range.lowerBound] == Byte.doubleQuote else {
            return value.append(text, range.lowerBound + 1..<range.upperBound)
        }
        var index = range.lowerBound + 1
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
                // `\n` is looked for before escapes are: within `\\n` too.
                let next = index + 1 < range.upperBound ? text[index + 1] : 0
                if escaped == Byte.backslash, next == UInt8(ascii: "n") || next == UInt8(ascii: "r") {
                    throw Unreadable(reason: .disagreement)
                }
                value.append(escaped)
            }
            index += 1
        }
    }

    private func isRest(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let index = text.skip(from: range.lowerBound) { isSpace($0) && !Byte.isLineEnd($0) }
        return index >= range.upperBound || text[index] == Byte.hash
    }

    private func isSpace(_ byte: UInt8) -> Bool { Byte.isOneOf(byte, " \t\n\r\u{0C}") }
}
