internal import CommandSyntax
internal import Sodium
internal import VaultKit
internal import UserMessages

/// The verb `vault copy`.
struct CopySecret: Command {
    private var relocation = Relocation()

    static let info = CommandInfo(
        name: "copy", aliases: ["cp"], usage: "NAME --from SCOPE --to SCOPE [--as NEW]",
        summary: "Set a secret to the value of another",
        discussion: """
            What stands at the target is replaced, and stays in its history. The source stays as it is.

              vault copy API_KEY --from team --to project --to-id web
            """)

    mutating func declare(_ parameters: inout Parameters) { relocation.declare(&parameters) }

    func run() throws(Failure) { try relocation.run(removes: false) }
}

/// The verb `vault move`.
struct MoveSecret: Command {
    private var relocation = Relocation()

    static let info = CommandInfo(
        name: "move", aliases: ["mv"],
        usage: "NAME --from SCOPE --to SCOPE [--as NEW]",
        summary: "Give a secret another scope or name",
        discussion: """
            The new one is set and the old one deleted together, or neither. What stood at the target is replaced, and stays in its \
            history; the history of the old one stays where it is.

              vault move API_KEY --from team --to team --as API_TOKEN
            """)

    mutating func declare(_ parameters: inout Parameters) { relocation.declare(&parameters) }

    func run() throws(Failure) { try relocation.run(removes: true) }
}

/// What is to be set to the value of which secret.
private struct Relocation {
    var name: String?
    var newName: String?
    var from: ScopeWord?
    var to: ScopeWord?
    var fromID: String?
    var toID: String?
    var options = VaultOptions()

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand(
            "NAME", "The name of the secret", &name, isRequired: true, completing: .dynamic("names"))
        parameters.option(
            "--name", "NAME", "The same as the operand", &name, completing: .dynamic("names"),
            insteadOf: "NAME")
        parameters.option("--from", "SCOPE", "Where it stands: team, project or cluster", &from, as: .oneOf)
        parameters.option(
            "--from-id", "ID", "The id of that project or cluster", &fromID, completing: .dynamic("ids"))
        parameters.option("--to", "SCOPE", "Where it shall stand: team, project or cluster", &to, as: .oneOf)
        parameters.option(
            "--to-id", "ID", "The id of that project or cluster", &toID, completing: .dynamic("ids"))
        parameters.option("--as", "NEW", "Its new name; the same if not said", &newName)
        options.declare(&parameters)
    }

    func run(removes: Bool) throws(Failure) {
        let name = try SecretSelector(name: name).checkedName()
        let source = SecretID(name, in: try scope(from, fromID, "--from"))
        let target = SecretID(
            try SecretSelector(name: newName ?? name).checkedName(), in: try scope(to, toID, "--to"))
        if source == target { throw Failure(.usage, "source and target are the same secret") }
        try options.change { vault throws(Failure) in try copy(source, target, removes, in: vault) }
        options.common.confirm(
            "\(removes ? "Moved" : "Copied") \(source.scope.word) secret '\(source.name)' to \(target.scope.word) secret '\(target.name)'"
        )
    }

    private func copy(_ source: SecretID, _ target: SecretID, _ removes: Bool, in vault: any Session)
        throws(Failure)
    {
        let exists = try options.during { () throws(VaultError) in
            try vault.refresh()
            return try vault.contains(source)
        }
        guard exists else {
            throw absent(source.name, searched: source.scope.described, in: vault, explicit: source.scope)
        }
        try options.during { () throws(VaultError) in
            let value = try vault.value(of: source, version: 0)
            var changes = try Changes()
            try value.withBytes { value throws(VaultError) in try changes.set(target, to: value) }
            if removes { try changes.delete(source) }
            try vault.commit(changes)
        }
    }

    private func scope(_ word: ScopeWord?, _ id: String?, _ option: String) throws(Failure) -> Scope {
        guard let word else {
            throw Failure(.usage, "missing option '\(option)'", hint: "add \(option) SCOPE")
        }
        if id != nil, word == .team {
            throw Failure(.usage, "the team has no id: \(option)-id does not go with team")
        }
        if let id, !SecretID.isValidID(id) { throw .invalidID(from: "\(option)-id") }
        if let id { return word == .project ? .project(id) : .cluster(id) }
        if word == .team { return .team }
        let isProject = word == .project
        let context = try CurrentContext(options.context, for: isProject ? .project : .cluster).context
        let isKnown = (isProject ? context.project : context.cluster) != nil
        if isKnown, let scope = try SecretSelector(scope: word).scope(options) { return scope }
        throw Failure(
            .usage, "missing option '\(option)-id': which \(word.rawValue)?", hint: "add \(option)-id ID")
    }
}
