internal import CommandSyntax
internal import Platform
internal import VaultAgent
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault lock`.
struct Lock: Command {
    var all = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "lock", summary: "Forget the vault's keys",
        discussion: """
            The agent wipes the keys of this vault from its memory. With --all every agent that was started for your home directory \
            wipes those of every vault, and then ends: also one with another XDG_RUNTIME_DIR, one that is stopped, and one that cannot \
            be reached any more. One that does not answer is killed.

            That a vault is locked already is no error.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--all", "Every vault; and end the agent", &all)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        if all { return try lockAll() }
        let path = try common.path()
        do throws(AgentError) {
            try AgentClient().lock(path)
        } catch .notRunning {
            // Nobody knows a key.
        } catch {
            throw Failure(error, path: path)
        }
        // A slip in the name is not told that all is well.
        guard Vault.isOccupied(path) else { throw Failure(VaultFileError.noFile, path: path) }
        common.confirm("Locked \(path)")
    }

    private func lockAll() throws(Failure) {
        let view = OwnProcesses.view
        let left = AgentClient.stopAll()
        if let process = left.processes.first {
            throw Failure(
                .other,
                "cannot end \(left.processes.count == 1 ? "the agent with process id" : "the agents with process ids") \(left.processes.map { "\($0)" }.joined(separator: " "))",
                hint: "see what keeps it with 'ps -l -p \(process)'; it ends when the system lets it")
        }
        if let directory = left.directories.first {
            throw Failure(
                .other, "there may be an agent in \(directory), which cannot be ended from here",
                hint: "lock as the user that the directory belongs to, and where the agent was started")
        }
        switch view {
        case .all: common.confirm("Locked every vault")
        case .namespace:
            common.confirm(
                "Locked every vault that this PID namespace knows of; agents outside it cannot be seen")
        case .none:
            throw Failure(
                .other,
                "cannot look for agents that were started with another XDG_RUNTIME_DIR: /proc is missing",
                hint: "mount /proc; the agent that commands use here has no keys any more")
        }
    }
}
