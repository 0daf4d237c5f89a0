/// Reads `set -gx NAME 'value'` of fish, to check what was written.
struct FishReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        guard text.has("set -gx ", at: start) else { throw Unreadable() }
        let name = start + 8..<text.skip(from: start + 8, while: Byte.isName)
        guard text.has(" '", at: name.upperBound) else { throw Unreadable() }
        var index = name.upperBound + 2
        while let byte = text.byte(at: index), byte != Byte.quote {
            // Only backslashes that escape something are written.
            if byte == Byte.backslash { index += 1 }
            guard let byte = text.byte(at: index), byte != 0 else { throw Unreadable() }
            value.append(byte)
            index += 1
        }
        guard text.has("'\n", at: index) else { throw Unreadable() }
        return Statement(name: name, end: index + 2)
    }
}
