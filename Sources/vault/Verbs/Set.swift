internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault set`.
struct SetSecret: Command {
    var target = SecretSelector()
    var value: String?
    var file: String?
    var generated: Int?
    var raw = false
    var allowEmpty = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "set", usage: "SCOPE [--id ID] NAME", summary: "Create or replace one secret",
        discussion: """
            The value is read from standard input if that is no terminal, and exactly one final newline is taken off \
            (--raw keeps it). On a terminal one line is asked for, twice, without being shown. --from-file takes a \
            file as it is. --generate makes a value of random letters and digits, and does not show it. A value is any \
            bytes, 1 byte to 1 MiB.

            What was there before stays in the history: see 'vault history' and 'vault undo'.

              printf %s "$TOKEN" | vault set team API_TOKEN
              vault set project --id web TLS_KEY --from-file key.pem
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .required, name: .optional)
        parameters.option("--value", "VALUE", "The value; others on this machine can see arguments", &value)
        parameters.option(
            "--from-file", "FILE", "The value is this file, byte for byte", &file, completing: .file)
        parameters.option(
            "--generate", optional: "LENGTH",
            "Make a random value of so many letters and digits; 32 if not said", &generated,
            as: .number(in: 8...4096), bare: 32)
        parameters.flag("--raw", "Keep a final newline of standard input", &raw)
        parameters.flag("--allow-empty", "Let the value have no bytes", &allowEmpty)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let sources = [
            value.map { _ in "--value" }, file.map { _ in "--from-file" },
            generated.map { _ in "--generate" },
        ]
        .compactMap(\.self)
        if sources.count > 1 {
            throw Failure(.usage, "\(sources[0]) does not go with \(sources[1])")
        }
        guard let scope = try target.scope(options) else { throw Failure(.usage, "missing operand SCOPE") }
        // Before anybody is asked for a passphrase.
        if target.name != nil || !InheritedDescriptor.standardInput.isTerminal {
            _ = try target.checkedName()
        }
        if value != nil {
            Output.warn(
                "other users of this machine can see the value in the list of processes; use standard input")
        }
        if let value, value.isEmpty, !allowEmpty { throw SetSecret.empty }
        let readsStandardInput = sources.isEmpty && !InheritedDescriptor.standardInput.isTerminal
        if readsStandardInput, options.passphrase.descriptor == 0 {
            throw Failure(.usage, "standard input cannot be both the passphrase and the value")
        }
        let name = try options.change { vault throws(Failure) in
            let name = try nameOrAsk()
            let content = try content()
            if content.count == 0, !allowEmpty { throw SetSecret.empty }
            try options.during(changing: SecretID(name, in: scope)) { () throws(VaultError) in
                try content.withBytes { value throws(VaultError) in try vault.set(name, in: scope, to: value)
                }
            }
            return name
        }
        options.common.confirm("Set \(scope.word) secret '\(name)'")
    }

    private static let empty = Failure(
        .usage, "the value is empty", hint: "add --allow-empty if that is meant")

    private static let severalLines = Failure(
        .usage, "the value that was pasted has several lines; nothing was set",
        hint: "use standard input or --from-file")

    private func nameOrAsk() throws(Failure) -> String {
        if target.name != nil { return try target.checkedName() }
        guard InheritedDescriptor.standardInput.isTerminal, let terminal = try? Prompt.openTerminal() else {
            throw Failure(.usage, "missing operand NAME")
        }
        let name = try Prompt.line(terminal, "Name: ")
        guard SecretID.isValidName(name) else { throw .invalidName }
        return name
    }

    private func content() throws(Failure) -> SecretBuffer {
        if let value {
            var buffer = try SetSecret.buffer()
            try inWords { () throws(SodiumError) in try buffer.append(Array(value.utf8).span) }
            if buffer.count > Format.maxValue { throw .valueTooLong }
            return buffer
        }
        if let generated { return try SetSecret.random(generated) }
        if let file { return try Content.file(file, atMost: Format.maxValue, else: .valueTooLong) }
        if !InheritedDescriptor.standardInput.isTerminal {
            // One final newline may still come off.
            var buffer = try Content.standardInput(atMost: Format.maxValue + 2, else: .valueTooLong)
            if !raw { buffer.removeFinalNewline() }
            if buffer.count > Format.maxValue { throw .valueTooLong }
            return buffer
        }
        return try ask()
    }

    private func ask() throws(Failure) -> SecretBuffer {
        guard let terminal = try? Prompt.openTerminal() else {
            throw Failure(.locked, "there is no terminal to ask for the value")
        }
        // One byte more, to tell what is too long from what just fits.
        let limit = Format.maxValue + 1
        for _ in 1..<Passphrase.tries {
            if let value = try askTwice(terminal, limit) { return value }
            try Prompt.say("vault: the two values differ, try again", at: terminal)
        }
        if let value = try askTwice(terminal, limit) { return value }
        throw Failure(.other, "the two values differ; nothing was set")
    }

    /// - Returns: nil if the two differ.
    private func askTwice(_ terminal: borrowing Terminal, _ limit: Int) throws(Failure) -> SecretBuffer? {
        let first = try Prompt.hidden(terminal, "Value: ", atMost: limit, ifMoreComes: SetSecret.severalLines)
        if first.count > Format.maxValue { throw .valueTooLong }
        let second = try Prompt.hidden(
            terminal, "The same again: ", atMost: limit, ifMoreComes: SetSecret.severalLines)
        let same = first.withBytes { first in second.withBytes { first.isEqualInConstantTime(to: $0) } }
        if same { return first }
        return nil
    }

    /// Letters and digits, which every format can carry and no shell minds: 32 of them are 190 bits.
    private static func random(_ count: Int) throws(Failure) -> SecretBuffer {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        var buffer = try buffer()
        try inWords { () throws(SodiumError) in
            for _ in 0..<count {
                let index = try Entropy.uniform(below: UInt32(characters.count))
                try buffer.append(characters[Int(index)])
            }
        }
        return buffer
    }

    private static func buffer() throws(Failure) -> SecretBuffer {
        try inWords { () throws(SodiumError) in try SecretBuffer(capacity: 4000) }
    }
}
