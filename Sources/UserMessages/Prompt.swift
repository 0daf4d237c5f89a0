package import Platform
package import Sodium
internal import Synchronization
internal import VaultCore
internal import VaultFile

/// Prompts on the terminal.
package enum Prompt {
    private static let isForbiddenByOption = Atomic(false)

    /// Forbids all prompts: `--no-input`.
    package static func forbid() { isForbiddenByOption.store(true, ordering: .relaxed) }

    /// True if `--no-input` or `VAULT_NO_INPUT` forbids all prompts.
    package static var isForbidden: Bool {
        isForbiddenByOption.load(ordering: .relaxed)
            || ((try? Environment.value("VAULT_NO_INPUT")) ?? nil)?.isEmpty == false
    }

    /// Says why nobody can be asked for something.
    package static func cannotAsk(for what: String) -> String {
        isForbidden
            ? "--no-input or VAULT_NO_INPUT forbids asking for \(what)"
            : "there is no terminal to ask for \(what)"
    }

    /// Opens the terminal of this process, and waits while another one of this user prompts on it.
    ///
    /// - Throws: an error if there is no terminal, or prompts are forbidden.
    package static func openTerminal() throws(Errno) -> Terminal {
        if isForbidden { throw .noSuchFile }
        return try Terminal(queueingIn: Locations.runtimeDirectory)
    }

    /// The path as a prompt shows it, with `~` for the home directory.
    package static func name(of path: String) -> String {
        guard let home = (try? Locations.home()) ?? nil else { return path }
        var directory = home[...]
        while directory.hasSuffix("/") { directory.removeLast() }
        guard !directory.isEmpty, path.hasPrefix(directory + "/") else { return path }
        return "~" + path.dropFirst(directory.count)
    }

    /// Shows a line on the terminal.
    package static func say(_ line: String, at terminal: borrowing Terminal) throws(Failure) {
        try inWords { () throws(PromptError) in try terminal.write(Output.visible(line) + "\n") }
    }

    /// Reads a line without echo into guarded memory; drops input beyond `limit` bytes and further lines of a paste.
    ///
    /// - Parameter refusal: the error for further lines of a paste; nil drops them.
    package static func hidden(
        _ terminal: borrowing Terminal, _ prompt: String, atMost limit: Int,
        ifMoreComes refusal: Failure? = nil
    ) throws(Failure) -> SecretBuffer {
        var line = GuardedLine(
            try allocating(SecretBuffer(capacity: limit)), limit)
        let moreCame = try inWords { () throws(PromptError) in
            try terminal.readHiddenLine(prompt: Output.visible(prompt), into: &line)
        }
        if moreCame, let refusal { throw refusal }
        return line.finish()
    }

    /// Reads the value of a secret twice; nil if the two values differ.
    ///
    /// - Parameter refusal: the error for a value of several lines.
    package static func value(
        _ terminal: borrowing Terminal, else refusal: Failure
    ) throws(Failure) -> SecretBuffer? {
        // One byte more than the limit, so that a value that is too long is noticed.
        let limit = Format.maxValue + 1
        let first = try hidden(terminal, "Value: ", atMost: limit, ifMoreComes: refusal)
        if first.count > Format.maxValue { throw .valueTooLong }
        let second = try hidden(terminal, "Repeat: ", atMost: limit, ifMoreComes: refusal)
        let same = first.withBytes { first in second.withBytes { first.isEqualInConstantTime(to: $0) } }
        if same { return first }
        return nil
    }

    /// Reads a line with echo.
    ///
    /// - Parameter text: lines to show before the prompt, unescaped.
    package static func line(
        _ terminal: borrowing Terminal, after text: String = "", _ prompt: String
    ) throws(Failure) -> String {
        let line = try inWords { () throws(PromptError) in
            try terminal.readLine(prompt: text + Output.visible(prompt))
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Asks a question; throws ``ExitCode/cancelled`` unless the answer is yes.
    ///
    /// - Parameter text: lines to show before the question, unescaped.
    package static func confirm(after text: String = "", _ question: String) throws(Failure) {
        let answer = try line(try terminal(), after: text, question + " [y/N] ").lowercased()
        guard answer == "y" || answer == "yes" else { throw Failure(.cancelled, "cancelled") }
    }

    /// Throws if there is no terminal, so that a verb can fail before it prepares its question.
    package static func requireTerminal() throws(Failure) { _ = try terminal() }

    /// True if there is a terminal to prompt on.
    package static var isPossible: Bool { (try? requireTerminal()) != nil }

    private static func terminal() throws(Failure) -> Terminal {
        guard let terminal = try? openTerminal() else {
            let reason = isForbidden ? "--no-input or VAULT_NO_INPUT forbids it" : "there is no terminal"
            throw Failure(.usage, "cannot ask for confirmation: \(reason)", hint: "add --yes")
        }
        return terminal
    }
}

/// A typed line in guarded memory, which never grows beyond its first allocation.
private struct GuardedLine: ~Copyable, LineBuffer {
    private var bytes: SecretBuffer
    private let limit: Int

    init(_ bytes: consuming SecretBuffer, _ limit: Int) {
        self.bytes = bytes
        self.limit = limit
    }

    mutating func append(typed byte: UInt8) {
        guard bytes.count < limit else { return }
        try? bytes.append(byte)
    }

    mutating func removeLastCharacter() {
        let keep = bytes.withBytes { bytes in
            var end = bytes.count
            // The continuation bytes of a UTF-8 sequence, then its first byte.
            while end > 0, bytes[end - 1] & 0xC0 == 0x80 { end -= 1 }
            return max(end - 1, 0)
        }
        bytes.truncate(to: keep)
    }

    mutating func removeAll() { bytes.truncate(to: 0) }

    consuming func finish() -> SecretBuffer { bytes }
}
