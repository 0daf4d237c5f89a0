internal import Platform
package import UserMessages
package import VaultCore

/// The options that choose a project and a cluster.
package struct ContextOptions: Sendable {
    package var project: String?
    package var cluster: String?
    package var noContext = false

    package init(project: String? = nil, cluster: String? = nil, noContext: Bool = false) {
        (self.project, self.cluster, self.noContext) = (project, cluster, noContext)
    }
}

/// The current project and cluster, and where each comes from.
package struct CurrentContext {
    package var context = Context()
    /// The option, variable or file that each id comes from, such as `--project` or `VAULT_PROJECT`.
    package var projectOrigin: String?
    package var clusterOrigin: String?
    /// What the nearest `.vault.toml` declares.
    package private(set) var contract = Contract()
    /// The reason that the nearest `.vault.toml` is not used; only set by ``known(_:)``.
    package var problem: Failure?

    /// The parts of the context that a verb uses.
    package struct Need: OptionSet {
        package let rawValue: Int

        package init(rawValue: Int) { self.rawValue = rawValue }

        package static let project = Need(rawValue: 1)
        package static let cluster = Need(rawValue: 2)
        package static let contract = Need(rawValue: 4)
        package static let ids: Need = [.project, .cluster]
        package static let all: Need = [.ids, .contract]
    }

    private init() {}

    /// Looks up each needed id on its own: in the option, the variable and the nearest `.vault.toml`.
    ///
    /// If something is needed from a file that is not trusted, the user is asked on the terminal to trust it.
    package init(_ options: ContextOptions, for need: Need = .ids) throws(Failure) {
        try self.init(options, need) { () throws(Failure) in
            let nearest = try NearestContextFile.find()
            try nearest?.requireTrust()
            return nearest
        }
    }

    /// The context as far as it is known without a prompt.
    package static func known(_ options: ContextOptions) -> CurrentContext {
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
        let project = try CurrentContext.given(options.project, "project", options)
        let cluster = try CurrentContext.given(options.cluster, "cluster", options)
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
        if need.contains(.contract) {
            contract = nearest.file.contract
            contract.path = nearest.path
        }
    }

    /// The id that the option or else the variable of a kind of scope gives, and its origin; nil if neither is given.
    private static func given(
        _ option: String?, _ word: String, _ options: ContextOptions
    ) throws(Failure) -> (id: String, origin: String)? {
        let variable = "VAULT_\(word.uppercased())"
        let fromVariable = option == nil && !options.noContext ? try Environment.text(variable) : nil
        guard let id = option ?? fromVariable else { return nil }
        let origin = option == nil ? variable : "--\(word)"
        guard SecretID.isValidID(id) else { throw .invalidID(from: origin) }
        return (id, origin)
    }

    /// Adds a scope, in place of another of its kind.
    package mutating func include(_ scope: Scope) {
        switch scope {
        case .team: break
        case .project(let id): context.project = id
        case .cluster(let id): context.cluster = id
        }
    }

    /// The hint to the command that sets what the contract requires and the context lacks.
    package var missingHint: Hint {
        let project = projectOrigin == "--project" ? context.project.map { "--project \($0)" } : nil
        let cluster = clusterOrigin == "--cluster" ? context.cluster.map { "--cluster \($0)" } : nil
        // Options that name both leave open which scope is changed.
        let scope =
            context.project == nil && context.cluster == nil
            ? "team" : project != nil && cluster != nil ? "project" : nil
        let words = [scope, project, cluster].compactMap(\.self).map { " " + $0 }.joined()
        return "'vault set --missing\(words)' asks for it, or generates it"
    }

    /// The context and its problem in words, a line each.
    package var lines: [String] {
        let project = context.project.map { "project \($0) (\(projectOrigin ?? ""))" }
        let cluster = context.cluster.map { "cluster \($0) (\(clusterOrigin ?? ""))" }
        let parts = [project, cluster].compactMap { $0 }
        let words = parts.isEmpty ? "no project, no cluster" : parts.joined(separator: ", ")
        let lines = ["context: \(words)"] + (problem.map { ["context problem: \($0.message)"] } ?? [])
        // The path and the content of a .vault.toml may be anybody's.
        return lines.map { Output.visible($0) }
    }

    /// The context and its problem as JSON.
    package var json: JSON {
        .object([
            ("project", .optional(context.project)), ("project_from", .optional(projectOrigin)),
            ("cluster", .optional(context.cluster)), ("cluster_from", .optional(clusterOrigin)),
            ("problem", .optional(problem?.message)),
        ])
    }

    /// The scopes that were searched, in words.
    package var searched: String { context.scopes.map(\.described).joined(separator: ", ") }
}
