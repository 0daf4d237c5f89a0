internal import Sodium

/// A way to write a value that some program reads back.
enum Quoting: CaseIterable {
    /// Without quotes, unchanged.
    case bare
    /// Between single quotes, unchanged.
    case single
    /// Between double quotes, unchanged.
    case double
    /// Between backticks, unchanged.
    case backtick
    /// Between single quotes; a quote becomes `'\''`.
    case shell
    /// Between double quotes; a backslash precedes every byte that is special to a shell there.
    case doubleShell
    /// Between double quotes; a backslash precedes backslashes and quotes, and line ends become `\n` and
    /// `\r`.
    case doubleEscaped
    /// Between single quotes; a backslash precedes backslashes and quotes.
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
