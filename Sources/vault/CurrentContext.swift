internal import Synchronization
internal import VaultCore
internal import Settings
internal import UserMessages

extension SecretSelector {
    /// Returns the selected scope with its id; nil if none is given.
    func scope(_ options: VaultOptions) throws(Failure) -> Scope? {
        if id != nil, options.context.project != nil || options.context.cluster != nil {
            throw Failure(.usage, "--id cannot be combined with --project or --cluster")
        }
        guard let scope else {
            if id != nil {
                throw Failure(
                    .usage, "--id needs a SCOPE: project or cluster",
                    hint: "write project --id ID, or cluster --id ID")
            }
            return nil
        }
        if let id {
            if scope == .team { throw Failure(.usage, "the team has no id: omit --id") }
            guard SecretID.isValidID(id) else { throw .invalidID(from: "--id") }
            return scope == .project ? .project(id) : .cluster(id)
        }
        if scope == .team { return .team }
        let current = try CurrentContext(options.context, for: scope == .project ? .project : .cluster)
        guard let found = scope == .project ? current.projectScope(options) : current.clusterScope(options)
        else {
            throw Failure(.usage, "missing option '--id': which \(scope.rawValue)?", hint: "add --id ID")
        }
        return found
    }

    /// Returns the scope that a command changes: the selected one, else the one of the context.
    func scopeToChange(_ options: VaultOptions) throws(Failure) -> Scope {
        let (project, cluster) = (options.context.project != nil, options.context.cluster != nil)
        let isContradiction =
            switch scope {
            case nil: false
            case .team: project || cluster
            case .project: cluster && !project
            case .cluster: project && !cluster
            }
        if isContradiction, let scope {
            throw Failure(
                .usage, "\(project ? "--project" : "--cluster") cannot be combined with \(scope.rawValue)",
                hint: "leave one of them out")
        }
        if let scope = try self.scope(options) { return scope }
        if let scope = try SecretSelector.contextScope(options) { return scope }
        throw Failure(
            .usage, "missing operand SCOPE, and there is no project or cluster in the context",
            hint: "add team, or project --id ID, or cluster --id ID")
    }

    /// Returns the scope of the context that is changed: the project's, else the cluster's; nil if there is neither.
    static func contextScope(_ options: VaultOptions) throws(Failure) -> Scope? {
        let given = options.context
        if given.project != nil, given.cluster != nil {
            throw Failure(
                .usage, "--project and --cluster are both given, but only one scope can be changed",
                hint: "leave one of them out")
        }
        let need: CurrentContext.Need =
            given.project != nil ? .project : given.cluster != nil ? .cluster : .ids
        let current = try CurrentContext(given, for: need)
        return switch current.scopeToChange(given) {
        case .project: current.projectScope(options)
        default: current.clusterScope(options)
        }
    }

    /// Returns the words of the command line that choose the scope; nil if there are none.
    ///
    /// - Parameter isChanged: true if the command changes the secret, so that even without a SCOPE an option names its scope.
    func typedScope(_ options: VaultOptions, isChanged: Bool = false) -> String? {
        if scope == nil, !isChanged { return nil }
        // Of the options, those count that give the id of the scope.
        let project = scope == nil || scope == .project ? options.context.project : nil
        let cluster = scope == nil || scope == .cluster ? options.context.cluster : nil
        let words = [
            scope?.rawValue, id.map { "--id \($0)" }, project.map { "--project \($0)" },
            cluster.map { "--cluster \($0)" },
        ].compactMap(\.self)
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    /// Returns the given name; throws if it is missing or not valid.
    ///
    /// - Parameter hint: the hint if it is missing.
    func checkedName(orHint hint: Hint? = nil) throws(Failure) -> String {
        guard let name else { throw Failure(.usage, "missing operand NAME", hint: hint) }
        guard SecretID.isValidName(name) else { throw .invalid(name: name) }
        return name
    }

    /// Returns the scope that a command changes as a whole, for which an option stands in place of a NAME.
    func scopeAlone(_ option: String, _ options: VaultOptions) throws(Failure) -> Scope {
        if name != nil { throw Failure(.usage, "\(option) cannot be combined with a NAME") }
        return try scopeToChange(options)
    }

    /// Returns the secret that a command changes; throws if its name or scope is missing.
    ///
    /// - Parameter hint: the hint if the name is missing.
    func secretToChange(_ options: VaultOptions, orHint hint: Hint? = nil) throws(Failure) -> SecretID {
        let name = try checkedName(orHint: hint)
        return SecretID(name, in: try scopeToChange(options))
    }

    /// Returns the secrets of which a command reads the first that exists: the one in the selected scope, else those of the context.
    func secretsToRead(_ options: VaultOptions) throws(Failure) -> SecretCandidates {
        let name = try checkedName()
        if let scope = try scope(options) {
            return SecretCandidates(SecretID(name, in: scope), typed: typedScope(options))
        }
        let current = try CurrentContext(options.context)
        return SecretCandidates(
            current.context.scopes.map { SecretID(name, in: $0) },
            scopeToChange: current.scopeToChange(options.context))
    }
}

/// Secrets of one name in the order of precedence.
struct SecretCandidates {
    let secrets: [SecretID]
    /// The words of the command line that chose the only scope; nil if there are none.
    private let typed: String?
    /// The scope that a command that changes takes with the same words; nil if it refuses.
    let scopeToChange: Scope?

    /// One secret, whose scope was chosen.
    init(_ secret: SecretID, typed: String?) {
        secrets = [secret]
        (self.typed, scopeToChange) = (typed, secret.scope)
    }

    /// Those of a context.
    init(_ secrets: [SecretID], scopeToChange: Scope?) {
        (self.secrets, self.scopeToChange) = (secrets, scopeToChange)
        typed = nil
    }

    /// Returns the first that exists, else the first that was deleted.
    ///
    /// - Parameter isSource: true if only one that exists will do, chosen by the options `--from` and `--from-id`.
    func first(
        _ options: VaultOptions, in vault: any Session, isSource: Bool = false
    ) throws(Failure) -> SecretID {
        let found = try options.during { () throws(VaultError) -> SecretID? in
            for secret in secrets where try vault.contains(secret) { return secret }
            if isSource { return nil }
            for secret in secrets where try !vault.history(of: secret).isEmpty { return secret }
            return nil
        }
        guard let found else {
            throw absent(
                secrets[0].name, in: secrets.map(\.scope), of: vault, replacing: typed, isSource: isSource)
        }
        return found
    }
}

extension CurrentContext {
    /// Returns the scope that a command changes if no SCOPE is given; nil if there is none, or two options contradict each other.
    func scopeToChange(_ given: ContextOptions) -> Scope? {
        if given.project != nil, given.cluster != nil { return nil }
        let project = given.cluster == nil ? context.project : nil
        return project.map { .project($0) } ?? context.cluster.map { .cluster($0) }
    }

    /// The lines about the context that were printed: a command may look up its scope twice.
    private static let printed = Mutex<[String]>([])

    /// Returns the scope of the project, which is named on standard error unless an option gives it; nil if there is none.
    fileprivate func projectScope(_ options: VaultOptions) -> Scope? {
        note("project", context.project, projectOrigin, options)
        return context.project.map { .project($0) }
    }

    /// The same for the cluster.
    fileprivate func clusterScope(_ options: VaultOptions) -> Scope? {
        note("cluster", context.cluster, clusterOrigin, options)
        return context.cluster.map { .cluster($0) }
    }

    private func note(_ word: String, _ id: String?, _ origin: String?, _ options: VaultOptions) {
        guard !options.common.quiet, let id, let origin, origin != "--\(word)" else { return }
        let line = "vault: using \(word) '\(id)' from \(origin)"
        let isNew = CurrentContext.printed.withLock { printed in
            if printed.contains(line) { return false }
            printed.append(line)
            return true
        }
        if isNew { Output.note(line) }
    }
}
