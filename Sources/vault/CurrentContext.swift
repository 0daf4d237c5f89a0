internal import Platform
internal import VaultKit
internal import Wording

/// The project and cluster of the moment, and who said so.
struct CurrentContext {
    var context = Context()
    /// Where each id came from, such as `--project` or `VAULT_PROJECT`.
    var projectOrigin: String?
    var clusterOrigin: String?
    /// Names without which `run` does not start.
    var require: [String] = []

    /// Looks up each id on its own: the option, the variable, the nearest `.vault.toml`.
    init(_ options: ContextOptions) throws(Failure) {
        let nearest = options.noContext ? nil : try ContextFile.nearest()
        let lookup = {
            (option: String?, flag: String, variable: String, inFile: String?) throws(Failure) -> (
                String, String
            )? in
            if let option { return (try CurrentContext.checked(option, flag), flag) }
            if options.noContext { return nil }
            if let value = try Environment.text(variable) {
                return (try CurrentContext.checked(value, variable), variable)
            }
            guard let nearest, let inFile else { return nil }
            return (try CurrentContext.checked(inFile, nearest.path), nearest.path)
        }
        let project = try lookup(options.project, "--project", "VAULT_PROJECT", nearest?.file.project)
        let cluster = try lookup(options.cluster, "--cluster", "VAULT_CLUSTER", nearest?.file.cluster)
        (context.project, projectOrigin) = (project?.0, project?.1)
        (context.cluster, clusterOrigin) = (cluster?.0, cluster?.1)
        require = nearest?.file.require ?? []
        if let bad = require.first(where: { !Secret.isValidName($0) }), let path = nearest?.path {
            throw Failure(.usage, "\(path): '\(bad)' in require is not a valid name")
        }
    }

    private static func checked(_ id: String, _ origin: String) throws(Failure) -> String {
        guard Secret.isValidID(id) else { throw .invalidID(from: origin) }
        return id
    }

    /// What to fail with if names are missing that the nearest `.vault.toml` requires.
    func missing(in effective: [Secret]) -> Failure? {
        let missing = require.filter { name in !effective.contains { $0.name == name } }
        if missing.isEmpty { return nil }
        return Failure(.missing, "required but missing in \(searched): \(missing.joined(separator: ", "))")
    }

    /// Makes sure that every name is there that the nearest `.vault.toml` requires.
    func checkRequired(_ effective: [Secret]) throws(Failure) {
        if let failure = missing(in: effective) { throw failure }
    }

    /// The scopes that were searched, in words.
    var searched: String {
        context.scopes.reduce(into: "") { words, scope in
            if !words.isEmpty { words += ", " }
            words += scope.described
        }
    }
}

extension Target {
    /// The scope that was named, with its id.
    ///
    /// - Returns: nil if no scope was named.
    func scope(_ options: VaultOptions) throws(Failure) -> Scope? {
        if id != nil, options.context.project != nil || options.context.cluster != nil {
            throw Failure(.usage, "--id does not go with --project or --cluster")
        }
        guard let scope else {
            if id != nil { throw Failure(.usage, "--id needs a SCOPE: project or cluster") }
            return nil
        }
        if let id {
            if scope == .team { throw Failure(.usage, "the team has no id: --id does not go with team") }
            guard Secret.isValidID(id) else { throw .invalidID(from: "--id") }
            return scope == .project ? .project(id) : .cluster(id)
        }
        if scope == .team { return .team }
        let current = try CurrentContext(options.context)
        let isProject = scope == .project
        guard let found = isProject ? current.context.project : current.context.cluster,
            let origin = isProject ? current.projectOrigin : current.clusterOrigin
        else {
            throw Failure(.usage, "missing option '--id': which \(scope.rawValue)?", hint: "add --id ID")
        }
        if !options.common.quiet, origin != "--\(scope.rawValue)" {
            Output.note("vault: using \(scope.rawValue) '\(found)' from \(origin)")
        }
        return isProject ? .project(found) : .cluster(found)
    }

    /// The name that was given.
    func checkedName() throws(Failure) -> String {
        guard let name else { throw Failure(.usage, "missing operand NAME") }
        guard Secret.isValidName(name) else { throw .invalidName }
        return name
    }

    /// The secret that was named, scope and all.
    func secret(_ options: VaultOptions) throws(Failure) -> Secret {
        let name = try checkedName()
        guard let scope = try scope(options) else { throw Failure(.usage, "missing operand SCOPE") }
        return Secret(name, in: scope)
    }
}
