internal import ProgramEnvironment
internal import Settings
internal import VaultCore
internal import UserMessages

extension VaultOptions {
    /// Returns the effective secrets of a context, compared with what the project declares.
    ///
    /// - Parameter saysIfEmpty: true to say on standard error that there are none.
    func check(
        _ current: CurrentContext, in vault: any Session, saysIfEmpty: Bool = false
    ) throws(Failure) -> ContractCheck {
        let effective = try during(vault.effective(in: current.context))
        noteEmptyScopes(without: effective, of: current.context.scopes, in: vault)
        if saysIfEmpty, effective.isEmpty, !common.quiet {
            Output.note("vault: no secrets in \(current.searched)")
        }
        return try ContractCheck(
            current.contract, effective: effective, searched: current.searched, in: vault)
    }
}
