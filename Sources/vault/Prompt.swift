internal import Platform
internal import Sodium
internal import VaultKit
internal import UserMessages

/// Questions to the person at the terminal.
enum Prompt {
    /// The terminal of this process, where it waits for its turn to ask.
    static func openTerminal() throws(Errno) -> Terminal {
        try Terminal(queueingIn: Locations.runtimeDirectory)
    }

    /// The file at `path` as a prompt names it: what lies below the home directory with `~`.
    static func name(of path: String) -> String {
        guard let home = (try? Locations.home()) ?? nil else { return path }
        var directory = home[...]
        while directory.hasSuffix("/") { directory.removeLast() }
        guard !directory.isEmpty, path.hasPrefix(directory + "/") else { return path }
        return "~" + path.dropFirst(directory.count)
    }

    /// Tells the person at the terminal something between two questions.
    static func say(_ line: String, at terminal: borrowing Terminal) throws(Failure) {
        do throws(PromptError) {
            try terminal.write(Output.visible(line) + "\n")
        } catch {
            throw Failure(error)
        }
    }

    /// A line that is not shown, in guarded memory; what is typed beyond `limit` bytes is dropped, and so is what a
    /// paste brings after the line.
    ///
    /// - Parameter refusal: what to fail with instead if a paste brings more.
    static func hidden(
        _ terminal: borrowing Terminal, _ prompt: String, atMost limit: Int,
        ifMoreComes refusal: Failure? = nil
    ) throws(Failure) -> SecretBuffer {
        var line = GuardedLine(
            try inWords { () throws(SodiumError) in try SecretBuffer(capacity: limit) }, limit)
        let moreCame: Bool
        do throws(PromptError) {
            moreCame = try terminal.readHiddenLine(prompt: Output.visible(prompt), into: &line)
        } catch {
            throw Failure(error)
        }
        if moreCame, let refusal { throw refusal }
        return line.finish()
    }

    /// A line that is shown.
    ///
    /// - Parameter text: stands before the prompt, of several lines and visible as it is.
    static func line(
        _ terminal: borrowing Terminal, after text: String = "", _ prompt: String
    ) throws(Failure) -> String {
        do throws(PromptError) {
            let prompt = text + Output.visible(prompt)
            return String(decoding: try terminal.readLine(prompt: prompt), as: UTF8.self)
        } catch {
            throw Failure(error)
        }
    }

    /// Asks a question; anything but yes cancels.
    ///
    /// - Parameter text: stands before the question, of several lines and visible as it is.
    static func confirm(after text: String = "", _ question: String) throws(Failure) {
        let answer = try line(try terminal(), after: text, question + " [y/N] ").lowercased()
        guard answer == "y" || answer == "yes" else { throw Failure(.cancelled, "cancelled") }
    }

    /// Makes sure that a question can be asked, before anything is done to find out what.
    static func requireTerminal() throws(Failure) { _ = try terminal() }

    /// Whether a question can be asked.
    static var isPossible: Bool { (try? requireTerminal()) != nil }

    private static func terminal() throws(Failure) -> Terminal {
        do throws(Errno) {
            return try openTerminal()
        } catch {
            throw Failure(.usage, "there is no terminal to ask at", hint: "add --yes")
        }
    }
}

extension Failure {
    init(_ error: PromptError) {
        switch error {
        case .cancelled: self.init(.cancelled, "cancelled")
        case .inBackground:
            self.init(
                .locked,
                "cannot ask at the terminal: this command is in the background, and no shell waits for it")
        case .terminal(let error): self.init(error, "the terminal failed")
        }
    }
}

/// A typed line in guarded memory, which never grows beyond what was allocated.
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
            // Back over the continuation bytes of a UTF-8 sequence, then its first byte.
            while end > 0, bytes[end - 1] & 0xC0 == 0x80 { end -= 1 }
            return max(end - 1, 0)
        }
        bytes.truncate(to: keep)
    }

    mutating func removeAll() { bytes.truncate(to: 0) }

    consuming func finish() -> SecretBuffer { bytes }
}
