public import Platform

/// An error of the clipboard.
public enum ClipboardError: Error, Equatable {
    /// There is a display, but no program for its clipboard, and no terminal that has one. It names a package
    /// with such a program.
    case noProgram(package: String)
    /// There is neither a display nor a terminal that has a clipboard.
    case noDisplay
    /// The value is not UTF-8 text, or has a NUL.
    case notText
    /// The value has more bytes than a terminal takes.
    case tooLong(limit: Int)
    /// A program failed; `message` is what it said.
    case failed(program: String, message: String)
    /// There is no more guarded memory.
    case noMemory
    /// A call of the system failed.
    case system(Errno)
}

/// The clipboard of the display or of the terminal that the user sits at.
public struct Clipboard: Sendable {
    private enum Kind {
        case display(DisplayClipboard)
        case terminal(TerminalClipboard)
    }

    private let kind: Kind

    /// Finds the clipboard: the display's, else the terminal's; the other way round in an SSH session, which
    /// may have the variables of a display that is not the user's.
    public static func find() throws(ClipboardError) -> Clipboard {
        let terminal = TerminalClipboard.find().map { Clipboard(kind: .terminal($0)) }
        if let terminal, has("SSH_TTY") || has("SSH_CONNECTION") { return terminal }
        if let display = DisplayClipboard.find() { return Clipboard(kind: .display(display)) }
        if let terminal { return terminal }
        if has("WAYLAND_DISPLAY") { throw .noProgram(package: "wl-clipboard") }
        if has("DISPLAY") { throw .noProgram(package: "xclip") }
        throw .noDisplay
    }

    /// False for a terminal's clipboard: nothing tells whether it still holds the value.
    public var canBeCleared: Bool {
        switch kind {
        case .display: true
        case .terminal: false
        }
    }

    /// Copies a value to the clipboard.
    ///
    /// If the clipboard can be cleared, a process clears it after the given time if it still holds the value.
    public func copy(_ value: Span<UInt8>, clearingAfter milliseconds: UInt64) throws(ClipboardError) {
        guard value.indices.allSatisfy({ value[$0] != 0 }), (try? UTF8Span(validating: value)) != nil else {
            throw .notText
        }
        switch kind {
        case .display(let display): try ClipboardProcess.start(display, value, milliseconds)
        case .terminal(let terminal): try terminal.copy(value)
        }
    }

    private static func has(_ variable: String) -> Bool { ClipboardEnvironment.value(variable) != nil }
}

/// The variables that lead to a clipboard.
enum ClipboardEnvironment {
    /// The variables that the programs need.
    ///
    /// Nothing else is passed to them: some run for as long as the clipboard holds the value.
    private static let names = [
        "PATH", "HOME", "LANG", "TERM", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "TMUX",
        "TMUX_TMPDIR",
    ]

    /// Returns the value of a variable; nil if it is unset, empty or not text.
    static func value(_ name: String) -> String? {
        guard let value = try? Environment.value(name), !value.isEmpty else { return nil }
        return value
    }

    /// The variables as `NAME=value`.
    static var variables: [String] { names.compactMap { name in value(name).map { "\(name)=\($0)" } } }

    /// The indices of those variables in the environment of this process.
    static var indices: [Int] {
        let names = names.map { Array($0.utf8) + [UInt8(ascii: "=")] }
        return (0..<Environment.count).filter { index in
            Environment.withEntry(at: index) { entry in
                names.contains {
                    $0.count <= entry.count && entry.extracting(first: $0.count).equals($0.span)
                }
            }
        }
    }
}
