internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault delete`.
struct DeleteCommand: Command {
    var target = SecretSelector()
    var all = false
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "delete", aliases: ["rm", "remove", "unset"], usage: "[SCOPE [--id ID]] NAME|--all",
        summary: "Delete one secret, or all of a scope",
        discussion: """
            vault asks for confirmation only at a terminal. 'vault undo' brings the secret
            back, as long as no compaction has dropped its versions.

            --all deletes every secret of the scope in one step; 'vault undo --all' brings them back.

              vault delete project --id old-shop --all
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .optional, completing: .dynamic("present"))
        parameters.flag("--all", "Delete every secret of the scope", &all)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if all { return try deleteAll() }
        let secret = try target.secretToChange(options, orHint: "see 'vault help delete'")
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

    private func deleteAll() throws(Failure) {
        let scope = try target.scopeAlone("--all", options)
        let count = try options.change { vault throws(Failure) in
            let names = try vault.existingNames(in: scope, options)
            if !yes, InheritedDescriptor.standardInput.isTerminal {
                let secrets = Words.count(UInt64(names.count), "secret")
                try Prompt.confirm("Delete all \(secrets) of \(scope.described)?")
            }
            try options.during { () throws(VaultError) in
                var changes = try Changes()
                for name in names { try changes.delete(SecretID(name, in: scope)) }
                try vault.commit(changes)
            }
            return names.count
        }
        options.common.confirm("Deleted \(Words.count(UInt64(count), "secret")) from \(scope.described)")
    }
}
