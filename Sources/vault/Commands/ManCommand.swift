internal import CommandSyntax
internal import UserMessages

/// The command `vault man`.
struct ManCommand: Command {
    static let info = CommandInfo(
        name: "man", summary: "Print the manual page",
        discussion: """
              vault man | man -l -
            """)

    mutating func declare(_ parameters: inout Parameters) {}

    func run() throws(Failure) {
        try Output.write(CommandTable.program.manual(version: CommandTable.version))
    }
}
