internal import Platform
internal import Sodium

/// The clipboard of the terminal, by the control sequence OSC 52.
///
/// The terminal may be at the other end of an SSH connection. It does not tell whether it took the value.
enum TerminalClipboard {
    case direct
    /// Inside tmux, whose program this is. It passes a value on in its own way.
    case tmux(ChildProgram?)
    /// Inside GNU Screen, which passes short pieces of a sequence on.
    case screen

    /// The most bytes of a value: 100,000 bytes of the sequence, which is the limit of some terminals.
    private static let limit = 74_994

    /// Returns the way to the terminal's clipboard; nil if there is no terminal that could have one.
    ///
    /// The Linux console and terminals that ignore the sequence badly would show the value.
    static func find() -> TerminalClipboard? {
        guard let kind = ClipboardEnvironment.value("TERM"), kind != "dumb", kind != "linux",
            (try? Terminal()) != nil
        else { return nil }
        if ClipboardEnvironment.value("TMUX") != nil {
            return .tmux(ChildProgram.find("tmux").map { ChildProgram($0, loadingArguments) })
        }
        return ClipboardEnvironment.value("STY") != nil ? .screen : .direct
    }

    /// Makes tmux give the value on its standard input to the terminal, and forget it.
    private static var loadingArguments: [String] {
        let buffer = "vault-\(CurrentProcess.identifier)"
        return ["load-buffer", "-w", "-b", buffer, "-", ";", "delete-buffer", "-b", buffer]
    }

    /// Gives a value to the terminal.
    func copy(_ value: Span<UInt8>) throws(ClipboardError) {
        if value.count > TerminalClipboard.limit { throw .tooLong(limit: TerminalClipboard.limit) }
        if case .tmux(let program?) = self {
            let outcome = try system { () throws(Errno) in
                try program.run(giving: value, keeping: ClipboardEnvironment.indices)
            }
            if outcome.status == 0, outcome.hasReadInput { return }
            // Before version 3.2 it has no -w, but passes the sequence on.
        }
        let sequence = try withMemory(try self.sequence(value))
        let terminal = try system { () throws(Errno) in try Terminal() }
        do throws(PromptError) {
            try sequence.withBytes { bytes throws(PromptError) in try terminal.write(bytes) }
        } catch {
            if case .terminal(let error) = error { throw .system(error) }
            throw .system(.ioError)
        }
    }

    /// Returns the sequence that sets the clipboard.
    func sequence(_ value: Span<UInt8>) throws(SodiumError) -> SecretBuffer {
        var sequence = try SecretBuffer(capacity: value.count * 2 + 64)
        let start = "\u{1B}]52;c;"
        switch self {
        case .direct: try sequence.append(text: start)
        case .tmux: try sequence.append(text: "\u{1B}Ptmux;\u{1B}" + start)
        case .screen: try sequence.append(text: "\u{1B}P" + start)
        }
        for index in stride(from: 0, to: value.count, by: 3) {
            // Screen takes no more than 768 bytes at a time.
            if case .screen = self, index > 0, index.isMultiple(of: 300) {
                try sequence.append(text: "\u{1B}\\\u{1B}P")
            }
            try sequence.append(base64: value.extracting(index..<min(index + 3, value.count)))
        }
        if case .direct = self {
            try sequence.append(0x07)
        } else {
            try sequence.append(text: "\u{07}\u{1B}\\")
        }
        return sequence
    }
}

extension SecretBuffer {
    fileprivate mutating func append(text: String) throws(SodiumError) {
        try append(Array(text.utf8).span)
    }

    /// Appends one to three bytes as four characters of Base64.
    fileprivate mutating func append(base64 bytes: Span<UInt8>) throws(SodiumError) {
        var bits: UInt32 = 0
        for index in 0..<3 { bits = bits << 8 | (index < bytes.count ? UInt32(bytes[index]) : 0) }
        for index in 0..<4 {
            let digit = UInt8(truncatingIfNeeded: bits >> UInt32(18 - 6 * index) & 63)
            try append(index <= bytes.count ? SecretBuffer.character(digit) : UInt8(ascii: "="))
        }
    }

    /// Returns the character of Base64 for a digit, without looking it up at an address that is secret.
    private static func character(_ digit: UInt8) -> UInt8 {
        switch digit {
        case 0..<26: UInt8(ascii: "A") + digit
        case 26..<52: UInt8(ascii: "a") + digit - 26
        case 52..<62: UInt8(ascii: "0") + digit - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }
}
