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

/// Why a prompt ended without a line.
public enum PromptError: Error, Equatable, Sendable {
    /// The person pressed Ctrl-C or Ctrl-D, or the process was asked to end.
    case cancelled
    /// The process is in the background of its terminal, and nobody can bring it to the foreground.
    case inBackground
    /// The terminal failed.
    case terminal(Errno)
}

/// The terminal that controls this process, `/dev/tty`, whatever stdin and stdout are.
///
/// From its first question on it is this process's turn to ask there, until the value goes away; other commands of the same
/// pipeline wait for that.
public struct Terminal: ~Copyable {
    private let device: Descriptor
    private let queue: Descriptor?

    /// Opens the controlling terminal.
    ///
    /// - Parameter directory: where this user's processes queue up to ask, a private directory; without one, or where it cannot
    ///   be used, they do not wait for each other.
    /// - Throws: ``Errno/noDevice`` if there is none, as under cron.
    public init(queueingIn directory: String? = nil) throws(Errno) {
        // Reading must not wait: Ctrl-Z and Ctrl-C take away the input that was there a moment before.
        device = try Descriptor(path: "/dev/tty", flags: O_RDWR | O_NONBLOCK)
        if let directory {
            queue = Terminal.openQueue(in: directory)
        } else {
            queue = nil
        }
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

    /// Asks for a line that is not shown while it is typed.
    ///
    /// Backspace, Ctrl-U and Ctrl-W work. Ctrl-Z stops the process at once, with the terminal as it was; continued, it asks again.
    /// Input typed ahead, and whatever a paste brings after its first line, is thrown away, so that no part of a secret
    /// ends up in a shell.
    ///
    /// - Returns: whether more came right behind the line, as a paste brings it.
    public borrowing func readHiddenLine(
        prompt: String, into line: inout some LineBuffer & ~Copyable
    ) throws(PromptError) -> Bool {
        while true {
            try begin()
            line.removeAll()
            var outcome: Result<Bool, Interruption>
            do throws(Interruption) {
                outcome = .success(try withoutEcho(prompt, into: &line))
            } catch {
                outcome = .failure(error)
            }
            if let moreCame = try end(outcome) { return moreCame }
        }
    }

    /// Asks for a line that is shown while it is typed.
    public borrowing func readLine(prompt: String) throws(PromptError) -> [UInt8] {
        while true {
            try begin()
            var outcome: Result<[UInt8], Interruption>
            do throws(Interruption) {
                outcome = .success(try shownLine(prompt))
            } catch {
                outcome = .failure(error)
            }
            if let line = try end(outcome) { return line }
        }
    }
}

/// Why a line that is being typed is not taken.
private enum Interruption: Error {
    case failed(PromptError)
    /// The process was stopped or continued, or is asked to stop.
    case paused
}

/// One look at what was typed.
private enum Input {
    case byte(UInt8)
    case end
    case nothing
}

extension Terminal {
    /// Waits for the turn to ask and for the foreground, while signals act as ever, and has them noted from then on.
    private borrowing func begin() throws(PromptError) {
        takeTurn()
        switch platform_wait_for_foreground(device.number) {
        case 0: platform_prompt_begin()
        case 1: throw .inBackground
        default: throw .terminal(.current)
        }
    }

    private borrowing func takeTurn() {
        switch queue {
        case .some(let queue): platform_take_turn(queue.number, device.number)
        case .none: break
        }
    }

    private borrowing func endTurn() {
        switch queue {
        case .some(let queue): platform_end_turn(queue.number, device.number)
        case .none: break
        }
    }

    /// Has signals act as ever, beginning with the one that came meanwhile.
    ///
    /// - Returns: nil if the process was stopped or continued: it has to ask again.
    private borrowing func end<R>(_ outcome: Result<R, Interruption>) throws(PromptError) -> R? {
        let signal = platform_prompt_end()
        if signal == SIGTSTP || signal == SIGCONT {
            if case .failure(.failed(let error)) = outcome { throw error }
            endTurn()
            if signal == SIGTSTP { raise(SIGTSTP) }
            return nil
        }
        // A signal that came too late for the line still means what it says.
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
        defer { giveBack(before.c_lflag & ~hidden.c_lflag) }
        try show(prompt)
        try readHidden(into: &line)
        return try discardRest()
    }

    /// Turns on again the local modes that were turned off, and no others: where another program turned the echo off
    /// before, that one turns it on again.
    private borrowing func giveBack(_ modes: tcflag_t) {
        // Stopped and continued in the background, the process has no terminal to put right: the shell did it.
        guard platform_is_in_foreground(device.number) != 0 else { return }
        if var present = try? attributes() {
            present.c_lflag |= modes
            try? setAttributes(present)
        }
        try? write("\n")
    }

    /// Throws away whatever comes without a pause that a person would make; says whether there was anything.
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

    /// Waits for input, for so many milliseconds at most, or for ever if they are negative.
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
