internal import CommandSyntax
internal import UserMessages

/// The command `vault move`.
struct MoveCommand: Command {
    private var relocation = Relocation()

    static let info = CommandInfo(
        name: "move", aliases: ["mv"], usage: "NAME|--all [--from SCOPE] [--to SCOPE] [--as NEW]",
        summary: "Move a secret to another scope or name, or a whole scope",
        discussion: """
            Without --from, the secret is taken from the context's project, else from its cluster; without
            --to, it goes there. The target is set and the source is deleted in one step, or neither. A secret
            that the target replaces stays in the target's history; the history of the source stays with the
            source.

              vault move API_KEY --from team --to team --as API_TOKEN
              vault move --all --from project --from-id shop --to project --to-id store
            """,
        advice: Relocation.advice)

    mutating func declare(_ parameters: inout Parameters) {
        relocation.declare(&parameters, completing: .dynamic("present"))
    }

    func run() throws(Failure) { try relocation.run(removesSource: true) }
}
