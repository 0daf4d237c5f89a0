/// Reads files as `EnvironmentFile=` of systemd does: quotes anywhere, values may span lines, no comment
/// after a value.
struct SystemdReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        let index = text.contentStart(from: start)
        if index == text.count { return Statement(end: index) }
        if Byte.isOneOf(text[index], "#;") { return Statement(end: try comment(text, index)) }
        let (name, behindEquals) = try text.assignment(at: index) { !Byte.isName($0) }
        let end = try self.value(text, behindEquals, into: &value)
        // systemd drops variables with control characters other than tab and newline.
        let isDropped = value.withBytes { value in
            value.contains { $0 < 0x20 && $0 != Byte.tab && $0 != Byte.newline || $0 == 0x7F }
        }
        if isDropped { throw Unreadable() }
        return Statement(name: name, end: end)
    }

    /// Versions differ on whether a comment goes on after a backslash.
    private func comment(_ text: Span<UInt8>, _ start: Int) throws(Unreadable) -> Int {
        let end = text.lineEnd(from: start)
        if text[end - 1] == Byte.backslash, end < text.count { throw Unreadable(reason: .disagreement) }
        return end
    }

    private func value(
        _ text: Span<UInt8>, _ start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Int {
        var index = start
        // The size of the value without the blanks at its end.
        var kept = 0
        var isInside = false
        while let byte = text.byte(at: index), !Byte.isLineEnd(byte) {
            switch byte {
            // A quote is special only where no bare text precedes it.
            case Byte.quote where !isInside, Byte.doubleQuote where !isInside:
                index = try text.shellQuoted(at: index, refusingExpansion: false, into: &value)
                kept = value.count
                continue
            case Byte.backslash:
                index += 1
                guard let next = text.byte(at: index) else { throw Unreadable() }
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
            index += 1
        }
        value.truncate(to: kept)
        return index
    }
}
