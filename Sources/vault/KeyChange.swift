internal import CommandSyntax
internal import Compaction
internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The options that set the cost of one guess at a new passphrase.
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

    /// The chosen parameters; nil to calibrate them on this machine.
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

/// The option to drop the recovery key, which a new master key would otherwise replace.
struct RecoveryOptions: Sendable {
    var isDropped = false

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag(
            "--drop-recovery-key", "Leave the vault without a recovery key", &isDropped)
    }
}

/// Prints a new recovery key; an error is kept until the key change itself is complete.
final class RecoveryKeyPrinter {
    private var failure: Failure?

    /// Prints the key on standard output, on a line of its own.
    func show(_ key: borrowing RecoveryKey) {
        do throws(Failure) {
            let text = try allocating(key.text())
            if Output.isTerminal {
                Output.note("The recovery key, which is shown only now; write it down and keep it elsewhere:")
            }
            let line = try inWords { () throws(SodiumError) in
                var line = try SecretBuffer(capacity: text.count + 1)
                try text.withBytes { text throws(SodiumError) in try line.append(text) }
                try line.append(UInt8(ascii: "\n"))
                return line
            }
            try line.withBytes { line throws(Failure) in try Output.write(line, isWhole: true) }
        } catch {
            failure = error
        }
    }

    /// Throws the error if the key was not printed.
    func finish() throws(Failure) {
        guard let failure else { return }
        throw Failure(
            failure.code, "the recovery key was not printed: \(failure.message)",
            hint: "everything else was done; make another one with 'vault recovery-key'")
    }
}

/// Gives a vault new keys, for the verbs that do so.
struct KeyChange {
    let path: String
    let header: Header
    private let common: CommonOptions

    /// Reads the header first, so that an unusable file is reported before any prompt.
    init(_ common: CommonOptions) throws(Failure) {
        self.common = common
        path = try common.path()
        header = try FileOptions.header(of: path)
    }

    /// Opens the vault with its present keys.
    func open(with credential: borrowing Credential) throws(Failure) -> LocalJobRunner {
        try inWords(about: path) { () throws(VaultError) in try LocalJobRunner.open(path, with: credential) }
    }

    /// Gives the vault new keys under its present passphrase.
    func runKeepingPassphrase(
        _ source: PassphraseOptions, hasRecoveryKey: Bool, confirmation: String
    ) throws(Failure) {
        let unlocked = try Passphrase.unlock(path, source, ifNoTerminal: .noTerminal(for: "passphrase")) {
            passphrase throws(Failure) in try LocalJobRunner.of(path, passphrase)
        }
        try run(
            unlocked.result, unlocked.passphrase, cost: .kept, hasRecoveryKey: hasRecoveryKey,
            confirmation: confirmation)
    }

    /// Gives the vault new keys, prints a new recovery key if requested, and lists the files that the old keys still open.
    func run(
        _ runner: LocalJobRunner, _ passphrase: borrowing SecretBytes, cost: PassphraseCost,
        hasRecoveryKey: Bool,
        confirmation: String
    ) throws(Failure) {
        let printer = RecoveryKeyPrinter()
        let line = ProgressLine("changing the keys", isShown: !common.quiet)
        let show = { (key: borrowing RecoveryKey) in
            line.clear()
            printer.show(key)
        }
        let report = try inWords(about: path) { () throws(VaultError) in
            defer { line.clear() }
            return try passphrase.withBytes { bytes throws(VaultError) -> KeyChangeReport in
                try runner.changeKeys(
                    of: Locations.realPath(of: path), passphrase: bytes, cost: cost,
                    announce: { key in AgentAccess.announce(key, for: path) },
                    showRecoveryKey: hasRecoveryKey ? show : nil, progress: line.progress)
            }
        }
        AgentAccess.catchUp(at: path)
        runner.showNotices(of: path)
        if let tail = report.rewrite.savedTail {
            Notice.savedTail(count: tail.count, path: tail.path).show()
        }
        try printer.finish()
        common.confirm(confirmation)
        if header.hasRecoveryKey {
            common.confirm(
                "The previous recovery key no longer works"
                    + (hasRecoveryKey ? "" : "; the vault has none now"))
        }
        for copy in report.oldCopies {
            Output.warn("the old keys still open \(copy)")
        }
        for copy in report.possibleOldCopies {
            Output.warn("cannot tell whether the old keys still open \(copy)")
        }
    }
}
