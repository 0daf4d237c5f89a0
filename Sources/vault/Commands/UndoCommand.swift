internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault undo`.
struct UndoCommand: Command {
    var target = SecretSelector()
    var all = false
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "undo", usage: "[SCOPE [--id ID]] NAME|--all",
        summary: "Restore the previous version of a secret",
        discussion: """
            The previous version is written again as a new version, so nothing is lost and an undo can be
            undone. A deleted secret comes back; 'vault list --deleted' shows which can.

            --all undoes the last change to the scope, however many secrets it set or deleted: an import, or
            a move or deletion of the whole scope. Secrets that it created are deleted.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .optional)
        parameters.flag("--all", "Undo the last change to the scope", &all)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if all { return try undoAll() }
        let secret = try target.secretToChange(options, orHint: "see 'vault help undo'")
        let (time, exists) = try options.change { vault throws(Failure) in try undo(secret, in: vault) }
        options.common.confirm(
            exists
                ? "Set \(secret.located) back to its version of \(UTCTimestamp.format(time))"
                : "Deleted '\(secret.name)' from \(secret.scope.described), as it was before")
    }

    private func undoAll() throws(Failure) {
        let scope = try target.scopeAlone("--all", options)
        let change = try options.change { vault throws(Failure) in
            let (secrets, time) = try lastChange(to: scope, in: vault)
            var created = 0
            let changes = try options.during { () throws(VaultError) in
                var changes = try Changes()
                for secret in secrets where try vault.addUndo(of: secret, to: &changes) == nil {
                    // Without a version before, a deletion cannot be undone.
                    guard try vault.contains(secret) else { continue }
                    try changes.delete(secret)
                    created += 1
                }
                return changes
            }
            let end =
                created == 0
                ? "" : "; \(created) had no previous version and \(created == 1 ? "is" : "are") deleted"
            let change =
                "the change of \(UTCTimestamp.format(time)) to "
                + "\(Words.count(UInt64(changes.count), "secret")) of \(scope.described)\(end)"
            if changes.count == 0 {
                throw Failure(
                    .noSuchSecret, "no secret of \(scope.described) has a version before its last change")
            }
            if !yes, InheritedDescriptor.standardInput.isTerminal { try Prompt.confirm("Undo \(change)?") }
            try options.during(vault.commit(changes))
            return change
        }
        options.common.confirm("Undid \(change)")
    }

    /// Returns the secrets of a scope that were changed last, and when: a transaction gives all its changes one time.
    private func lastChange(
        to scope: Scope, in vault: any Session
    ) throws(Failure) -> (secrets: [SecretID], time: UInt64) {
        let contents = try options.during { () throws(VaultError) in
            try vault.refresh()
            return try vault.listContents()
        }
        if contents.count > contents.differences.count {
            throw Failure(.other, "the vault has too many secrets to undo a change to a whole scope")
        }
        let newest = contents.differences.filter { $0.secret.scope == scope }
        guard let time = newest.compactMap({ $0.there?.time }).max() else {
            throw Failure(.noSuchSecret, "no secrets in \(scope.described)")
        }
        return (newest.filter { $0.there?.time == time }.map(\.secret), time)
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
