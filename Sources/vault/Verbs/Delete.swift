internal import CommandSyntax
internal import Platform
internal import VaultKit
internal import UserMessages

/// The verb `vault delete`.
struct Delete: Command {
    var target = SecretSelector()
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "delete", aliases: ["rm", "remove", "unset"], usage: "SCOPE [--id ID] NAME",
        summary: "Delete one secret",
        discussion: """
            A person at a terminal is asked first; a script is not. 'vault undo' brings it back, \
            as long as no compaction has dropped the versions.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .required, name: .required)
        parameters.flag("-y --yes", "Do not ask", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secret(options)
        try options.change { vault throws(Failure) in try delete(secret, from: vault) }
        options.common.confirm("Deleted \(secret.scope.word) secret '\(secret.name)'")
    }

    private func delete(_ secret: SecretID, from vault: any Session) throws(Failure) {
        guard try options.during({ () throws(VaultError) in try vault.contains(secret) }) else {
            throw absent(secret.name, searched: secret.scope.described, in: vault, explicit: secret.scope)
        }
        if !yes, InheritedDescriptor.standardInput.isTerminal {
            try Prompt.confirm(
                "Are you sure you want to delete the \(secret.scope.word) secret '\(secret.name)'?")
        }
        try options.during(changing: secret) { () throws(VaultError) in
            try vault.delete(secret.name, in: secret.scope)
        }
    }
}
