internal import CommandSyntax
internal import VaultAgent
internal import Wording

/// The verb `vault lock`.
struct Lock: Command {
    var all = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "lock", summary: "Forget the vault's keys",
        discussion: """
            The agent wipes the keys of this vault from its memory. With --all every agent that was started for your home directory \
            wipes those of every vault, and ends: also one with another XDG_RUNTIME_DIR, one that is stopped, and one that cannot \
            be reached any more. One that does not end when it is told to is killed.

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
            try Agent().lock(path)
        } catch .notRunning {
            // Nobody knows a key.
        } catch {
            throw Failure(error, path: path)
        }
        common.confirm("Locked \(path)")
    }

    private func lockAll() throws(Failure) {
        let left = Agent.stopAll()
        guard left.isEmpty else {
            let ids = left.map { "\($0)" }.joined(separator: " ")
            throw Failure(
                .other,
                "cannot end \(left.count == 1 ? "the agent with process id" : "the agents with process ids") \(ids)",
                hint: "see what keeps it with 'ps -l -p \(left[0])'; it ends when the system lets it")
        }
        common.confirm("Locked every vault; the agent has ended")
    }
}
