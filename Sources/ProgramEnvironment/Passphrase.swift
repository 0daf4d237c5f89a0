internal import Platform
package import Sodium
internal import VaultFile
package import UserMessages

/// Reads passphrases into guarded memory.
package enum Passphrase {
    /// A source of a passphrase other than a person.
    package enum Source {
        case descriptor(Int)
        case file(String)
        case command(String)
        case variable(String)
    }

    /// The source that the variables beginning with `name` give; nil if there is none.
    package static func environment(_ name: String) throws(Failure) -> Source? {
        if let file = try Environment.text(name + "_FILE") { return .file(file) }
        if let command = try Environment.text(name + "_COMMAND") { return .command(command) }
        // VAULT_NEW_PASSPHRASE is not read: a lasting passphrase should not be in a variable.
        if name == "VAULT_PASSPHRASE", Environment.withValue(name, { _ in true }) == true {
            return .variable(name)
        }
        return nil
    }

    package static func read(_ source: Source) throws(Failure) -> SecretBytes {
        var buffer = try allocating(SecretBuffer(capacity: 4080))
        switch source {
        case .descriptor(let number):
            let descriptor = InheritedDescriptor(number: Int32(number))
            guard descriptor.isOpen else { throw Failure(.usage, "file descriptor \(number) is not open") }
            try buffer.fill("the passphrase from descriptor \(number)") { span throws(Errno) in
                try descriptor.read(into: &span)
            }
            // A program that `run` starts must not inherit it, except as a standard descriptor.
            if number > 2 { descriptor.keepFromOthers() }
        case .file(let path): try buffer.fill(fromPrivate: path, "the passphrase file \(path)")
        case .command(let command): try readCommand(command, &buffer)
        case .variable(let name):
            try inWords { () throws(SodiumError) in
                _ = try Environment.withValue(name) { value throws(SodiumError) in try buffer.append(value) }
            }
        }
        buffer.removeFinalNewline()
        return try checked(buffer)
    }

    private static func readCommand(_ command: String, _ buffer: inout SecretBuffer) throws(Failure) {
        var piece = try allocating(SecretBytes(count: 4080))
        var overflow = false
        let status = try inWords("cannot run the passphrase command") { () throws(Errno) in
            try piece.withMutableBytes { piece throws(Errno) in
                try ShellCommand.run(command, keeping: PassphraseVariables.others(), buffer: &piece) {
                    bytes in
                    overflow =
                        buffer.count + bytes.count > buffer.capacity || (try? buffer.append(bytes)) == nil
                    return !overflow
                }
            }
        }
        if overflow { throw .passphraseTooLong }
        guard status == 0 else {
            throw Failure(
                .other, "the passphrase command failed with \(status.map { "exit code \($0)" } ?? "a signal")"
            )
        }
    }

    /// Returns the passphrase in `buffer`; throws if its length is not allowed.
    package static func checked(_ buffer: consuming SecretBuffer) throws(Failure) -> SecretBytes {
        if buffer.count == 0 { throw Failure(.usage, "the passphrase is empty") }
        if buffer.count > Format.passphraseSizes.upperBound { throw .passphraseTooLong }
        do throws(SodiumError) {
            return try buffer.finish()
        } catch {
            throw .outOfMemory
        }
    }
}

extension Failure {
    package static let passphraseTooLong = Failure(.usage, "the passphrase has more than 1,024 bytes")
}
