internal import CPlatform
internal import Glibc

/// A buffer for a line that is typed byte by byte; in guarded memory for a secret.
public protocol LineBuffer: ~Copyable {
    /// Appends a byte, or drops it if the buffer is full.
    mutating func append(typed byte: UInt8)
    /// Removes all bytes of the last character.
    mutating func removeLastCharacter()
    /// Removes everything.
    mutating func removeAll()
}

/// The reason why a prompt ended without a line.
public enum PromptError: Error, Equatable, Sendable {
    /// The user pressed Ctrl-C or Ctrl-D, or a signal asked the process to end.
    case cancelled
    /// The process is in the background of its terminal, and no shell can bring it to the foreground.
    case inBackground
    /// A call for the terminal failed.
    case terminal(Errno)
}

/// The controlling terminal of this process, `/dev/tty`, whatever standard input and output are.
///
/// From its first prompt until the value goes away, other commands of the same pipeline wait with theirs.
public struct Terminal: ~Copyable {
    private let device: Descriptor
    private let queue: Descriptor?

    /// Opens the controlling terminal.
    ///
    /// - Parameter directory: a private directory for the lock by which this user's processes wait for each
    ///   other's prompts; if it is nil or cannot be used, they do not wait.
    /// - Throws: ``Errno/noDevice`` if there is no terminal, as under cron.
    public init(queueingIn directory: String? = nil) throws(Errno) {
        // Reading must not wait: Ctrl-Z and Ctrl-C discard input that was readable a moment before.
        device = try Descriptor(path: "/dev/tty", flags: O_RDWR | O_NONBLOCK)
        queue = directory.flatMap { Terminal.openQueue(in: $0) }
    }

    private static func openQueue(in directory: String) -> Descriptor? {
        guard (try? PrivateDirectory.prepare(directory)) != nil else { return nil }
        let path = Path.join(directory, "prompt.lock")
        return try? Descriptor(path: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    }

    /// Writes `text` to the terminal.
    public borrowing func write(_ text: String) throws(PromptError) {
        try write(Array(text.utf8).span)
    }

    /// Writes bytes, which may be secret, to the terminal.
    public borrowing func write(_ bytes: Span<UInt8>) throws(PromptError) {
        do throws(Errno) {
            try InheritedDescriptor(number: device.number).writeAll(bytes)
        } catch {
            throw .terminal(error)
        }
    }

    /// Prompts for a line that is not shown while it is typed.
    ///
    /// Backspace, Ctrl-U and Ctrl-W work. Ctrl-Z restores the terminal and stops the process, which prompts
    /// again when it is continued. Input that was typed ahead, or pasted after the first line, is discarded,
    /// so that no part of a secret reaches a shell.
    ///
    /// - Returns: true if more input followed the line at once, as in a paste.
    public borrowing func readHiddenLine(
        prompt: String, into line: inout some LineBuffer & ~Copyable
    ) throws(PromptError) -> Bool {
        try ask { () throws(Interruption) in
            line.removeAll()
            return try withoutEcho(prompt, into: &line)
        }
    }

    /// Prompts for a line that is shown while it is typed.
    public borrowing func readLine(prompt: String) throws(PromptError) -> [UInt8] {
        try ask { () throws(Interruption) in try shownLine(prompt) }
    }
}

/// The reason why a line is abandoned while it is typed.
private enum Interruption: Error {
    case failed(PromptError)
    /// The process was continued or is asked to stop; the prompt has to be repeated.
    case paused
}

/// The result of reading one byte without waiting.
private enum Input {
    case byte(UInt8)
    case end
    case nothing
}

extension Terminal {
    private borrowing func ask<R>(_ body: () throws(Interruption) -> R) throws(PromptError) -> R {
        while true {
            try begin()
            if let result = try end(Result(catching: body)) { return result }
        }
    }

    /// Waits for this process's turn and for the foreground, with signals as usual, and then begins to record
    /// signals.
    private borrowing func begin() throws(PromptError) {
        setTurn(isTaken: true)
        switch platform_wait_for_foreground(device.number) {
        case 0: platform_prompt_begin()
        case 1: throw .inBackground
        default: throw .terminal(.current)
        }
    }

    private borrowing func setTurn(isTaken: Bool) {
        switch queue {
        case .some(let queue): platform_set_turn(queue.number, device.number, isTaken ? 1 : 0)
        case .none: break
        }
    }

    /// Ends the recording of signals and obeys the one that arrived meanwhile.
    ///
    /// - Returns: nil if the process was stopped or continued and the prompt has to be repeated.
    private borrowing func end<R>(_ outcome: Result<R, Interruption>) throws(PromptError) -> R? {
        let signal = platform_prompt_end()
        if signal == SIGTSTP || signal == SIGCONT {
            if case .failure(.failed(let error)) = outcome { throw error }
            setTurn(isTaken: false)
            if signal == SIGTSTP { raise(SIGTSTP) }
            return nil
        }
        // A signal to end counts even if it arrived after the line.
        if signal != 0 { throw .cancelled }
        switch outcome {
        case .success(let line): return line
        case .failure(.failed(let error)): throw error
        case .failure(.paused): return nil
        }
    }

    private borrowing func withoutEcho(
        _ prompt: String, into line: inout some LineBuffer & ~Copyable
    ) throws(Interruption) -> Bool {
        let before = try attributes()
        var hidden = before
        hidden.c_lflag &= ~tcflag_t(ECHO | ICANON)
        try setAttributes(hidden)
        defer { restore(before.c_lflag & ~hidden.c_lflag) }
        try show(prompt)
        try readHidden(into: &line)
        return try discardRest()
    }

    /// Turns on the local modes that were turned off here, and no others: if another program had turned off
    /// the echo, it stays off.
    private borrowing func restore(_ modes: tcflag_t) {
        // A process that was continued in the background must not change the terminal; its shell restored it.
        guard platform_is_in_foreground(device.number) != 0 else { return }
        if var present = try? attributes() {
            present.c_lflag |= modes
            try? setAttributes(present)
        }
        try? write("\n")
    }

    /// Discards input that arrives without the pauses of a typist.
    ///
    /// - Returns: true if there was any.
    private borrowing func discardRest() throws(Interruption) -> Bool {
        var isAny = false
        while try isReadable(within: 30) {
            switch try readPresent() {
            case .byte: isAny = true
            case .nothing: break
            case .end: return isAny
            }
        }
        return isAny
    }

    private borrowing func readHidden(into line: inout some LineBuffer & ~Copyable) throws(Interruption) {
        while true {
            switch try readByte() {
            case nil, 0x04: throw .failed(.cancelled)  // end of input, Ctrl-D
            case 0x0A, 0x0D: return
            case 0x08, 0x7F: line.removeLastCharacter()
            case 0x15, 0x17: line.removeAll()  // Ctrl-U, Ctrl-W
            case let byte?: line.append(typed: byte)
            }
        }
    }

    private borrowing func shownLine(_ prompt: String) throws(Interruption) -> [UInt8] {
        try show(prompt)
        var line: [UInt8] = []
        while true {
            switch try readByte() {
            case nil where line.isEmpty: throw .failed(.cancelled)
            case nil, 0x0A: return line
            case let byte? where line.count < 4096: line.append(byte)
            default: break
            }
        }
    }

    private borrowing func show(_ prompt: String) throws(Interruption) {
        do throws(PromptError) {
            try write(prompt)
        } catch {
            throw .failed(error)
        }
    }

    /// Waits for input, for at most the given time, or without a limit if it is negative.
    private borrowing func isReadable(within milliseconds: Int32) throws(Interruption) -> Bool {
        switch platform_prompt_wait_readable(device.number, milliseconds) {
        case 0: return true
        case SIGTSTP, SIGCONT: throw .paused
        case let signal where signal > 0: throw .failed(.cancelled)
        default:
            guard Errno.current == .timedOut else { throw .failed(.terminal(.current)) }
            return false
        }
    }

    private borrowing func readByte() throws(Interruption) -> UInt8? {
        while true {
            _ = try isReadable(within: -1)
            switch try readPresent() {
            case .byte(let byte): return byte
            case .nothing: continue
            case .end: return nil
            }
        }
    }

    private borrowing func readPresent() throws(Interruption) -> Input {
        do throws(Errno) {
            var bytes: [1 of UInt8] = [0]
            var span = bytes.mutableSpan
            return try device.read(into: &span) == 0 ? .end : .byte(bytes[0])
        } catch .wouldBlock {
            return .nothing
        } catch {
            throw .failed(.terminal(error))
        }
    }

    private borrowing func attributes() throws(Interruption) -> termios {
        var result = termios()
        guard unsafe tcgetattr(device.number, &result) == 0 else { throw .failed(.terminal(.current)) }
        return result
    }

    private borrowing func setAttributes(_ attributes: termios) throws(Interruption) {
        var attributes = attributes
        guard unsafe tcsetattr(device.number, TCSAFLUSH, &attributes) == 0 else {
            throw .failed(.terminal(.current))
        }
    }
}
