internal import VaultCore
internal import UserMessages

extension SecretID {
    /// The secret as questions name it, and confirmations of Gradient: `project secret 'NAME'`.
    var title: String { "\(scope.word) secret '\(name)'" }

    /// The secret as confirmations name it: `'NAME' in project web`.
    var located: String { "'\(name)' in \(scope.described)" }

    /// Scope, id and name with tabs between them, as `list --all` prints them.
    var line: String { "\(scope.word)\t\(scope.id ?? "")\t\(name)" }

    /// Name, scope and id as fields of a JSON object.
    var fields: [(String, JSON)] { [("name", .string(name))] + scope.fields }
}

extension Scope {
    /// Scope and id as fields of a JSON object.
    var fields: [(String, JSON)] { [("scope", .string(word)), ("id", .optional(id))] }
}

extension SecretVersion {
    /// `set` or `deleted`.
    var change: String { isDeletion ? "deleted" : "set" }
}

extension JSON {
    /// The line that `--json` prints: an object with the version of its shape and `fields`.
    static func document(_ fields: [(String, JSON)]) -> String {
        JSON.object([("schema", .number(1))] + fields).text + "\n"
    }

    /// A count; one that exceeds `Int` becomes the largest `Int`.
    static func count(_ count: UInt64) -> JSON { .number(Int(clamping: count)) }
}

/// The error for a secret that is not in its scope; the hint names a scope that has one of that name.
///
/// - Parameter typed: the words that chose the scope; nil if there are none.
func absent(_ secret: SecretID, in vault: any Session, replacing typed: String?) -> Failure {
    absent(secret.name, in: [secret.scope], of: vault, replacing: typed)
}
