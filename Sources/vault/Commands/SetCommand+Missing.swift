internal import ProgramEnvironment
internal import Settings
internal import VaultCore
internal import UserMessages

/// What `set` does about the secrets that the project declares.
extension SetCommand {
    /// Sets all that is required and missing, or malformed, in one commit.
    ///
    /// - Parameter source: the option that names a source of a value, if any.
    func setMissing(beside source: String?) throws(Failure) {
        let others = [
            source, raw ? "--raw" : nil, allowEmpty ? "--allow-empty" : nil, metadata.firstGiven,
        ]
        if let other = others.compactMap(\.self).first {
            throw Failure(.usage, "--missing cannot be combined with \(other)")
        }
        let scope = try target.scopeAlone("--missing", options)
        var current = try CurrentContext(options.context, for: .all)
        current.include(scope)
        let gaps = try options.change { vault throws(Failure) in
            options.noteNewScope(scope, in: vault)
            let filler = try vault.inOneState(options) { () throws(Failure) in
                try GapFiller(options.check(current, in: vault), in: scope, of: current.context, vault)
            }
            let changes = try filler.changes()
            if changes.count > 0 { try options.during(vault.commit(changes)) }
            return filler.gaps
        }
        if gaps.isEmpty {
            options.common.confirm(
                current.contract.isEmpty
                    ? "No \(ContextFile.name) declares secrets here"
                    : "No secret is missing in \(current.searched)")
        }
        for gap in gaps {
            let end = gap.generator == nil ? "" : " (generated)"
            options.common.confirm("Set \(SecretID(gap.name, in: scope).located)\(end)")
        }
    }

    /// Warns that a value is not of the type that the project declares.
    func warnOfType(_ name: String, _ value: Span<UInt8>) {
        let contract = CurrentContext.known(options.context).contract
        guard let problem = contract[name]?.type?.problem(in: value) else { return }
        Output.warn("\(name): \(problem); with \(contract.path), 'vault run' refuses it")
    }
}
