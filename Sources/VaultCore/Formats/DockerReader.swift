/// Reads a line of `docker run --env-file`: no quotes, no escapes; Docker refuses lines of 64 KiB and more.
struct DockerReader: StatementReader {
    private static let maxLine = 65_535

    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        let end = text.first(from: start) { $0 == Byte.newline }
        let name = start..<text.first(from: start) { $0 == Byte.equals }
        guard name.upperBound < end, end - start < DockerReader.maxLine else { throw Unreadable() }
        value.append(text, name.upperBound + 1..<end)
        // Docker cuts off a carriage return at the end; elsewhere one is doubtful. No variable can have a
        // NUL.
        let bad = text.first(from: start) { Byte.isOneOf($0, "\r\0\n") }
        guard bad >= end, end < text.count else { throw Unreadable() }
        return Statement(name: name, end: end + 1)
    }
}
