internal import CommandSyntax
internal import Platform
internal import Settings
internal import VaultAgent
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault lock`.
struct LockCommand: Command {
    var all = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "lock", summary: "Make the agent forget the vault's keys",
        discussion: """
            The agent wipes the keys of this vault from its memory. With --all, every agent that was started
            for your home directory wipes the keys of every vault and exits, including an agent with another
            XDG_RUNTIME_DIR, one that is stopped, and one that can no longer be reached. An agent that does
            not answer is killed.

            Locking a vault that is already locked is not an error. If the configuration cannot be read, and
            nothing else says which vault is meant, every vault is locked.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--all", "Lock every vault and stop the agents", &all)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        if all { return try lockAll() }
        if try isVaultUnknown() { return try lockAll() }
        let path = try common.path(tolerant: true)
        // Without XDG_RUNTIME_DIR, as after su or in cron, another agent may have been started elsewhere. One that fails must not keep
        // the others from locking.
        var failure: Failure?
        for directory in Locations.runtimeDirectories {
            do throws(AgentError) {
                try AgentClient(directory: directory).lock(path)
            } catch .notRunning {
                // Without an agent, the vault is locked.
            } catch {
                failure = failure ?? Failure(error, path: path)
            }
        }
        if let failure { throw failure }
        // A mistyped path must not be confirmed as locked.
        guard LocalSession.isOccupied(path) else { throw Failure(VaultFileError.noFile, path: path) }
        common.confirm("Locked \(path)")
    }

    /// True if only the configuration could say which vault is meant, and it cannot be used; that is said in a warning.
    private func isVaultUnknown() throws(Failure) -> Bool {
        guard common.vault == nil, Environment.withValue("VAULT_FILE", { !$0.isEmpty }) != true,
            let problem = Configuration.asFarAsKnown.problem
        else { return false }
        Output.warn(problem.message)
        return Configuration.asFarAsKnown.vault == nil
    }

    private func lockAll() throws(Failure) {
        let view = OwnProcesses.view
        let left = AgentClient.stopAll()
        if let process = left.processes.first {
            let agents =
                left.processes.count == 1 ? "the agent with process id" : "the agents with process ids"
            throw Failure(
                .other, "cannot stop \(agents) \(left.processes.map(String.init).joined(separator: " "))",
                hint: "'ps -l -p \(process)' shows what blocks it; it exits when the system lets it")
        }
        if let directory = left.directories.first {
            throw Failure(
                .other, "there may be an agent in \(directory) that cannot be stopped from here",
                hint: "lock as the owner of the directory, in the environment where the agent was started")
        }
        switch view {
        case .all: common.confirm("Locked every vault")
        case .namespace:
            common.confirm("Locked every vault in this PID namespace; agents outside it cannot be seen")
        case .none:
            throw Failure(
                .other,
                "cannot look for agents that were started with another XDG_RUNTIME_DIR: /proc is missing",
                hint: "mount /proc; the agent that commands use here no longer has any keys")
        }
    }
}
