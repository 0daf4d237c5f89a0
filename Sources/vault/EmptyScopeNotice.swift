internal import CommandSyntax
internal import Settings
internal import VaultCore
internal import UserMessages

extension VaultOptions {
    /// Says that a project or cluster has no secrets at all, as if its id was mistyped.
    ///
    /// One that an option names is always told; one of a variable or of `.vault.toml` only if its id is like another one, since a
    /// project may have no secrets of its own.
    ///
    /// - Parameter passed: the scopes of the context that supplied nothing.
    func noteEmptyScopes(among passed: some Sequence<Scope>, in vault: any Session) {
        let given = [context.project.map { Scope.project($0) }, context.cluster.map { Scope.cluster($0) }]
        let asked = passed.filter { $0 != .team }
        guard !asked.isEmpty, let known = knownScopes(in: vault) else { return }
        for scope in asked where !known.contains(scope) {
            let meant = scope.nearest(among: known)
            let message = "no secrets in \(scope.word) '\(scope.id ?? "")'"
            if let meant {
                Output.warn("\(message); did you mean '\(meant)'?")
            } else if given.contains(scope), !common.quiet {
                Output.note("vault: \(message)")
            }
        }
    }

    /// Says the same of the scopes that are stronger than the one that supplies a secret.
    func noteEmptyScopes(before winner: Scope, of scopes: [Scope], in vault: any Session) {
        // Nearly every get ends here: a list of all secrets would cost more than the value.
        if context.project == nil && context.cluster == nil { return }
        noteEmptyScopes(among: scopes.prefix { $0 != winner }, in: vault)
    }

    /// Says the same of the scopes that supply none of the effective secrets.
    func noteEmptyScopes(without effective: [SecretID], of scopes: [Scope], in vault: any Session) {
        noteEmptyScopes(
            among: scopes.filter { scope in !effective.contains { $0.scope == scope } }, in: vault)
    }

    /// Says that a project or cluster is about to get its first secret, if its id is like another one.
    ///
    /// - Parameter name: the name of that secret, if known: one that exists spares the list of all secrets.
    func noteNewScope(_ scope: Scope, for name: String? = nil, in vault: any Session) {
        if scope == .team { return }
        if let name, (try? vault.contains(SecretID(name, in: scope))) == true { return }
        guard !CommandTable.isCalledAsGradient,
            let known = knownScopes(in: vault), !known.contains(scope),
            let meant = scope.nearest(among: known)
        else { return }
        Output.warn("\(scope.word) '\(scope.id ?? "")' is new; did you mean '\(meant)'?")
    }

    private func knownScopes(in vault: any Session) -> Set<Scope>? {
        (try? vault.secrets()).map { Set($0.map(\.scope)) }
    }
}

extension Scope {
    /// Returns the id of the scope of the same kind whose id is most like this one's; nil if there is none.
    fileprivate func nearest(among known: Set<Scope>) -> String? {
        let ids = known.filter { $0.word == word }.compactMap(\.id).sorted()
        return Suggestion.nearest(to: id ?? "", among: ids)
    }
}
