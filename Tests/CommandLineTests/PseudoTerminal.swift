import Foundation

/// Runs a program on a terminal of its own, and answers its prompts.
final class PseudoTerminal {
    private let primary: Int32
    private let child: Child
    private let errors: String
    /// All output on the terminal so far; every line ends with CR LF.
    private(set) var screen = ""
    /// How much of ``screen`` was matched so far.
    private var seen = 0

    /// Starts `vault` in `sandbox`, without a passphrase in its environment unless one is given.
    convenience init(
        _ sandbox: Sandbox, _ words: String..., environment: [String: String] = [:],
        usesTerminalForOutput: Bool = false, columns: UInt16 = 0, rows: UInt16 = 0
    ) throws {
        try self.init(
            sandbox, words: words, environment: environment, usesTerminalForOutput: usesTerminalForOutput,
            columns: columns, rows: rows)
    }

    init(
        _ sandbox: Sandbox, words: [String], environment: [String: String] = [:],
        usesTerminalForOutput: Bool = false, columns: UInt16 = 0, rows: UInt16 = 0
    ) throws {
        primary = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN, as in unlockpt and ptsname.
        var (unlocked, number): (Int32, UInt32) = (0, 0)
        guard primary >= 0, ioctl(primary, 0x4004_5431, &unlocked) == 0,
            ioctl(primary, 0x8004_5430, &number) == 0
        else {
            throw Unexpected(description: "no pseudo-terminal")
        }
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(primary, UInt(TIOCSWINSZ), &size)
        let secondary = "/dev/pts/\(number)"
        // Text is compared without control sequences.
        let plain = sandbox.environment.merging(["NO_COLOR": "1"]) { $1 }
        var variables = plain.merging(environment) { $1 }
        if environment["VAULT_PASSPHRASE"] == nil { variables["VAULT_PASSPHRASE"] = nil }
        errors = sandbox.root + "/" + UUID().uuidString
        let files = usesTerminalForOutput ? secondary : errors
        child = try Child(
            ([sandbox.root + "/bin/vault"] + words).map { Array($0.utf8) }, environment: variables,
            directory: sandbox.directory,
            input: secondary, output: files, errors: files)
    }

    deinit { close(primary) }

    /// Waits for `text` after the last match, and then types `answer`.
    func expect(_ text: String, answer: String) throws {
        let end = Date(timeIntervalSinceNow: 20)
        while true {
            let news = screen.unicodeScalars.dropFirst(seen)
            if String(String.UnicodeScalarView(news)).contains(text) { break }
            guard Date() < end else {
                throw Unexpected(
                    description: "'\(text)' was not asked; on the terminal: \(screen.debugDescription)")
            }
            _ = readMore(milliseconds: 20)
        }
        seen = screen.unicodeScalars.count
        type(answer)
    }

    /// Types without waiting.
    func type(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { write(primary, $0.baseAddress, $0.count) }
    }

    /// Whether the terminal echoes input.
    var echoes: Bool {
        var attributes = termios()
        return tcgetattr(primary, &attributes) == 0 && attributes.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Waits for the program to end; all output is then on ``screen`` or in the result.
    func finish() -> (outcome: Child.Outcome, printed: String) {
        let outcome = child.wait(seconds: 30)
        while readMore(milliseconds: 50) {}
        return (outcome, (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")
    }

    private func readMore(milliseconds: Int32) -> Bool {
        var state = pollfd(fd: primary, events: Int16(POLLIN), revents: 0)
        guard poll(&state, 1, milliseconds) > 0, state.revents & Int16(POLLIN) != 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(primary, &bytes, bytes.count)
        if count > 0 { screen += String(decoding: bytes[..<count], as: UTF8.self) }
        return count > 0
    }
}
