internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault delete`.
struct DeleteCommand: Command {
    var target = SecretSelector()
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "delete", aliases: ["rm", "remove", "unset"], usage: "[SCOPE [--id ID]] NAME",
        summary: "Delete one secret",
        discussion: """
            vault asks for confirmation only at a terminal. 'vault undo' brings the secret
            back, as long as no compaction has dropped its versions.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secretToChange(options)
        try options.change { vault throws(Failure) in
            guard try options.during({ () throws(VaultError) in try vault.contains(secret) }) else {
                throw absent(secret, in: vault, replacing: target.typedScope(options, isChanged: true))
            }
            if !yes, InheritedDescriptor.standardInput.isTerminal {
                let place =
                    secret.scope == .team || CommandTable.isCalledAsGradient ? "" : secret.located + "\n"
                try Prompt.confirm(after: place, "Are you sure you want to delete the \(secret.title)?")
            }
            try options.during(changing: secret, vault.delete(secret.name, in: secret.scope))
        }
        options.common.confirm(
            "Deleted '\(secret.name)' from \(secret.scope.described)",
            original: "Deleted \(secret.title)")
    }
}
