internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault set`.
struct SetCommand: Command {
    var target = SecretSelector()
    var value: String?
    var file: String?
    var generated: Int?
    var raw = false
    var allowEmpty = false
    var metadata = MetadataOptions()
    var missing = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "set", usage: "[SCOPE [--id ID]] NAME\n--missing [SCOPE [--id ID]]",
        summary: "Create or replace one secret",
        discussion: """
            If standard input is not a terminal, the value is read from it, and exactly one final newline is
            removed (--raw keeps it). At a terminal, you type one line, twice; it is not shown. --from-file
            takes a file byte for byte. --generate makes a value of random letters and digits without showing
            it. A value is any sequence of 1 byte to 1 MiB.

            A previous value stays in the history: see 'vault history' and 'vault undo'. What the secret is for
            can be set with it, and stays otherwise: see 'vault help describe'.

            --missing sets what .vault.toml requires and the context lacks, or has in another form than it
            declares: each value is generated if it says so, else typed, twice; for a PEM text, the name of
            its file is typed. All are set together, or none. See 'vault help toml'.

              printf %s "$TOKEN" | vault set team API_TOKEN
              vault set --missing
              vault set project --id web TLS_KEY --from-file key.pem

            The value is never an operand, since other users of this machine could see it.
            """,
        misplacedAdvice: CommandInfo.MisplacedAdvice(message: misplacedValue, hint: valueHint),
        advice: SecretSelector.advice)

    private static let misplacedValue = "a value cannot be an operand"
    private static let valueHint =
        #"'vault set NAME' asks for the value; a script pipes it: printf %s "$VALUE" | vault set NAME"#

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .optional, completing: .dynamic("present"))
        parameters.option("--value", "VALUE", "The value; others on this machine can see it", &value)
        parameters.option(
            "--from-file", "FILE", "Use this file as the value, byte for byte", &file, completing: .file)
        parameters.option(
            "--generate", optional: "LENGTH", "Generate LENGTH random letters and digits (default: 32)",
            &generated, as: .number(in: ValueGenerator.lengths), bare: ValueGenerator.defaultLength)
        parameters.flag("--raw", "Keep the final newline of standard input", &raw)
        parameters.flag("--allow-empty", "Allow an empty value", &allowEmpty)
        parameters.flag("--missing", "Set what .vault.toml requires and is missing", &missing)
        parameters.group("What it is for") { metadata.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let sources = [
            value.map { _ in "--value" }, file.map { _ in "--from-file" },
            generated.map { _ in "--generate" },
        ].compactMap(\.self)
        if missing { return try setMissing(beside: sources.first) }
        if sources.count > 1 { throw Failure(.usage, "\(sources[0]) cannot be combined with \(sources[1])") }
        if let name = target.name, !SecretID.isValidName(name) {
            guard name.contains("=") else { throw .invalid(name: name) }
            throw Failure(
                .usage, "invalid name; \(SetCommand.misplacedValue)", hint: "\(SetCommand.valueHint)")
        }
        try metadata.check()
        let scope = try target.scopeToChange(options)
        // A malformed name is reported before vault asks for a passphrase.
        if target.name != nil || !InheritedDescriptor.standardInput.isTerminal {
            _ = try target.checkedName()
        }
        if value != nil {
            Output.warn(
                "other users of this machine can see the value in the process list; use standard input")
        }
        if let value, value.isEmpty, !allowEmpty { throw SetCommand.empty }
        let readsStandardInput = sources.isEmpty && !InheritedDescriptor.standardInput.isTerminal
        if readsStandardInput, options.passphrase.isStandardInput {
            throw Failure(.usage, "standard input cannot be both the passphrase and the value")
        }
        let secret = try options.change { vault throws(Failure) in
            options.noteNewScope(scope, for: target.name, in: vault)
            let secret = SecretID(try nameOrAsk(), in: scope)
            let content = try content()
            if content.count == 0, !allowEmpty { throw SetCommand.empty }
            try content.withBytes { value throws(Failure) in
                try options.during(changing: secret) { () throws(VaultError) in
                    if metadata.areGiven {
                        try vault.set(secret, to: value, editing: { metadata.apply(to: &$0) })
                    } else {
                        try vault.set(secret.name, in: scope, to: value)
                    }
                }
                warnOfType(secret.name, value)
            }
            noteOldExpiry(of: secret, in: vault)
            return secret
        }
        options.common.confirm(
            "Set \(secret.located)\(metadata.understood)", original: "Set \(secret.title)")
    }

    /// Says that the date at which the replaced value expired is still there.
    private func noteOldExpiry(of secret: SecretID, in vault: any Session) {
        guard metadata.expires == nil, let expires = (try? vault.metadata(of: secret))??.expires,
            expires <= SystemClock.wallMilliseconds()
        else { return }
        Output.warn("\(secret.located) is still described as expired on \(UTCTimestamp.format(expires))")
        Output.hint(
            "'vault describe \(secret.operands) --expires never' removes that date, --expires 90d moves it")
    }

    private static let empty = Failure(
        .usage, "the value is empty", hint: "add --allow-empty if that is intended")

    private static let severalLines = Failure(
        .usage, "the pasted value has several lines; nothing was set",
        hint: "use standard input or --from-file")

    private func nameOrAsk() throws(Failure) -> String {
        if target.name != nil { return try target.checkedName() }
        guard InheritedDescriptor.standardInput.isTerminal, let terminal = try? Prompt.openTerminal() else {
            throw Failure(.usage, "missing operand NAME")
        }
        let name = try Prompt.line(terminal, "Name: ")
        guard SecretID.isValidName(name) else { throw .invalid(name: name) }
        return name
    }

    private func content() throws(Failure) -> SecretBuffer {
        if let value {
            var buffer = try allocating(SecretBuffer(capacity: 4000))
            try allocating(buffer.append(Array(value.utf8).span))
            if buffer.count > Format.maxValue { throw .valueTooLong }
            return buffer
        }
        if let generated { return try allocating(ValueGenerator(length: generated).make()) }
        if let file { return try Content.file(file, atMost: Format.maxValue, else: .valueTooLong) }
        if !InheritedDescriptor.standardInput.isTerminal {
            // The final newline, of one or two bytes, is removed before the length is checked.
            var buffer = try Content.standardInput(atMost: Format.maxValue + 2, else: .valueTooLong)
            if !raw { buffer.removeFinalNewline() }
            if buffer.count > Format.maxValue { throw .valueTooLong }
            return buffer
        }
        return try ask()
    }

    private func ask() throws(Failure) -> SecretBuffer {
        guard let terminal = try? Prompt.openTerminal() else {
            throw Failure(.locked, Prompt.cannotAsk(for: "the value"))
        }
        for _ in 1..<Passphrase.tries {
            if let value = try Prompt.value(terminal, else: SetCommand.severalLines) { return value }
            try Prompt.say("vault: the two values differ; try again", at: terminal)
        }
        if let value = try Prompt.value(terminal, else: SetCommand.severalLines) { return value }
        throw Failure(.other, "the two values differ; nothing was set")
    }
}
