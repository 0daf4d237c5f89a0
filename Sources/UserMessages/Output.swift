internal import Platform
internal import Synchronization

/// Writes data to standard output and everything else to standard error.
package enum Output {
    package static var isTerminal: Bool { InheritedDescriptor.standardOutput.isTerminal }

    /// Writes text in lines; a character that could control a terminal becomes visible, wherever the text comes from.
    package static func write(_ text: String) throws(Failure) {
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A || $0 == 0x09 }
        let shown = isPlain ? text : visible(text, except: "\n\t")
        try write(Array(shown.utf8).span)
    }

    /// Writes data.
    ///
    /// - Parameter isWhole: whether it is an error that the reader closed the pipe early, as `head` does.
    package static func write(_ bytes: Span<UInt8>, isWhole: Bool = false) throws(Failure) {
        try inWords("cannot write to standard output") { () throws(Errno) in
            do throws(Errno) {
                try InheritedDescriptor.standardOutput.writeAll(bytes)
            } catch .brokenPipe where !isWhole {}
        }
    }

    /// Writes data to a file, or to standard output if `file` is nil or "-".
    package static func write(_ bytes: Span<UInt8>, to file: String?) throws(Failure) {
        guard let file, file != "-" else { return try write(bytes, isWhole: true) }
        do throws(OutputFile.Refusal) {
            if try OutputFile.write(bytes, to: file) { warnOfOthers(file) }
        } catch {
            switch error {
            case .system(let error): throw Failure(error, "cannot write \(file)")
            case .danglingLink: throw Failure(.other, "\(file) is a dangling symbolic link")
            case .foreign: throw Failure(.other, "\(file) belongs to another user, who could read it")
            }
        }
    }

    /// Warns that other users can access a file that was created with mode 0600.
    package static func warnOfOthers(_ path: String) {
        warn("other users can access \(path): its file system does not support the mode 0600")
        hint("mount it with umask=077, or keep the file on another file system")
    }

    /// Writes a line for a person; ignores a failure, which could not be reported.
    package static func note(_ line: String) {
        try? InheritedDescriptor.standardError.writeAll(Array((visible(line) + "\n").utf8).span)
    }

    /// Writes lines for a person, of which the first begins with `label` and the others are indented.
    package static func note(_ label: String, _ lines: [String]) {
        for (index, line) in lines.enumerated() { note(index == 0 ? "\(label) \(line)" : "  \(line)") }
    }

    /// Writes a warning for a person.
    package static func warn(_ text: String) { note(.warning, text) }

    /// Writes a hint for a person.
    package static func hint(_ hint: Hint) { note(.hint, hint.text) }

    /// The word before a message, and how a terminal shows it.
    enum Label: String {
        case error, warning, hint

        /// The parameters of the control sequence for bold red, bold yellow and bold.
        var style: String {
            switch self {
            case .error: "1;31"
            case .warning: "1;33"
            case .hint: "1"
            }
        }
    }

    /// Writes a message for a person, with its label in colour if that is wanted.
    static func note(_ label: Label, _ text: String) {
        let word = "\(label.rawValue):"
        guard isColored else { return note("vault: \(word) \(text)") }
        let line = "vault: \u{1B}[\(label.style)m\(word)\u{1B}[0m \(visible(text))\n"
        try? InheritedDescriptor.standardError.writeAll(Array(line.utf8).span)
    }

    /// When messages are coloured.
    package enum ColorChoice: String, CaseIterable, Sendable {
        /// On a terminal, unless `NO_COLOR` is set.
        case auto
        case always, never
    }

    private static let colorChoice = Mutex<@Sendable () -> ColorChoice>({ .auto })

    /// Sets what to ask for the user's choice before a message.
    package static func setColorChoice(_ choice: @escaping @Sendable () -> ColorChoice) {
        colorChoice.withLock { $0 = choice }
    }

    private static var isColored: Bool {
        switch colorChoice.withLock({ $0 })() {
        case .always: true
        case .never: false
        case .auto:
            InheritedDescriptor.standardError.isTerminal
                && Environment.withValue("NO_COLOR", { !$0.isEmpty }) != true
                && ((try? Environment.value("TERM")) ?? nil) != "dumb"
        }
    }

    /// Returns `text` with each character that could control a terminal replaced by `\u{…}`.
    ///
    /// - Parameter kept: the control characters that stay.
    package static func visible(_ text: String, except kept: String = "") -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            result +=
                isControl(scalar) && !kept.unicodeScalars.contains(scalar)
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
    }

    /// Returns whether a character could control a terminal or change the order in which others are displayed.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            || (0x202A...0x202E).contains(scalar.value)
            || (0x2066...0x2069).contains(scalar.value)
    }
}
