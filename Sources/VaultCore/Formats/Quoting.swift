internal import Sodium

/// A way to write a value so that some program reads it back.
enum Quoting: CaseIterable {
    /// As it is.
    case bare
    /// Between single quotes, as it is.
    case single
    /// Between double quotes, as it is.
    case double
    /// Between backticks, as it is.
    case backtick
    /// Between single quotes; a quote in it as `'\''`.
    case shell
    /// Between double quotes; a backslash before what a shell looks for there.
    case doubleShell
    /// Between double quotes; a backslash before backslash and quote, line ends as `\n` and `\r`.
    case doubleEscaped
    /// Between single quotes; a backslash before backslash and quote.
    case singleEscaped

    /// Appends `value`.
    func write(_ value: Span<UInt8>, to text: inout SecretBuffer) throws(SodiumError) {
        if let quote { try text.append(quote) }
        for index in value.indices { try write(value[index], to: &text) }
        if let quote { try text.append(quote) }
    }

    private var quote: UInt8? {
        switch self {
        case .bare: nil
        case .single, .shell, .singleEscaped: Byte.quote
        case .double, .doubleShell, .doubleEscaped: Byte.doubleQuote
        case .backtick: Byte.backtick
        }
    }

    private func write(_ byte: UInt8, to text: inout SecretBuffer) throws(SodiumError) {
        switch self {
        case .bare, .single, .double, .backtick: break
        case .shell:
            if byte == Byte.quote { return try text.append(Array("'\\''".utf8).span) }
        case .doubleShell:
            if Byte.isOneOf(byte, "\"\\$`") { try text.append(Byte.backslash) }
        case .doubleEscaped:
            if Byte.isOneOf(byte, "\"\\\n\r") { try text.append(Byte.backslash) }
            if byte == Byte.newline { return try text.append(UInt8(ascii: "n")) }
            if byte == Byte.carriageReturn { return try text.append(UInt8(ascii: "r")) }
        case .singleEscaped:
            if Byte.isOneOf(byte, "'\\") { try text.append(Byte.backslash) }
        }
        try text.append(byte)
    }
}

/// `set -gx NAME 'value'` of fish, to read back what was written.
struct FishReader: StatementReader {
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        guard text.has("set -gx ", at: start) else { throw Unreadable() }
        let name = start + 8..<text.skip(from: start + 8, while: Byte.isName)
        guard text.has(" '", at: name.upperBound) else { throw Unreadable() }
        var index = name.upperBound + 2
        while let byte = text.byte(at: index), byte != Byte.quote {
            // A backslash that escapes nothing stands for itself; none is written.
            if byte == Byte.backslash { index += 1 }
            guard let byte = text.byte(at: index), byte != 0 else { throw Unreadable() }
            value.append(byte)
            index += 1
        }
        guard text.has("'\n", at: index) else { throw Unreadable() }
        return Statement(name: name, end: index + 2)
    }
}

/// A line of `docker run --env-file`: no quotes, no escapes; lines of 64 KiB and more are refused there.
struct DockerReader: StatementReader {
    private static let maxLine = 65_535

    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        let end = text.first(from: start) { $0 == Byte.newline }
        let name = start..<text.first(from: start) { $0 == Byte.equals }
        guard name.upperBound < end, end - start < DockerReader.maxLine else { throw Unreadable() }
        value.append(text, name.upperBound + 1..<end)
        // A carriage return at the end is cut off; in the middle one is doubtful. No variable can have a NUL.
        let bad = text.first(from: start) { Byte.isOneOf($0, "\r\0\n") }
        guard bad >= end, end < text.count else { throw Unreadable() }
        return Statement(name: name, end: end + 1)
    }
}
