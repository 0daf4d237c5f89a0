internal import CommandSyntax
internal import UserMessages

/// The command `vault copy`.
struct CopyCommand: Command {
    private var relocation = Relocation()

    static let info = CommandInfo(
        name: "copy", aliases: ["cp"], usage: "NAME|--all [--from SCOPE] [--to SCOPE] [--as NEW]",
        summary: "Set a secret to the value of another, or copy a whole scope",
        discussion: """
            Without --from, the effective secret is copied; without --to, it goes to the context's project,
            else to its cluster. A secret that the target replaces stays in the target's history. The source
            is not changed.

              vault copy API_KEY --from team --to project --to-id web
              vault copy --all --from project --from-id web --to project --to-id web-2
            """,
        advice: Relocation.advice)

    mutating func declare(_ parameters: inout Parameters) {
        relocation.declare(&parameters, completing: .dynamic("names"))
    }

    func run() throws(Failure) { try relocation.run(removesSource: false) }
}
