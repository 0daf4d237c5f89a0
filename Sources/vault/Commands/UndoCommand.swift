internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault undo`.
struct UndoCommand: Command {
    var target = SecretSelector()
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "undo", usage: "[SCOPE [--id ID]] NAME", summary: "Restore the previous version of a secret",
        discussion: """
            The previous version is written again as a new version, so nothing is lost and an undo can be
            undone. A deleted secret comes back.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secretToChange(options)
        let (time, exists) = try options.change { vault throws(Failure) in try undo(secret, in: vault) }
        options.common.confirm(
            exists
                ? "Set \(secret.located) back to its version of \(UTCTimestamp.format(time))"
                : "Deleted '\(secret.name)' from \(secret.scope.described), as it was before")
    }

    /// Returns the time of the version that was restored, and whether the secret exists in it.
    private func undo(
        _ secret: SecretID, in vault: any Session
    ) throws(Failure) -> (time: UInt64, exists: Bool) {
        let history = try options.during { () throws(VaultError) in
            try vault.refresh()
            return try vault.history(of: secret)
        }
        if history.isEmpty {
            throw absent(secret, in: vault, replacing: target.typedScope(options, isChanged: true))
        }
        guard history.count > 1 else {
            throw Failure(
                .noSuchSecret, "'\(secret.name)' has no previous version",
                hint: "'vault delete \(secret.operands)' removes it")
        }
        let exists = try options.during(changing: secret, vault.undo(secret))
        return (history[1].time, exists)
    }
}
