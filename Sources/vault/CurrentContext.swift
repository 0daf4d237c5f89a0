internal import Platform
internal import VaultKit
internal import UserMessages

/// The project and cluster of the moment, and who said so.
struct CurrentContext {
    var context = Context()
    /// Where each id came from, such as `--project` or `VAULT_PROJECT`.
    var projectOrigin: String?
    var clusterOrigin: String?
    /// Names without which `run` does not start.
    var require: [String] = []
    /// The file that requires them.
    private var requireOrigin = ContextFile.name
    /// What keeps the nearest `.vault.toml` out of it; nothing, unless the context is only ``known(_:)``.
    var problem: Failure?

    /// What a verb takes from the context.
    struct Need: OptionSet {
        let rawValue: Int

        static let project = Need(rawValue: 1)
        static let cluster = Need(rawValue: 2)
        static let require = Need(rawValue: 4)
        static let ids: Need = [.project, .cluster]
        static let all: Need = [.ids, .require]
    }

    private init() {}

    /// Looks up each id that is needed on its own: the option, the variable, the nearest `.vault.toml`.
    ///
    /// Nothing is left to a file that is not trusted; if anything would be, a person at a terminal is asked.
    init(_ options: ContextOptions, for need: Need = .ids) throws(Failure) {
        try self.init(options, need) { () throws(Failure) in
            let nearest = try NearestContextFile.find()
            try nearest?.requireTrust()
            return nearest
        }
    }

    /// The context as far as it is known without a question, and what keeps the nearest `.vault.toml` out of it.
    static func known(_ options: ContextOptions) -> CurrentContext {
        var problem: Failure?
        var current = CurrentContext()
        do throws(Failure) {
            current = try CurrentContext(options, .all) { () throws(Failure) in
                let nearest = try NearestContextFile.find()
                problem = try nearest?.refusal()
                return problem == nil ? nearest : nil
            }
        } catch {
            problem = error
        }
        current.problem = problem
        return current
    }

    private init(
        _ options: ContextOptions, _ need: Need, _ nearest: () throws(Failure) -> NearestContextFile?
    ) throws(Failure) {
        let project = try CurrentContext.given(
            options.project, "--project", or: options.noContext ? nil : "VAULT_PROJECT")
        let cluster = try CurrentContext.given(
            options.cluster, "--cluster", or: options.noContext ? nil : "VAULT_CLUSTER")
        (context.project, projectOrigin) = (project?.id, project?.origin)
        (context.cluster, clusterOrigin) = (cluster?.id, cluster?.origin)
        var need = need
        if project != nil { need.remove(.project) }
        if cluster != nil { need.remove(.cluster) }
        guard !options.noContext, !need.isEmpty, let nearest = try nearest() else { return }
        if need.contains(.project), let id = nearest.file.project {
            (context.project, projectOrigin) = (id, nearest.path)
        }
        if need.contains(.cluster), let id = nearest.file.cluster {
            (context.cluster, clusterOrigin) = (id, nearest.path)
        }
        if need.contains(.require) { (require, requireOrigin) = (nearest.file.require, nearest.path) }
    }

    /// An id that an option or else a variable names, and which of them; nil if neither does.
    private static func given(
        _ option: String?, _ flag: String, or variable: String?
    ) throws(Failure) -> (id: String, origin: String)? {
        if let option { return (try checked(option, flag), flag) }
        guard let variable, let id = try Environment.text(variable) else { return nil }
        return (try checked(id, variable), variable)
    }

    private static func checked(_ id: String, _ origin: String) throws(Failure) -> String {
        guard SecretID.isValidID(id) else { throw .invalidID(from: origin) }
        return id
    }

    /// What to fail with if names are missing that the nearest `.vault.toml` requires.
    func missing(in effective: [SecretID]) -> Failure? {
        let missing = require.filter { name in !effective.contains { $0.name == name } }
        if missing.isEmpty { return nil }
        return Failure(
            .missing,
            "required by \(requireOrigin) but missing in \(searched): \(missing.joined(separator: ", "))")
    }

    /// Makes sure that every name is there that the nearest `.vault.toml` requires.
    func checkRequired(_ effective: [SecretID]) throws(Failure) {
        if let failure = missing(in: effective) { throw failure }
    }

    /// What it is and where that comes from, in words, a line each.
    var lines: [String] {
        let project = context.project.map { "project \($0) (\(projectOrigin ?? ""))" }
        let cluster = context.cluster.map { "cluster \($0) (\(clusterOrigin ?? ""))" }
        let parts = [project, cluster].compactMap { $0 }
        let words = parts.isEmpty ? "no project, no cluster" : parts.joined(separator: ", ")
        return ["context: \(words)"] + (problem.map { ["context problem: \($0.message)"] } ?? [])
    }

    /// The same for programs.
    var json: JSON {
        .object([
            ("project", .optional(context.project)), ("project_from", .optional(projectOrigin)),
            ("cluster", .optional(context.cluster)), ("cluster_from", .optional(clusterOrigin)),
            ("problem", .optional(problem?.message)),
        ])
    }

    /// The scopes that were searched, in words.
    var searched: String {
        context.scopes.reduce(into: "") { words, scope in
            if !words.isEmpty { words += ", " }
            words += scope.described
        }
    }
}

extension SecretSelector {
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
            guard SecretID.isValidID(id) else { throw .invalidID(from: "--id") }
            return scope == .project ? .project(id) : .cluster(id)
        }
        if scope == .team { return .team }
        let isProject = scope == .project
        let current = try CurrentContext(options.context, for: isProject ? .project : .cluster)
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
        guard SecretID.isValidName(name) else { throw .invalidName }
        return name
    }

    /// The secret that was named, scope and all.
    func secret(_ options: VaultOptions) throws(Failure) -> SecretID {
        let name = try checkedName()
        guard let scope = try scope(options) else { throw Failure(.usage, "missing operand SCOPE") }
        return SecretID(name, in: scope)
    }
}
