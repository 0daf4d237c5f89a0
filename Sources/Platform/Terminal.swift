internal import CPlatform
internal import Glibc

/// Where a line that a person types goes, byte by byte; a secret one into guarded memory.
public protocol LineBuffer: ~Copyable {
    /// Takes one more byte, or drops it if there is no room.
    mutating func append(typed byte: UInt8)
    /// Forgets the last character; all bytes of it.
    mutating func removeLastCharacter()
    /// Forgets everything.
    mutating func removeAll()
}

/// What ended a prompt without a line.
public enum PromptError: Error, Equatable, Sendable {
    /// The person pressed Ctrl-C or Ctrl-D, or the process was asked to end.
    case cancelled
    /// The terminal failed.
    case terminal(Errno)
}

/// The terminal that controls this process, `/dev/tty`, whatever stdin and stdout are.
public struct Terminal: ~Copyable {
    private let device: Descriptor

    /// Opens the controlling terminal.
    ///
    /// - Throws: ``Errno/noDevice`` if there is none, as under cron.
    public init() throws(Errno) {
        device = try Descriptor(path: "/dev/tty", flags: O_RDWR)
    }

    /// Writes `text` to the terminal.
    public borrowing func write(_ text: String) throws(PromptError) {
        do throws(Errno) {
            try device.writeAll(Array(text.utf8).span)
        } catch {
            throw .terminal(error)
        }
    }

    /// Asks for a line that is not shown while it is typed.
    ///
    /// Backspace, Ctrl-U and Ctrl-W work. What was typed ahead, and what a paste brings after its first line,
    /// is thrown away, so that no part of a secret ends up in a shell.
    ///
    /// - Returns: whether more came right behind the line, as a paste brings it.
    public borrowing func readHiddenLine(
        prompt: String, into line: inout some LineBuffer & ~Copyable
    ) throws(PromptError) -> Bool {
        platform_prompt_begin()
        let before: termios
        do throws(PromptError) {
            before = try attributes()
            var hidden = before
            hidden.c_lflag &= ~tcflag_t(ECHO | ICANON)
            try setAttributes(hidden)
        } catch {
            _ = platform_prompt_end()
            throw error
        }
        var failure: PromptError?
        var moreCame = false
        do throws(PromptError) {
            try write(prompt)
            try readHidden(into: &line)
            moreCame = try discardRest()
        } catch {
            failure = error
        }
        try? setAttributes(before)
        try? write("\n")
        // A signal that came too late for the loop still means what it says.
        if platform_prompt_end() != 0 { failure = .cancelled }
        if let failure { throw failure }
        return moreCame
    }

    /// Throws away what comes without a pause that a person would make; says whether there was anything.
    private borrowing func discardRest() throws(PromptError) -> Bool {
        var isAny = false
        while try isReadable(within: 30), try readByte() != nil { isAny = true }
        return isAny
    }

    private borrowing func readHidden(into line: inout some LineBuffer & ~Copyable) throws(PromptError) {
        while true {
            switch try readByte() {
            case nil, 0x04: throw .cancelled  // end of input, Ctrl-D
            case 0x0A, 0x0D: return
            case 0x08, 0x7F: line.removeLastCharacter()
            case 0x15, 0x17: line.removeAll()  // Ctrl-U, Ctrl-W
            case let byte?: line.append(typed: byte)
            }
        }
    }

    /// Asks for a line that is shown while it is typed.
    public borrowing func readLine(prompt: String) throws(PromptError) -> [UInt8] {
        platform_prompt_begin()
        defer { _ = platform_prompt_end() }
        try write(prompt)
        var line: [UInt8] = []
        while true {
            switch try readByte() {
            case nil where line.isEmpty: throw .cancelled
            case nil, 0x0A: return line
            case let byte? where line.count < 4096: line.append(byte)
            default: break
            }
        }
    }

    /// Waits for input, for so many milliseconds at most, or for ever if they are negative.
    private borrowing func isReadable(within milliseconds: Int32) throws(PromptError) -> Bool {
        let signal = platform_prompt_wait_readable(device.number, milliseconds)
        if signal > 0 { throw .cancelled }
        if signal == 0 { return true }
        guard Errno.current == .timedOut else { throw .terminal(.current) }
        return false
    }

    private borrowing func readByte() throws(PromptError) -> UInt8? {
        _ = try isReadable(within: -1)
        do throws(Errno) {
            var bytes: [1 of UInt8] = [0]
            var span = bytes.mutableSpan
            return try device.read(into: &span) == 0 ? nil : bytes[0]
        } catch {
            throw .terminal(error)
        }
    }

    private borrowing func attributes() throws(PromptError) -> termios {
        var result = termios()
        guard unsafe tcgetattr(device.number, &result) == 0 else { throw .terminal(.current) }
        return result
    }

    private borrowing func setAttributes(_ attributes: termios) throws(PromptError) {
        var attributes = attributes
        guard unsafe tcsetattr(device.number, TCSAFLUSH, &attributes) == 0 else { throw .terminal(.current) }
    }
}
