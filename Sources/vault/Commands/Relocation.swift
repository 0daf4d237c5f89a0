internal import CommandSyntax
internal import Platform
internal import Sodium
internal import Settings
internal import VaultCore
internal import UserMessages

/// A secret and the place that `vault copy` or `vault move` gives its value.
struct Relocation {
    var name: String?
    var newName: String?
    var from: ScopeArgument?
    var to: ScopeArgument?
    var fromID: String?
    var toID: String?
    var all = false
    var yes = false
    var options = VaultOptions()

    /// Explains a new name among the operands, as in `mv OLD NEW`.
    static let advice: CommandInfo.Advice = { kind, _ in
        kind == .tooManyOperands ? "a new name follows --as: NAME --as NEW" : nil
    }

    /// - Parameter completion: the kind of names that a shell offers.
    mutating func declare(_ parameters: inout Parameters, completing completion: Completion) {
        parameters.operand("NAME", "The name of the secret", &name, completing: completion)
        parameters.option(
            "--name", "NAME", "The same as the operand", &name, completing: completion, insteadOf: "NAME")
        parameters.option("--from", "SCOPE", "Its scope: team, project or cluster", &from, as: .oneOf)
        parameters.option(
            "--from-id", "ID", "The id of that project or cluster", &fromID, completing: .dynamic("ids"))
        parameters.option("--to", "SCOPE", "The new scope: team, project or cluster", &to, as: .oneOf)
        parameters.option(
            "--to-id", "ID", "The id of that project or cluster", &toID, completing: .dynamic("ids"))
        parameters.flag("--all", "Take every secret of the scope", &all)
        parameters.flag("-y --yes", "Do not ask for confirmation of --all", &yes)
        parameters.option("--as", "NEW", "The new name (default: the same name)", &newName)
        options.declare(&parameters)
    }

    func run(removesSource: Bool) throws(Failure) {
        if all { return try runForAll(removesSource: removesSource) }
        let name = try SecretSelector(name: name).checkedName(
            orHint: removesSource ? "see 'vault help move'" : "see 'vault help copy'")
        let target = SecretID(
            try SecretSelector(name: newName ?? name).checkedName(), in: try scope(to, toID, "--to"))
        // A copy reads its source, so without --from it takes the effective secret; a move changes it.
        let sources =
            removesSource || from != nil || fromID != nil
            ? SecretCandidates(SecretID(name, in: try scope(from, fromID, "--from")), typed: typedSource)
            : try SecretSelector(name: name).secretsToRead(options)
        let isSame = Failure(.usage, "source and target are the same secret")
        if sources.secrets == [target] { throw isSame }
        let (source, isReplaced) = try options.change { vault throws(Failure) in
            try options.during { () throws(VaultError) in try vault.refresh() }
            let source = try sources.first(options, in: vault, isSource: true)
            if source == target { throw isSame }
            options.noteNewScope(target.scope, in: vault)
            options.noteEmptyScopes(
                before: source.scope, of: sources.secrets.map(\.scope), in: vault)
            let isReplaced = try options.during(vault.contains(target))
            try copy(source, to: target, in: vault, removesSource: removesSource)
            return (source, isReplaced)
        }
        let done = removesSource ? "Moved" : "Copied"
        let place = target.name == source.name ? target.scope.described : target.located
        let end = isReplaced ? ", where it replaced another value" : ""
        options.common.confirm("\(done) '\(source.name)' from \(source.scope.described) to \(place)\(end)")
    }

    private func runForAll(removesSource: Bool) throws(Failure) {
        if name != nil { throw Failure(.usage, "--all cannot be combined with a NAME") }
        if newName != nil { throw Failure(.usage, "--all cannot be combined with --as") }
        let source = try scope(from, fromID, "--from")
        let target = try scope(to, toID, "--to")
        if source == target { throw Failure(.usage, "source and target are the same scope") }
        let count = try options.change { vault throws(Failure) in
            let names = try vault.existingNames(in: source, options)
            options.noteNewScope(target, in: vault)
            let secrets = Words.count(UInt64(names.count), "secret")
            let present = Set(try options.during(vault.names(in: target)))
            let replaced = names.count(where: present.contains)
            if !yes, InheritedDescriptor.standardInput.isTerminal {
                let verb = removesSource ? "Move" : "Copy"
                let warning = replaced == 0 ? "" : ", and replace \(replaced) there"
                try Prompt.confirm(
                    "\(verb) \(secrets) from \(source.described) to \(target.described)\(warning)?")
            }
            try options.during { () throws(VaultError) in
                var changes = try Changes()
                if removesSource {
                    // Before the values are read, so that a later change is noticed.
                    for entry in try vault.listContents().differences where entry.secret.scope == source {
                        try changes.require(entry.secret, entry.part, newest: entry.there)
                    }
                }
                let secrets = names.map { SecretID($0, in: source) }
                let metadata = try vault.metadata(among: secrets)
                for secret in secrets {
                    let copy = SecretID(secret.name, in: target)
                    try vault.addCopy(of: secret, metadata[secret], to: copy, to: &changes)
                    if removesSource { try changes.delete(secret) }
                }
                try vault.commit(changes)
            }
            return secrets + (replaced == 0 ? "" : " (\(replaced) replaced)")
        }
        let done = removesSource ? "Moved" : "Copied"
        options.common.confirm("\(done) \(count) from \(source.described) to \(target.described)")
    }

    /// The options that choose the source; nil if there are none.
    private var typedSource: String? {
        guard let from else { return nil }
        return "--from \(from.rawValue)" + (fromID.map { " --from-id \($0)" } ?? "")
    }

    private func copy(
        _ source: SecretID, to target: SecretID, in vault: any Session, removesSource: Bool
    ) throws(Failure) {
        try options.during { () throws(VaultError) in
            try vault.retrying { () throws(VaultError) in
                var changes = try Changes()
                for part in [Part.value, .metadata] {
                    try changes.require(source, part, newest: vault.history(of: source, part).first)
                }
                try vault.addCopy(of: source, vault.metadata(of: source), to: target, to: &changes)
                if removesSource { try changes.delete(source) }
                try vault.commit(changes)
            }
        }
    }

    /// Returns the scope that an option and its `-id` option name; without an id, the context's.
    private func scope(_ word: ScopeArgument?, _ id: String?, _ option: String) throws(Failure) -> Scope {
        guard let word else {
            if id != nil { throw Failure(.usage, "\(option)-id needs \(option): project or cluster") }
            if let scope = try SecretSelector.contextScope(options) { return scope }
            throw Failure(.usage, "missing option '\(option)'", hint: "add \(option) SCOPE")
        }
        if let id {
            if word == .team {
                throw Failure(.usage, "the team has no id: \(option)-id cannot be combined with team")
            }
            if !SecretID.isValidID(id) { throw .invalidID(from: "\(option)-id") }
            return word == .project ? .project(id) : .cluster(id)
        }
        if word == .team { return .team }
        let isProject = word == .project
        let context = try CurrentContext(options.context, for: isProject ? .project : .cluster).context
        let isKnown = (isProject ? context.project : context.cluster) != nil
        if isKnown, let scope = try SecretSelector(scope: word).scope(options) { return scope }
        throw Failure(
            .usage, "missing option '\(option)-id': which \(word.rawValue)?", hint: "add \(option)-id ID")
    }
}
