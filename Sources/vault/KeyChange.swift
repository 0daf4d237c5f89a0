internal import CommandSyntax
internal import Compaction
internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// What one guess at a new passphrase shall cost.
struct CostOptions: Sendable {
    var memory: Int?
    var passes: Int?

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--kdf-memory", "MiB", "Memory for the key derivation, 64 to 4096", &memory,
            as: .number(in: 64...4096))
        parameters.option(
            "--kdf-time", "N", "Passes over that memory, 3 to 32", &passes, as: .number(in: 3...32))
    }

    /// Nil if this machine is to be measured.
    func chosen() throws(Failure) -> Argon2id.Parameters? {
        if memory == nil, passes == nil { return nil }
        var parameters = Argon2id.Parameters.default
        if let memory { parameters.memoryKiB = UInt32(memory) * 1024 }
        if let passes { parameters.passes = UInt32(passes) }
        guard Argon2id.Bounds.writing.contains(parameters) else {
            throw Failure(
                .usage, "--kdf-memory times --kdf-time is more than 16384 MiB; no reader would accept that")
        }
        return parameters
    }
}

/// What becomes of a vault's recovery key, which cannot stay as it is when the master key changes.
struct RecoveryOptions: Sendable {
    var isDropped = false

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag(
            "--drop-recovery-key", "Leave the vault without a recovery key", &isDropped)
    }
}

/// Prints a recovery key, the one time that it is printed.
final class RecoveryKeyPrinter {
    private var failure: Failure?

    /// Prints it on standard output, on a line of its own.
    func show(_ key: borrowing RecoveryKey) {
        do throws(Failure) {
            let text = try inWords { () throws(SodiumError) in try key.text() }
            if Output.isTerminal {
                Output.note("The recovery key, which is shown only now; write it down and keep it elsewhere:")
            }
            try text.withBytes { text throws(Failure) in
                var line = try inWords { () throws(SodiumError) in
                    try SecretBuffer(capacity: text.count + 1)
                }
                try inWords { () throws(SodiumError) in
                    try line.append(text)
                    try line.append(0x0A)
                }
                try line.withBytes { line throws(Failure) in try Output.write(line, isWhole: true) }
            }
        } catch {
            failure = error
        }
    }

    /// - Throws: if nobody can have read it.
    func finish() throws(Failure) {
        guard let failure else { return }
        throw Failure(
            failure.code, "the recovery key was not printed: \(failure.message)",
            hint: "all else was done; make another one with 'vault recovery-key'")
    }
}

/// What the verbs that give a vault new keys have in common.
struct KeyChange {
    let path: String
    let header: Header
    private let common: CommonOptions

    /// - Throws: if no vault lies there; what is wrong with the file is said before anybody is asked for anything.
    init(_ common: CommonOptions) throws(Failure) {
        self.common = common
        path = try common.path()
        header = try FileOptions.header(of: path)
    }

    /// The vault's present master key.
    func open(with credential: borrowing Credential) throws(Failure) -> LocalJobRunner {
        do throws(VaultError) {
            return try LocalJobRunner.open(path, with: credential)
        } catch {
            throw Failure(error, path: path)
        }
    }

    /// Gives the vault new keys under the passphrase that it has.
    func runKeepingPassphrase(
        _ source: PassphraseOptions, hasRecoveryKey: Bool, confirmation: String
    ) throws(Failure) {
        let lament = Failure.noTerminal(for: "passphrase")
        let unlocked = try Passphrase.unlock(path, source, orLament: lament) {
            passphrase throws(Failure) in try LocalJobRunner.of(path, passphrase)
        }
        try run(
            unlocked.result, unlocked.passphrase, cost: .kept, hasRecoveryKey: hasRecoveryKey,
            confirmation: confirmation)
    }

    /// Gives the vault new keys, prints a recovery key if there shall be one, and says what they do not reach.
    func run(
        _ holder: LocalJobRunner, _ passphrase: borrowing SecretBytes, cost: PassphraseCost,
        hasRecoveryKey: Bool,
        confirmation: String
    ) throws(Failure) {
        let printer = RecoveryKeyPrinter()
        let line = ProgressLine("changing the keys", isShown: !common.quiet)
        let show = { (key: borrowing RecoveryKey) in
            line.clear()
            printer.show(key)
        }
        let report: KeyChangeReport
        do throws(VaultError) {
            defer { line.clear() }
            report = try passphrase.withBytes { bytes throws(VaultError) -> KeyChangeReport in
                try holder.changeKeys(
                    of: Locations.realPath(of: path), passphrase: bytes, cost: cost,
                    announce: { key in AgentAccess.announce(key, for: path) },
                    showRecoveryKey: hasRecoveryKey ? show : nil, progress: line.progress)
            }
        } catch {
            throw Failure(error, path: path)
        }
        AgentAccess.catchUp(at: path)
        holder.showNotices(of: path)
        if let tail = report.rewrite.savedTail {
            Notice.savedTail(count: tail.count, path: tail.path).show()
        }
        try printer.finish()
        common.confirm(confirmation)
        if header.hasRecoveryKey {
            common.confirm(
                "The recovery key of before is void" + (hasRecoveryKey ? "" : "; the vault has none now"))
        }
        for copy in report.oldCopies {
            Output.warn("the old keys still open \(copy)")
        }
        for copy in report.possibleOldCopies {
            Output.warn("cannot tell whether the old keys still open \(copy)")
        }
    }
}
