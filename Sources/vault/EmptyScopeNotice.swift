internal import CommandSyntax
internal import VaultCore
internal import UserMessages

extension VaultOptions {
    /// Says that a project or cluster that an option names has no secrets at all, as if its id was mistyped.
    ///
    /// - Parameter passed: the scopes of the context that supplied nothing; only if an option names one of them is the vault asked.
    func noteEmptyScopes(among passed: some Sequence<Scope>, in vault: any Session) {
        let given = [context.project.map { Scope.project($0) }, context.cluster.map { Scope.cluster($0) }]
        let asked = passed.filter(given.contains)
        guard !common.quiet, !asked.isEmpty, let secrets = try? vault.secrets() else { return }
        let known = Set(secrets.map(\.scope))
        for scope in asked where !known.contains(scope) {
            let id = scope.id ?? ""
            let ids = known.filter { $0.word == scope.word }.compactMap(\.id).sorted()
            let suggestion = Suggestion.nearest(to: id, among: ids).map { "; did you mean '\($0)'?" } ?? ""
            Output.note("vault: no secrets in \(scope.word) '\(id)'\(suggestion)")
        }
    }

    /// Says the same of the scopes that are stronger than the one that supplies a secret.
    func noteEmptyScopes(before winner: Scope, of scopes: [Scope], in vault: any Session) {
        // Nearly every get ends here.
        if common.quiet || context.project == nil && context.cluster == nil { return }
        noteEmptyScopes(among: scopes.prefix { $0 != winner }, in: vault)
    }

    /// Says the same of the scopes that supply none of the effective secrets.
    func noteEmptyScopes(without effective: [SecretID], of scopes: [Scope], in vault: any Session) {
        noteEmptyScopes(
            among: scopes.filter { scope in !effective.contains { $0.scope == scope } }, in: vault)
    }
}
