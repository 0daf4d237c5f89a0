/// Reads files as a POSIX shell does with `.`, as far as they assign plain values.
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
        // Behind an assignment on the same line, 'export' is a command that runs with that assignment.
        if word > index, start > 0, !Byte.isOneOf(text[start - 1], "\n;") {
            guard text.first(from: start, where: { $0 == Byte.newline }) < index else { throw Unreadable() }
        }
        let name = word..<text.skip(from: word, while: Byte.isName)
        guard let first = text.byte(at: word), !Byte.isDigit(first), !name.isEmpty,
            text.byte(at: name.upperBound) == Byte.equals
        else { throw Unreadable() }
        index = name.upperBound + 1
        while let byte = text.byte(at: index), !isEnd(byte) {
            index = try piece(text, index, isFirst: index == name.upperBound + 1, into: &value)
        }
        // One semicolon ends an assignment; a second one would be an error.
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
        case Byte.quote, Byte.doubleQuote:
            return try text.shellQuoted(at: start, refusingExpansion: true, into: &value)
        case Byte.backslash:
            guard let next = text.byte(at: start + 1) else { throw Unreadable() }
            if next != Byte.newline { value.append(next) }
            return start + 2
        case Byte.dollar, Byte.backtick: throw Unreadable(reason: .expands)
        // `~` is expanded to a home directory, and `=` in zsh to the path of a program.
        case UInt8(ascii: "~") where isFirst || text[start - 1] == UInt8(ascii: ":"),
            Byte.equals where isFirst || text[start - 1] == UInt8(ascii: ":"):
            throw Unreadable(reason: .expands)
        // These are operators, or end the value where nobody means it to end.
        case let byte where Byte.isOneOf(byte, "|&()<>\r\0"): throw Unreadable()
        case let byte:
            value.append(byte)
            return start + 1
        }
    }
}

extension Span<UInt8> {
    /// Reads the quoted text whose first quote is at `start`.
    ///
    /// Between double quotes, a backslash escapes `"`, `\`, `$`, a backtick and a line end; everywhere else
    /// it stands for itself.
    ///
    /// - Returns: the index after the closing quote.
    func shellQuoted(
        at start: Int, refusingExpansion: Bool, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        let (quote, isDouble) = (self[start], self[start] == Byte.doubleQuote)
        let refusesExpansion = isDouble && refusingExpansion
        var index = start + 1
        while let byte = byte(at: index) {
            index += 1
            switch byte {
            case quote: return index
            case Byte.dollar where refusesExpansion, Byte.backtick where refusesExpansion:
                throw Unreadable(reason: .expands)
            case Byte.backslash where isDouble:
                guard let next = self.byte(at: index) else { throw Unreadable() }
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
