internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault unlock`.
struct Unlock: Command {
    var idle: UInt64?
    var total: UInt64?
    var locksOnSleep = false
    var recovery = false
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "unlock", summary: "Unlock the vault once, for scripts and terminals",
        discussion: """
            An agent keeps the vault's keys in guarded memory and answers every other command of yours, in any terminal or \
            script, until nobody used it for an hour, twelve hours are over, or 'vault lock'. Time that the machine \
            sleeps counts. It never hands out a key, and writes nothing to disk.

            When the vault is unlocked already, nothing is asked, and the options can only shorten the time that is left; \
            to lengthen it, the passphrase is asked for again.

            With --recovery, the recovery key is asked for in place of the passphrase, or read from where that would be.

            vault returns when the agent answers; the agent keeps no terminal and no file of the caller.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--idle", "DURATION", "Lock when nothing used the vault for so long (1h)", &idle,
            as: .duration)
        parameters.option("--max", "DURATION", "Lock after so long in any case (12h)", &total, as: .duration)
        parameters.flag("--lock-on-sleep", "Lock as soon as the machine slept", &locksOnSleep)
        parameters.flag("--recovery", "Open the vault with the recovery key", &recovery)
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path()
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
            return common.confirm("\(path) is unlocked already; it locks \(status.deadlines)")
        }
        let status = try unlock(agent, path)
        for notice in status.notices { notice.show() }
        if !(status.isMemoryLocked && GuardedMemory.isLocked) {
            Output.warn("memory cannot be locked here: keys and values may be swapped to disk")
            Output.hint(
                "raise the limit that 'ulimit -l' shows, then lock with 'vault lock --all', and unlock again")
        }
        common.confirm("Unlocked \(path); it locks \(status.deadlines)")
        if !common.quiet, let header = try? FileOptions.header(of: path) { Unlock.warnOfCheapGuesses(header) }
    }

    /// Says so if a passphrase of the vault is easier to guess than a new one's would be.
    static func warnOfCheapGuesses(_ header: Header) {
        guard header.parameters.isBelowDefault else { return }
        let (present, today) = (header.parameters, Argon2id.Parameters.default)
        Output.warn(
            "a guess at the passphrase costs \(present.described), less than a new vault's, which is at least \(today.described)"
        )
        Output.hint("'vault passwd' raises it")
    }

    /// What stands if the vault is unlocked already and nobody has to be asked; nil if somebody has.
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

    /// The error where there is nobody to ask for `what`.
    private func lament(_ what: String, _ agent: AgentClient, _ path: String) -> Failure {
        guard (try? agent.status(of: path)) != nil else { return .noTerminal(for: what) }
        return Failure(
            .locked,
            "only the passphrase can lengthen the time that the vault stays unlocked, and there is no terminal to ask for it",
            hint: passphrase.hint)
    }

    private func unlock(_ agent: AgentClient, _ path: String) throws(Failure) -> AgentStatus {
        // What is wrong with the file is said before anybody is asked for anything.
        let header = try FileOptions.header(of: path)
        if recovery, !header.hasRecoveryKey { throw Failure(VaultFileError.noRecoveryKey, path: path) }
        var limits = Limits.default
        if let idle { limits.idle = idle }
        if let total { limits.total = total }
        limits.locksOnSleep = locksOnSleep
        return try Passphrase.unlock(
            path, passphrase, isRecovery: recovery, ifNoTerminal: { lament($0, agent, path) }
        ) { credential throws(Failure) in try unlock(agent, path, limits, with: credential) }
    }

    private func unlock(
        _ agent: AgentClient, _ path: String, _ limits: Limits, with credential: borrowing Credential
    ) throws(Failure) -> AgentStatus {
        var present: AgentStatus?
        var outcome: Result<AgentStatus, AgentError> = .failure(.notRunning)
        do throws(VaultError) {
            _ = try Vault.lendMasterKey(
                at: path, with: credential,
                ifStill: {
                    // Somebody else may have done it while this process waited for its turn.
                    present = try? shorten(agent, path)
                    return present == nil
                },
                to: { key in
                    do throws(AgentError) {
                        outcome = .success(try agent.unlock(path, key: key, limits: limits))
                    } catch {
                        outcome = .failure(error)
                    }
                })
        } catch {
            throw Failure(error, path: path)
        }
        if let present { return present }
        do throws(AgentError) {
            return try outcome.get()
        } catch {
            throw Failure(error, path: path)
        }
    }
}

extension Argon2id.Parameters {
    /// `3 passes over 256 MiB`.
    fileprivate var described: String {
        "\(passes) pass\(passes == 1 ? "" : "es") over \(memoryKiB / 1024) MiB"
    }
}
