internal import Platform
internal import Sodium
internal import VaultFile
internal import UserMessages

/// Finds a passphrase, in guarded memory from the first byte on.
enum Passphrase {
    /// One place that a passphrase can come from without a person.
    enum Source: Equatable {
        case descriptor(Int)
        case file(String)
        case command(String)
        case variable(String)
    }

    static let waysToGive: Hint = "give --passphrase-file, --passphrase-command or --passphrase-fd"

    /// What comes from a named source, or from the environment; nil if a person has to be asked.
    static func given(_ options: PassphraseOptions) throws(Failure) -> SecretBytes? {
        if let source = try explicit(options.descriptor, options.file, options.command, "passphrase") {
            return try read(source)
        }
        guard let source = try environment("VAULT_PASSPHRASE") else { return nil }
        return try read(source)
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

    static func explicit(
        _ descriptor: Int?, _ file: String?, _ command: String?, _ option: String
    ) throws(Failure) -> Source? {
        let given: [Source] = [
            descriptor.map { .descriptor($0) }, file.map { .file($0) }, command.map { .command($0) },
        ].compactMap { $0 }
        if given.count > 1 { throw Failure(.usage, "only one of the --\(option) options can be given") }
        return given.first
    }

    static func environment(_ name: String) throws(Failure) -> Source? {
        if let file = try Environment.text(name + "_FILE") { return .file(file) }
        if let command = try Environment.text(name + "_COMMAND") { return .command(command) }
        // There is no VAULT_NEW_PASSPHRASE: nothing that lasts should live in a variable.
        if name == "VAULT_PASSPHRASE", Environment.withValue(name, { _ in true }) == true {
            return .variable(name)
        }
        return nil
    }

    static func read(_ source: Source) throws(Failure) -> SecretBytes {
        var buffer = try inWords { () throws(SodiumError) in
            try SecretBuffer(capacity: Format.passphraseSizes.upperBound + 4)
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

    /// The passphrase in `buffer`, if it can be one.
    static func checked(_ buffer: consuming SecretBuffer) throws(Failure) -> SecretBytes {
        if buffer.count == 0 { throw Failure(.usage, "the passphrase is empty") }
        if buffer.count > Format.passphraseSizes.upperBound { throw .passphraseTooLong }
        do throws(SodiumError) {
            return try buffer.finish()
        } catch {
            throw Failure(error)
        }
    }
}

extension Failure {
    static let passphraseTooLong = Failure(.usage, "the passphrase has more than 1,024 bytes")
}
