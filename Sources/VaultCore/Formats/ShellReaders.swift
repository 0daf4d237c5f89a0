// What a POSIX shell and systemd make of a file of assignments.

/// A shell that reads the file with `.`, as far as it assigns plain values.
struct PosixReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.skip(from: start) { Byte.isBlank($0) || $0 == Byte.newline }
        if index == text.count { return Statement(end: index) }
        if text[index] == Byte.hash {
            return Statement(end: text.first(from: index) { $0 == Byte.newline })
        }
        let word = text.skipExport(from: index)
        // Behind an assignment on the same line, 'export' is a command that the assignment is for.
        if word > index, start > 0, !Byte.isOneOf(text[start - 1], "\n;") {
            guard text.first(from: start, where: { $0 == Byte.newline }) < index else { throw Unreadable() }
        }
        index = word
        let name = index..<text.skip(from: index, while: Byte.isName)
        guard let first = text.byte(at: index), !Byte.isDigit(first), !name.isEmpty else {
            throw Unreadable()
        }
        index = name.upperBound
        guard text.byte(at: index) == Byte.equals else { throw Unreadable() }
        index += 1
        while let byte = text.byte(at: index), !isEnd(byte) {
            index = try piece(text, index, isFirst: index == name.upperBound + 1, into: &value)
        }
        // One semicolon ends an assignment; another one would be an error.
        let next = text.skip(from: index, while: Byte.isBlank)
        if text.byte(at: next) == UInt8(ascii: ";") { index = next + 1 }
        return Statement(name: name, end: index)
    }

    private func isEnd(_ byte: UInt8) -> Bool { Byte.isBlank(byte) || Byte.isOneOf(byte, "\n;") }

    /// Reads one quoted stretch or one bare character.
    private func piece(
        _ text: Span<UInt8>, _ start: Int, isFirst: Bool, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        switch text[start] {
        case Byte.quote:
            let close = text.first(from: start + 1) { $0 == Byte.quote }
            guard close < text.count else { throw Unreadable() }
            value.append(text, start + 1..<close)
            return close + 1
        case Byte.doubleQuote: return try doubleQuoted(text, start + 1, into: &value)
        case Byte.backslash:
            guard let next = text.byte(at: start + 1) else { throw Unreadable() }
            if next != Byte.newline { value.append(next) }
            return start + 2
        case Byte.dollar, Byte.backtick: throw Unreadable(reason: .expands)
        // The path of a home directory, and in zsh of a program.
        case UInt8(ascii: "~") where isFirst || text[start - 1] == UInt8(ascii: ":"),
            Byte.equals where isFirst || text[start - 1] == UInt8(ascii: ":"):
            throw Unreadable(reason: .expands)
        // Operators; and a carriage return would end the value, which nobody means.
        case let byte where Byte.isOneOf(byte, "|&()<>\r\0"): throw Unreadable()
        case let byte:
            value.append(byte)
            return start + 1
        }
    }

    private func doubleQuoted(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        var index = start
        while let byte = text.byte(at: index) {
            index += 1
            switch byte {
            case Byte.doubleQuote: return index
            case Byte.dollar, Byte.backtick: throw Unreadable(reason: .expands)
            case Byte.backslash:
                guard let next = text.byte(at: index) else { throw Unreadable() }
                index += 1
                if next == Byte.newline { continue }
                if !Byte.isOneOf(next, "\"\\$`") { value.append(byte) }
                value.append(next)
            default: value.append(byte)
            }
        }
        throw Unreadable()
    }
}

/// `EnvironmentFile=` of systemd: quotes anywhere, values may span lines, no comment behind a value.
struct SystemdReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var index = text.skip(from: start) { Byte.isBlank($0) || Byte.isLineEnd($0) }
        if index == text.count { return Statement(end: index) }
        if Byte.isOneOf(text[index], "#;") { return Statement(end: try comment(text, index)) }
        let name = index..<text.skip(from: index, while: Byte.isName)
        index = text.skip(from: name.upperBound, while: Byte.isBlank)
        guard text.byte(at: index) == Byte.equals, !name.isEmpty else { throw Unreadable() }
        index = try self.value(text, index + 1, into: &value)
        try refuseControls(value)
        return Statement(name: name, end: index)
    }

    /// Whether a comment goes on behind a backslash differs between versions.
    private func comment(_ text: Span<UInt8>, _ start: Int) throws(Unreadable) -> Int {
        let end = text.first(from: start, where: Byte.isLineEnd)
        if text[end - 1] == Byte.backslash, end < text.count { throw Unreadable(reason: .disagreement) }
        return end
    }

    private func value(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        var index = start
        // How much of the value stays when blanks at its end are cut off.
        var kept = 0
        var isInside = false
        while let byte = text.byte(at: index), !Byte.isLineEnd(byte) {
            index += 1
            switch byte {
            // A quote begins something only where no bare text stands before it.
            case Byte.quote where !isInside, Byte.doubleQuote where !isInside:
                index = try quoted(text, index, byte, into: &value)
                kept = value.count
            case Byte.backslash:
                guard let next = text.byte(at: index) else { throw Unreadable() }
                index += 1
                isInside = true
                if !Byte.isLineEnd(next) { value.append(next) }
                kept = value.count
            case _ where Byte.isBlank(byte):
                if isInside { value.append(byte) }
            default:
                isInside = true
                value.append(byte)
                kept = value.count
            }
        }
        value.truncate(to: kept)
        return index
    }

    private func quoted(
        _ text: Span<UInt8>, _ start: Int, _ quote: UInt8, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        var index = start
        while let byte = text.byte(at: index) {
            index += 1
            if byte == quote { return index }
            if quote == Byte.doubleQuote, byte == Byte.backslash {
                guard let next = text.byte(at: index) else { throw Unreadable() }
                index += 1
                if next == Byte.newline { continue }
                if !Byte.isOneOf(next, "\"\\$`") { value.append(byte) }
                value.append(next)
            } else {
                value.append(byte)
            }
        }
        throw Unreadable()
    }

    /// Variables with control characters but tab and newline are dropped.
    private func refuseControls(_ value: borrowing ValueBuffer) throws(Unreadable) {
        let has = value.withBytes { value in
            value.first(from: 0) { $0 < 0x20 && $0 != Byte.tab && $0 != Byte.newline || $0 == 0x7F }
                < value.count
        }
        if has { throw Unreadable() }
    }
}
