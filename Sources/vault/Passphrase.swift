internal import Platform
internal import Sodium
internal import VaultFile
internal import Wording

/// Finds a passphrase, in guarded memory from the first byte on.
enum Passphrase {
    /// One place that a passphrase can come from without a person.
    enum Source: Equatable {
        case descriptor(Int)
        case file(String)
        case command(String)
        case variable(String)
    }

    /// What an existing vault is opened with: its passphrase, or its recovery key, which then comes from the same places.
    static func credential(_ options: PassphraseOptions, isRecovery: Bool) throws(Failure) -> Credential {
        guard isRecovery else { return .passphrase(try typed(options)) }
        let text = try typed(options, "recovery key", prompt: "Recovery key: ")
        do throws(VaultFileError) {
            return .recovery(
                try text.withBytes { text throws(VaultFileError) in try RecoveryKey(typed: text) })
        } catch {
            throw Failure(error, path: "")
        }
    }

    /// The passphrase of an existing vault.
    static func existing(_ options: PassphraseOptions) throws(Failure) -> SecretBytes {
        if let given = try given(options) { return given }
        let terminal = try openTerminal(
            "the vault is locked, and there is no terminal to ask for the passphrase",
            hint: "unlock it with 'vault unlock', or \(waysToGive)")
        return try ask(terminal, "Passphrase: ")
    }

    /// What an existing vault is opened with where it does not help that an agent has it unlocked.
    static func typed(
        _ options: PassphraseOptions, _ what: String = "passphrase", prompt: String = "Passphrase: "
    ) throws(Failure) -> SecretBytes {
        if let given = try given(options) { return given }
        let terminal = try openTerminal(
            "there is no terminal to ask for the \(what)", hint: waysToGive)
        return try ask(terminal, prompt)
    }

    static let waysToGive = "give --passphrase-file, --passphrase-command or --passphrase-fd"

    /// What comes from a named source, or from the environment; nil if a person has to be asked.
    private static func given(_ options: PassphraseOptions) throws(Failure) -> SecretBytes? {
        if let source = try explicit(options.descriptor, options.file, options.command, "passphrase") {
            return try read(source)
        }
        guard let source = try environment("VAULT_PASSPHRASE") else { return nil }
        return try read(source)
    }

    /// The passphrase of a vault that is being made; a person is asked twice.
    static func new(_ new: NewPassphraseOptions, or ordinary: PassphraseOptions) throws(Failure)
        -> SecretBytes
    {
        let explicitNew = try explicit(new.descriptor, new.file, new.command, "new-passphrase")
        let explicitOrdinary = try explicit(
            ordinary.descriptor, ordinary.file, ordinary.command, "passphrase")
        if let source = explicitNew ?? explicitOrdinary { return try read(source) }
        for name in ["VAULT_NEW_PASSPHRASE", "VAULT_PASSPHRASE"] {
            if let source = try environment(name) { return try read(source) }
        }
        return try askedTwice()
    }

    /// The passphrase that a vault gets in place of another one; a person is asked twice.
    static func new(_ new: NewPassphraseOptions) throws(Failure) -> SecretBytes {
        if let source = try explicit(new.descriptor, new.file, new.command, "new-passphrase") {
            return try read(source)
        }
        if let source = try environment("VAULT_NEW_PASSPHRASE") { return try read(source) }
        return try askedTwice()
    }

    private static func askedTwice() throws(Failure) -> SecretBytes {
        let terminal = try openTerminal(
            "there is no terminal to ask for a new passphrase",
            hint: "give --new-passphrase-file, --new-passphrase-command or --new-passphrase-fd")
        let first = try ask(terminal, "New passphrase: ")
        let second = try ask(terminal, "The same again: ")
        let same = first.withBytes { first in second.withBytes { first.isEqualInConstantTime(to: $0) } }
        guard same else { throw Failure(.other, "the two passphrases differ") }
        return first
    }

    /// Whether a variable must not reach a child: it may hold a passphrase, or say where one is.
    static func isPassphraseVariable(_ entry: Span<UInt8>) -> Bool {
        guard hasWord("VAULT_", entry, at: 0) else { return false }
        // The name ends at the first equals sign.
        var index = 0
        while index < entry.count, entry[index] != UInt8(ascii: "=") {
            if hasWord("PASSPHRASE", entry, at: index) { return true }
            index += 1
        }
        return false
    }

    private static func hasWord(_ word: String, _ entry: Span<UInt8>, at start: Int) -> Bool {
        var index = start
        for byte in word.utf8 {
            guard index < entry.count, entry[index] == byte else { return false }
            index += 1
        }
        return true
    }

    private static func explicit(
        _ descriptor: Int?, _ file: String?, _ command: String?, _ option: String
    ) throws(Failure) -> Source? {
        let given: [Source] = [
            descriptor.map { .descriptor($0) }, file.map { .file($0) }, command.map { .command($0) },
        ].compactMap { $0 }
        if given.count > 1 { throw Failure(.usage, "only one of the --\(option) options can be given") }
        return given.first
    }

    private static func environment(_ name: String) throws(Failure) -> Source? {
        if let file = try Environment.text(name + "_FILE") { return .file(file) }
        if let command = try Environment.text(name + "_COMMAND") { return .command(command) }
        // There is no VAULT_NEW_PASSPHRASE: nothing that lasts should live in a variable.
        if name == "VAULT_PASSPHRASE", Environment.withValue(name, { _ in true }) == true {
            return .variable(name)
        }
        return nil
    }

    private static func read(_ source: Source) throws(Failure) -> SecretBytes {
        var buffer = try inWords { () throws(SodiumError) in
            try SecretBuffer(capacity: Format.passphraseCounts.upperBound + 4)
        }
        switch source {
        case .descriptor(let number):
            let descriptor = InheritedDescriptor(number: Int32(number))
            guard descriptor.isOpen else { throw Failure(.usage, "file descriptor \(number) is not open") }
            try buffer.fill("the passphrase from descriptor \(number)") { span throws(Errno) in
                try descriptor.read(into: &span)
            }
            // What `run` starts must not read it again; a standard descriptor is the program's own.
            if number > 2 { descriptor.keepFromOthers() }
        case .file(let path): try buffer.fill(fromPrivate: path, "the passphrase file \(path)")
        case .command(let command): try readCommand(command, &buffer)
        case .variable(let name):
            do throws(SodiumError) {
                _ = try Environment.withValue(name) { value throws(SodiumError) in try buffer.append(value) }
            } catch {
                throw .outOfMemory
            }
        }
        buffer.removeFinalNewline()
        return try checked(buffer)
    }

    /// The inherited variables, by index, that programs may see: those that are no passphrase and lead to none.
    static func keptVariables() -> [Int] {
        (0..<Environment.count).filter { index in
            !Environment.withEntry(at: index) { isPassphraseVariable($0) }
        }
    }

    private static func readCommand(_ command: String, _ buffer: inout SecretBuffer) throws(Failure) {
        var piece = try inWords { () throws(SodiumError) in try SecretBytes(count: 4080) }
        var overflow = false
        let status: Int32?
        do throws(Errno) {
            status = try piece.withMutableBytes { piece throws(Errno) in
                try ShellCommand.run(command, keeping: keptVariables(), buffer: &piece) { bytes in
                    overflow =
                        buffer.count + bytes.count > buffer.capacity || (try? buffer.append(bytes)) == nil
                    return !overflow
                }
            }
        } catch {
            throw Failure(error, "cannot run the passphrase command")
        }
        if overflow { throw .passphraseTooLong }
        guard status == 0 else {
            throw Failure(
                .other, "the passphrase command failed with \(status.map { "exit code \($0)" } ?? "a signal")"
            )
        }
    }

    private static func ask(_ terminal: borrowing Terminal, _ prompt: String) throws(Failure) -> SecretBytes {
        try checked(try Prompt.hidden(terminal, prompt, atMost: Format.passphraseCounts.upperBound + 1))
    }

    private static func checked(_ buffer: consuming SecretBuffer) throws(Failure) -> SecretBytes {
        if buffer.count == 0 { throw Failure(.usage, "the passphrase is empty") }
        if buffer.count > Format.passphraseCounts.upperBound { throw .passphraseTooLong }
        do throws(SodiumError) {
            return try buffer.finish()
        } catch {
            throw Failure(error)
        }
    }

    /// What a person answers to `prompt`; nil if there is no terminal to ask at.
    static func askedFor(_ prompt: String) throws(Failure) -> SecretBytes? {
        guard let terminal = try? Terminal() else { return nil }
        return try ask(terminal, prompt)
    }

    private static func openTerminal(_ lament: String, hint: String) throws(Failure) -> Terminal {
        do throws(Errno) {
            return try Terminal()
        } catch {
            throw Failure(.locked, lament, hint: hint)
        }
    }
}

extension Failure {
    static let passphraseTooLong = Failure(.usage, "the passphrase has more than 1,024 bytes")
}
