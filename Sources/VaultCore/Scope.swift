package import VaultFile

/// The reach of a secret: the whole team, one cluster or one project.
public enum Scope: Hashable, Sendable {
    /// Applies everywhere.
    case team
    /// Applies in one cluster.
    case cluster(String)
    /// Applies in one project.
    case project(String)

    /// The kind of scope: `team`, `cluster` or `project`.
    public var word: String {
        switch self {
        case .team: "team"
        case .cluster: "cluster"
        case .project: "project"
        }
    }

    /// The id of the project or cluster; nil for the team.
    public var id: String? {
        switch self {
        case .team: nil
        case .cluster(let id), .project(let id): id
        }
    }

    /// The scope's code in the file: vault-format.md, section 5.
    var code: UInt8 {
        switch self {
        case .team: 1
        case .project: 2
        case .cluster: 3
        }
    }

    init(code: UInt8, id: String) {
        self =
            switch code {
            case 2: .project(id)
            case 3: .cluster(id)
            default: .team
            }
    }
}

/// The project and the cluster in which a program runs; either may be missing.
public struct Context: Hashable, Sendable {
    /// The project's id.
    public var project: String?
    /// The cluster's id.
    public var cluster: String?

    /// Creates a context; without arguments, only the team's secrets apply.
    public init(project: String? = nil, cluster: String? = nil) {
        self.project = project
        self.cluster = cluster
    }

    /// The scopes that apply, strongest first: **project, then cluster, then team**.
    ///
    /// A project or cluster that is nil contributes no scope.
    public var scopes: [Scope] {
        var scopes: [Scope] = []
        if let project { scopes.append(.project(project)) }
        if let cluster { scopes.append(.cluster(cluster)) }
        scopes.append(.team)
        return scopes
    }
}

/// The name of a secret in a scope.
public struct SecretID: Hashable, Sendable {
    /// The scope.
    public let scope: Scope
    /// The name.
    public let name: String

    /// Creates an id; whether name and scope are well-formed is checked when it is used.
    public init(_ name: String, in scope: Scope) {
        self.scope = scope
        self.name = name
    }

    /// The engine's address of a part of the secret.
    ///
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``.
    func address(of part: Part = .value) throws(VaultError) -> Address {
        let id = scope.id ?? ""
        if id.utf8.count <= Format.maxName, name.utf8.count <= Format.maxName {
            let head = [scope.code, UInt8(id.utf8.count), UInt8(name.utf8.count)]
            if let address = Address(takingPacked: head + id.utf8 + name.utf8) {
                return part == .value ? address : address.metadata
            }
        }
        throw SecretID.isValidName(name) ? .invalidID : .invalidName
    }

    /// The packed form: scope, length of the id, length of the name, each one byte; then id and name.
    ///
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``.
    package func packed(_ part: Part = .value) throws(VaultError) -> [UInt8] {
        try address(of: part).packed
    }

    /// Creates an id from its packed form; nil if that breaks a rule for scopes, ids or names, or is that of metadata.
    package init?(packed: Span<UInt8>) {
        guard Address.isSecret(packed) else { return nil }
        self.init(anyPart: packed)
    }

    /// The secret of which a part is at `address`.
    package init(_ address: Address) { self.init(anyPart: address.packed.span) }

    private init(anyPart packed: Span<UInt8>) {
        let idEnd = 3 + Int(packed[1])
        self.init(
            packed.text(idEnd..<packed.count),
            in: Scope(code: packed[0] & ~Address.metadataBit, id: packed.text(3..<idEnd)))
    }

    /// Returns true if `name` is 1 to 128 characters of `[A-Za-z_][A-Za-z0-9_.-]*`.
    public static func isValidName(_ name: String) -> Bool { Address.isName(Array(name.utf8).span) }

    /// Returns true if a shell accepts `name` for a variable: `[A-Za-z_][A-Za-z0-9_]*`.
    package static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !Byte.isDigit(first) else { return false }
        return name.utf8.allSatisfy(Byte.isName)
    }

    /// Returns true if `id` is 1 to 128 characters of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    public static func isValidID(_ id: String) -> Bool { Address.isID(Array(id.utf8).span) }
}

/// The secret that supplies a name in a context.
public struct Resolution: Equatable, Sendable {
    /// The secret that applies.
    public let winner: SecretID
    /// The secrets of the same name in weaker scopes of the context, strongest first.
    public let shadowed: [SecretID]
}
