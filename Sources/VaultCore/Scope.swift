internal import VaultFile

/// Where a secret stands.
public enum Scope: Hashable, Sendable {
    /// For everything.
    case team
    /// For the runs in one cluster.
    case cluster(String)
    /// For one project.
    case project(String)

    /// `team`, `cluster` or `project`.
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

/// The project and the cluster of the moment; either may be missing.
public struct Context: Hashable, Sendable {
    /// The project's id.
    public var project: String?
    /// The cluster's id.
    public var cluster: String?

    /// A context; without arguments, only the team's secrets apply.
    public init(project: String? = nil, cluster: String? = nil) {
        self.project = project
        self.cluster = cluster
    }

    /// The scopes that apply, strongest first: **project, then cluster, then team**.
    ///
    /// A scope that the context does not name is not among them.
    public var scopes: [Scope] {
        var scopes: [Scope] = []
        if let project { scopes.append(.project(project)) }
        if let cluster { scopes.append(.cluster(cluster)) }
        scopes.append(.team)
        return scopes
    }
}

/// A name in a scope.
public struct SecretID: Hashable, Sendable {
    /// Where it stands.
    public let scope: Scope
    /// Its name.
    public let name: String

    /// The secret `name` in `scope`; neither is checked yet.
    public init(_ name: String, in scope: Scope) {
        self.scope = scope
        self.name = name
    }

    /// The engine's address for it.
    ///
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``.
    func address() throws(VaultError) -> Address {
        let id = scope.id ?? ""
        if id.utf8.count <= Format.maxName, name.utf8.count <= Format.maxName {
            var packed: [UInt8] = []
            packed.reserveCapacity(3 + id.utf8.count + name.utf8.count)
            packed.append(scope.code)
            packed.append(UInt8(id.utf8.count))
            packed.append(UInt8(name.utf8.count))
            packed.append(contentsOf: id.utf8)
            packed.append(contentsOf: name.utf8)
            if let address = Address(takingPacked: packed) { return address }
        }
        throw SecretID.isValidName(name) ? .invalidID : .invalidName
    }

    /// Scope, length of the id, length of the name, each one byte; then id and name.
    ///
    /// - Throws: ``VaultError/invalidName``, ``VaultError/invalidID``.
    public func packed() throws(VaultError) -> [UInt8] { try address().packed }

    /// A secret from its packed form; nil if that breaks a rule for scopes, ids or names.
    public init?(packed: Span<UInt8>) {
        guard Address.isValid(packed) else { return nil }
        let idEnd = 3 + Int(packed[1])
        guard let id = SecretID.text(packed.extracting(3..<idEnd)),
            let name = SecretID.text(packed.extracting(idEnd..<packed.count))
        else { return nil }
        self.init(name, in: Scope(code: packed[0], id: id))
    }

    private static func text(_ bytes: Span<UInt8>) -> String? {
        if bytes.isEmpty { return "" }
        guard let text = try? UTF8Span(validating: bytes) else { return nil }
        return String(copying: text)
    }

    /// Whether `name` is 1 to 128 characters of `[A-Za-z_][A-Za-z0-9_.-]*`.
    public static func isValidName(_ name: String) -> Bool { Address.isName(Array(name.utf8).span) }

    /// Whether a shell could name a variable so: `[A-Za-z_][A-Za-z0-9_]*`.
    public static func isVariableName(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, !Byte.isDigit(first) else { return false }
        return name.utf8.allSatisfy(Byte.isName)
    }

    /// Whether `id` is 1 to 128 characters of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    public static func isValidID(_ id: String) -> Bool { Address.isID(Array(id.utf8).span) }
}

/// Which scope supplies a name in a context.
public struct Resolution: Equatable, Sendable {
    /// The secret that applies.
    public let winner: SecretID
    /// The secrets of the same name in weaker scopes of the context, strongest first.
    public let shadowed: [SecretID]
}
