internal import CommandSyntax
internal import ProgramEnvironment
internal import Settings
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault unlock`.
struct UnlockCommand: Command {
    var idle: UInt64?
    var total: UInt64?
    var locksOnSleep = false
    var recovery = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "unlock", summary: "Unlock the vault for all your terminals and scripts",
        discussion: """
            An agent keeps the vault's keys in guarded memory and answers every other command of yours, in any
            terminal or script, until the vault has been idle for an hour, twelve hours have passed, or you
            run 'vault lock'. Time that the machine sleeps counts. The agent never hands out a key and writes
            nothing to disk.

            If the vault is already unlocked, vault asks nothing, and the options can only shorten the
            remaining time; to lengthen it, the passphrase is needed again.

            With --recovery, vault asks for the recovery key instead of the passphrase, or reads it from the
            source that is given for the passphrase.

            vault returns as soon as the agent answers; the agent keeps none of the caller's terminals and
            files open.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--idle", "DURATION", "Lock after this time without use (1h)", &idle, as: .duration)
        parameters.option(
            "--max", "DURATION", "Lock after this time in any case (12h)", &total, as: .duration)
        parameters.flag("--lock-on-sleep", "Lock as soon as the machine has slept", &locksOnSleep)
        parameters.flag("--recovery", "Open the vault with the recovery key", &recovery)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        let agent: AgentClient
        do throws(AgentError) {
            agent = try AgentClient()
        } catch {
            throw Failure(
                .other, "there is no directory for the agent's socket",
                hint: "set HOME or XDG_RUNTIME_DIR")
        }
        if let status = try shorten(agent, path) {
            for notice in status.notices { notice.show() }
            return options.common.confirm("\(path) is already unlocked; it locks \(status.deadlines)")
        }
        let status = try unlock(agent, path)
        for notice in status.notices { notice.show() }
        if !(status.isMemoryLocked && GuardedMemory.isLocked) {
            Output.warn("memory cannot be locked here: keys and values may be swapped to disk")
            Output.hint(
                "raise the limit that 'ulimit -l' shows, lock with 'vault lock --all', and unlock again")
        }
        options.common.confirm("Unlocked \(path); it locks \(status.deadlines)")
        if !options.common.quiet, let header = try? FileOptions.header(of: path) {
            UnlockCommand.warnOfCheapGuesses(header)
        }
    }

    /// Warns if a guess at the passphrase costs less than it would for a new vault.
    static func warnOfCheapGuesses(_ header: Header) {
        guard header.parameters.isBelowDefault else { return }
        let present = "a guess at the passphrase costs only \(header.parameters.described)"
        let minimum = Argon2id.Parameters.default.described
        Output.warn("\(present); for a new vault, it costs at least \(minimum)")
        Output.hint("'vault passwd' raises the cost")
    }

    /// Returns the status of a vault that is already unlocked, with shorter limits if they were asked for.
    ///
    /// - Returns: nil if the passphrase is needed, to unlock the vault or to lengthen its limits.
    private func shorten(_ agent: AgentClient, _ path: String) throws(Failure) -> AgentStatus? {
        let wish = Limits(idle: idle ?? 0, total: total ?? 0, locksOnSleep: locksOnSleep)
        do throws(AgentError) {
            return try agent.shorten(path, to: wish)
        } catch .notRunning, .vault(.locked), .wouldLengthen {
            return nil
        } catch {
            throw Failure(error, path: path)
        }
    }

    /// Returns the error that says that `what` is needed and there is no terminal to ask for it.
    private func noTerminal(for what: String, _ agent: AgentClient, _ path: String) -> Failure {
        guard (try? agent.status(of: path)) != nil else { return .noTerminal(for: what) }
        return Failure(
            .locked,
            Prompt.cannotAsk(for: "the passphrase") + ", which is needed to unlock the vault for longer",
            hint: options.passphrase.hint)
    }

    private func unlock(_ agent: AgentClient, _ path: String) throws(Failure) -> AgentStatus {
        // Errors in the file are reported before vault asks for a passphrase.
        let header = try FileOptions.header(of: path)
        if recovery, !header.hasRecoveryKey { throw Failure(VaultFileError.noRecoveryKey, path: path) }
        let configuration = try Configuration.required()
        let limits = Limits(
            idle: idle ?? configuration.idle ?? Limits.default.idle,
            total: total ?? configuration.max ?? Limits.default.total,
            locksOnSleep: locksOnSleep)
        return try Passphrase.unlock(
            path, options.passphrase, isRecovery: recovery, ifNoTerminal: { noTerminal(for: $0, agent, path) }
        ) { credential throws(Failure) in try unlock(agent, path, limits, with: credential) }
    }

    private func unlock(
        _ agent: AgentClient, _ path: String, _ limits: Limits, with credential: borrowing Credential
    ) throws(Failure) -> AgentStatus {
        var outcome: Result<AgentStatus, AgentError> = .failure(.notRunning)
        _ = try reportingErrors(
            about: path,
            try LocalSession.lendMasterKey(
                at: path, with: credential,
                ifStill: {
                    // Another process may have unlocked it while this one waited for the derivation lock.
                    guard let status = try? shorten(agent, path) else { return true }
                    outcome = .success(status)
                    return false
                },
                to: { key in
                    outcome = Result { () throws(AgentError) in
                        try agent.unlock(path, key: key, limits: limits)
                    }
                }))
        do throws(AgentError) {
            return try outcome.get()
        } catch {
            throw Failure(error, path: path)
        }
    }
}

extension Argon2id.Parameters {
    /// The cost in words: `3 passes over 256 MiB`.
    fileprivate var described: String {
        "\(passes) pass\(passes == 1 ? "" : "es") over \(memoryKiB / 1024) MiB"
    }
}
