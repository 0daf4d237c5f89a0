internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import VaultFile
internal import UserMessages

/// The command `vault undo`.
struct UndoCommand: Command {
    var target = SecretSelector()
    var version: Int?
    var metadata = false
    var all = false
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "undo", usage: "[SCOPE [--id ID]] NAME|--all",
        summary: "Restore the previous version of a secret",
        discussion: """
            The previous version, or the one that --version chooses, is written again as a new version, so
            nothing is lost and an undo can be undone. A deleted secret comes back; 'vault list --deleted'
            shows which can. If the last change was one of 'vault describe', that is undone; --metadata undoes
            that or, with --version, restores what 'vault history --metadata' lists.

            --all undoes the last change to the scope, however many secrets it set or deleted: an import, or
            a move or deletion of the whole scope. Secrets that it created are deleted. A move is undone in
            both scopes.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .optional, completing: .dynamic("past"))
        parameters.option(
            "--version", "N", "Restore the version N versions back (1)", &version, as: .number(in: 1...(.max))
        )
        parameters.flag("--metadata", "Restore metadata, not the value", &metadata)
        parameters.flag("--all", "Undo the last change to the scope", &all)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if all {
            if metadata { throw Failure(.usage, "--all cannot be combined with --metadata") }
            return try undoAll()
        }
        let secret = try target.secretToChange(options, orHint: "see 'vault help undo'")
        let undone = try options.change { vault throws(Failure) in
            try undoMetadata(of: secret, in: vault) ? nil : try undo(secret, in: vault)
        }
        guard let (restored, hint) = undone else {
            return options.common.confirm(
                version.map { "Set the metadata of \(secret.located) back to version \($0)" }
                    ?? "Undid the last change to the metadata of \(secret.located)")
        }
        options.common.confirm(
            restored.isDeletion
                ? "Deleted '\(secret.name)' from \(secret.scope.described), as it was before"
                : "Set \(secret.located) back to its version of \(UTCTimestamp.format(restored.time))")
        if let hint, !options.common.quiet { Output.hint(hint) }
    }

    /// Returns the version that was restored, and a hint to the secret to which the deleted one was moved.
    private func undo(
        _ secret: SecretID, in vault: any Session
    ) throws(Failure) -> (restored: SecretVersion, hint: Hint?) {
        let history = try options.during { () throws(VaultError) in
            try vault.refresh()
            return try vault.history(of: secret)
        }
        guard let newest = history.first else {
            throw absent(secret, in: vault, replacing: target.typedScope(options, isChanged: true))
        }
        let number = version ?? 1
        guard number < history.count else { throw noVersion(number, of: secret, history, in: vault) }
        if history[number].isDeletion, !newest.isDeletion, !yes, InheritedDescriptor.standardInput.isTerminal
        {
            try Prompt.confirm("Version \(number) is a deletion. Delete \(secret.located)?")
        }
        let hint = newest.isDeletion ? hintToMoved(at: newest.time, in: vault) : nil
        return (try options.during(changing: secret, vault.restore(secret, toVersion: number)), hint)
    }

    /// Returns true if metadata are to be restored, or were changed last, which is then done.
    private func undoMetadata(of secret: SecretID, in vault: any Session) throws(Failure) -> Bool {
        if version != nil, !metadata { return false }
        let isDone = try options.during { () throws(VaultError) in
            try vault.undoMetadata(of: secret, toVersion: version ?? 1, always: metadata)
        }
        if metadata, !isDone {
            let hint: Hint = "see 'vault history --metadata \(secret.operands)'"
            throw Failure(.noSuchSecret, "the metadata of \(secret.located) have no such version", hint: hint)
        }
        return isDone
    }

    private func noVersion(
        _ number: Int, of secret: SecretID, _ history: [SecretVersion], in vault: any Session
    ) -> Failure {
        if history.count > 1 {
            return Failure(
                .noSuchSecret, "'\(secret.name)' has no version \(number)",
                hint: "see 'vault history \(secret.operands)'")
        }
        if history[0].isDeletion {
            return Failure(
                .noSuchSecret, "'\(secret.name)' is deleted, and no older version of it is kept",
                hint: "a backup may have it: see 'vault help diff'")
        }
        let others = ((try? vault.listContents())?.differences ?? []).filter {
            $0.part == .value && $0.there?.time == history[0].time && $0.there?.isDeletion == true
        }
        // A move: without the undo in both scopes, the value would be in none.
        let moved = others.first { $0.secret.name == secret.name && $0.secret.scope != secret.scope }?.secret
        return Failure(
            .noSuchSecret, "'\(secret.name)' has no previous version",
            hint: moved.map {
                "the same change deleted \($0.located): 'vault undo \($0.operands)' brings it back"
            }
                ?? "'vault delete \(secret.operands)' removes it")
    }

    /// Returns a hint to the secret that a move, made at this time, set beside the deletion of another; nil if it was no move of one.
    private func hintToMoved(at time: UInt64, in vault: any Session) -> Hint? {
        let changed = ((try? vault.listContents())?.differences ?? []).filter {
            $0.part == .value && $0.there?.time == time
        }
        let set = changed.filter { $0.there?.isDeletion == false }
        guard changed.count == 2, set.count == 1, let moved = set.first?.secret else { return nil }
        let hasPrevious = ((try? vault.history(of: moved)) ?? []).count > 1
        return hasPrevious
            ? "the same change set \(moved.located): 'vault undo \(moved.operands)' undoes that"
            : "the same change created \(moved.located): 'vault delete \(moved.operands)' removes it"
    }
}

extension UndoCommand {
    private func undoAll() throws(Failure) {
        if version != nil { throw Failure(.usage, "--all cannot be combined with --version") }
        let scope = try target.scopeAlone("--all", options)
        let description = try options.change { vault throws(Failure) in
            let change = try lastChange(to: scope, in: vault)
            var (back, again, deleted) = (0, 0, 0)
            let changes = try inOneTransaction { () throws(VaultError) in
                var changes = try Changes()
                let valued = Set(change.filter { $0.part == .value }.map(\.secret))
                for (secret, part, version) in change {
                    if part == .metadata {
                        try vault.addUndoOfMetadata(of: secret, ifNewest: version, to: &changes)
                        if !valued.contains(secret) { again += 1 }
                        continue
                    }
                    let history = try vault.history(of: secret)
                    if history.count > 1 {
                        try vault.addUndo(of: secret, history, toVersion: 1, ifNewest: version, to: &changes)
                        let exists = !history[1].isDeletion
                        if exists, version.isDeletion { back += 1 } else if exists { again += 1 }
                        if !exists, !version.isDeletion { deleted += 1 }
                    } else if !version.isDeletion {
                        try changes.require(secret, newest: version)
                        try changes.delete(secret)
                        deleted += 1
                    }
                }
                return changes
            }
            guard changes.count > 0 else {
                throw Failure(
                    .noSuchSecret, "no secret of \(scope.described) has a version before its last change")
            }
            let effects = [(back, "brought back"), (again, "set back"), (deleted, "deleted")]
            let description =
                "the change of \(UTCTimestamp.format(change[0].version.time)) to \(UndoCommand.places(of: change)): "
                + effects.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            if !yes, InheritedDescriptor.standardInput.isTerminal {
                try Prompt.confirm("Undo \(description)?")
            }
            try commit(changes, of: scope, to: vault)
            return description
        }
        options.common.confirm("Undid \(description)")
    }

    /// Calls `body`, and says how to undo a change whose values exceed one transaction.
    private func inOneTransaction<R: ~Copyable>(
        _ body: () throws(VaultError) -> R
    ) throws(Failure) -> R {
        do throws(VaultError) {
            return try body()
        } catch .file(.transactionTooLarge) {
            throw Failure(
                .other,
                "the values exceed 64 MiB in total and cannot be restored at once; nothing was undone",
                hint:
                    "'vault list --deleted --all' names what was deleted; 'vault help undo' brings back each")
        } catch {
            throw Failure(error, path: try options.path())
        }
    }

    private func commit(
        _ changes: borrowing Changes, of scope: Scope, to vault: any Session
    ) throws(Failure) {
        do throws(VaultError) {
            try vault.commit(changes)
        } catch .file(.changedMeanwhile) {
            throw Failure(
                .other, "\(scope.described) was changed in the meantime; nothing was undone",
                hint: "try again"
            )
        } catch {
            throw Failure(error, path: try options.path())
        }
    }

    private typealias Change = [(secret: SecretID, part: Part, version: SecretVersion)]

    /// Returns the secrets that the last change to a scope set or deleted, with the versions that it made; also those that it moved
    /// from another scope or to it, which have the same names there.
    ///
    /// One transaction gives its versions the same time, unless the clock is behind that of an older version.
    private func lastChange(to scope: Scope, in vault: any Session) throws(Failure) -> Change {
        let contents = try options.during { () throws(VaultError) in
            try vault.refresh()
            return try vault.listContents()
        }
        if contents.count > contents.differences.count {
            throw Failure(.other, "the vault has too many secrets to undo a change to a whole scope")
        }
        let newest: Change = contents.differences.compactMap { entry in
            entry.there.map { (entry.secret, entry.part, $0) }
        }
        guard let time = newest.filter({ $0.secret.scope == scope }).map(\.version.time).max() else {
            throw Failure(.noSuchSecret, "no secrets in \(scope.described)")
        }
        let changed = newest.filter { $0.version.time == time }
        let names = Set(changed.filter { $0.secret.scope == scope }.map(\.secret.name))
        return changed.filter { names.contains($0.secret.name) }
    }

    private static func places(of change: Change) -> String {
        var scopes: [Scope] = []
        for (secret, _, _) in change where !scopes.contains(secret.scope) { scopes.append(secret.scope) }
        return scopes.count > 3
            ? "\(scopes.count) scopes" : scopes.map(\.described).joined(separator: " and ")
    }
}
