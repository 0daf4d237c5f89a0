internal import VaultCore
internal import UserMessages

extension SecretID {
    /// The secret as questions name it, and confirmations of Gradient: `project secret 'NAME'`.
    var title: String { "\(scope.word) secret '\(name)'" }

    /// The secret as confirmations name it: `'NAME' in project web`.
    var located: String { "'\(name)' in \(scope.described)" }

    /// Scope, id and name with tabs between them, as `list --all` prints them.
    var line: String { "\(scope.word)\t\(scope.id ?? "")\t\(name)" }

    /// The same for a part of the secret: metadata are told by a slash and a word, which no name contains.
    func line(of part: Part) -> String { line + (part == .metadata ? "/metadata" : "") }

    /// Name, scope and id as fields of a JSON object.
    var fields: [(String, JSON)] { [("name", .string(name))] + scope.fields }
}

extension Scope {
    /// Scope and id as fields of a JSON object.
    var fields: [(String, JSON)] { [("scope", .string(word)), ("id", .optional(id))] }
}

extension Part {
    /// `value` or `metadata`.
    var word: String { self == .value ? "value" : "metadata" }

    /// What tables add to the name of a secret if they mean its metadata.
    var suffix: String { self == .value ? "" : " (metadata)" }
}

extension SecretVersion {
    /// `set` or `deleted`.
    var change: String { isDeletion ? "deleted" : "set" }
}

/// The error for a secret that is not in its scope; the hint names a scope that has one of that name.
///
/// - Parameter typed: the words that chose the scope; nil if there are none.
func absent(_ secret: SecretID, in vault: any Session, replacing typed: String?) -> Failure {
    absent(secret.name, in: [secret.scope], of: vault, replacing: typed)
}
