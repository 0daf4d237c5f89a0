internal import CommandSyntax
internal import VaultAgent
internal import Wording

/// The verb `vault lock`.
struct Lock: Command {
    var all = false
    var common = CommonOptions()

    static let syntax = Syntax(
        Lock(), name: "lock", summary: "Forget the vault's keys",
        discussion: """
            The agent wipes the keys of this vault from its memory. With --all it wipes those of every vault, and ends.

            That a vault is locked already is no error.
            """,
        parameters: [
            .flag("--all", "Every vault; and end the agent", \.all),
            .options(CommonOptions.parameters, \.common, group: "Common options"),
        ])

    func run() throws(Failure) {
        let path = try common.path()
        do throws(AgentError) {
            let agent = try Agent()
            if all {
                try agent.stop()
            } else {
                try agent.lock(path)
            }
        } catch .notRunning {
            // Nobody knows a key.
        } catch {
            throw Failure(error, path: path)
        }
        common.confirm(all ? "Locked every vault; the agent has ended" : "Locked \(path)")
    }
}
