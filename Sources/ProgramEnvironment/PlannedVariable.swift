internal import Settings
package import UserMessages
package import VaultCore

/// A variable that a program would get or lack, without its value.
package struct PlannedVariable {
    package let variable: String
    package let source: VariableSource
    package var state: State

    /// The outcome for the variable.
    package enum State: Equatable {
        case ok
        case missing
        case malformed(String)
        case notPassed(String)

        /// The outcome in a word, and the reason for it.
        package var words: (state: String, reason: String?) {
            switch self {
            case .ok: ("ok", nil)
            case .missing: ("missing", nil)
            case .malformed(let reason): ("malformed", reason)
            case .notPassed(let reason): ("not passed", reason)
            }
        }

        package var text: String {
            let (state, reason) = words
            return reason.map { "\(state): \($0)" } ?? state
        }
    }

    /// The variable as a field of `run --dry-run --json`.
    package var json: JSON {
        let (state, reason) = state.words
        return .object([
            ("variable", .string(variable)), ("secret", .optional(source.name)),
            ("scope", .optional(source.scope?.word)), ("id", .optional(source.scope?.id)),
            ("default", .bool(source.isDefault)), ("from", .string(source.origin.rawValue)),
            ("file", .bool(source.isFile)),
            ("state", .string(state)), ("reason", .optional(reason)),
        ])
    }
}

/// The place from which a variable gets its value.
package struct VariableSource {
    /// The name of the secret; nil if the value is no secret's.
    package var name: String?
    /// The scope of the secret; nil if the value comes from elsewhere.
    package var scope: Scope?
    package var origin: Origin
    /// True if the value is the default in `.vault.toml`.
    package var isDefault = false
    /// True if the variable gets the path of a file in memory.
    package var isFile = false

    /// What sets a variable.
    package enum Origin: String {
        /// The secrets of the context, and the defaults of those that are missing.
        case secrets
        case inherited
        case env = "--env"
        case envFile = "--env-file"
        case file = "--file"
    }

    /// The origin in words: `project web`, `default`, `team (--env)`.
    package var text: String {
        let place = scope?.described ?? (isDefault ? "default" : nil)
        let way = origin != .secrets ? origin.rawValue : isFile ? "file" : nil
        guard let place else { return origin == .secrets ? "" : origin.rawValue }
        return way.map { "\(place) (\($0))" } ?? place
    }

    init(_ delivery: Delivery, _ origin: Origin = .secrets) {
        name = delivery.name
        scope = delivery.secret?.scope
        self.origin = origin
        isDefault = delivery.secret == nil
        isFile = origin == .file || (origin == .secrets && delivery.isFile)
    }

    init(_ origin: Origin, name: String? = nil) { (self.origin, self.name) = (origin, name) }
}

extension ChildEnvironment {
    /// What a program would get and what it lacks, sorted by variable; variables that are merely inherited are left out.
    package var plan: [PlannedVariable] {
        var rows = omitted + ownSources.map { PlannedVariable(variable: $0, source: $1, state: .ok) }
        let problems = Dictionary(uniqueKeysWithValues: check.malformed.map { ($0.secret.name, $0.problem) })
        for index in rows.indices {
            guard let name = rows[index].source.name, let problem = problems[name] else { continue }
            rows[index].state = .malformed(problem)
        }
        // Another variable of the same name does not hide what is wrong with a secret.
        let listed = Set(rows.compactMap(\.source.name))
        for item in check.malformed where !listed.contains(item.secret.name) {
            guard let delivery = check.delivery(of: item.secret.name) else { continue }
            rows.append(
                PlannedVariable(
                    variable: delivery.variable, source: VariableSource(delivery),
                    state: .malformed(item.problem)))
        }
        for secret in check.contract.declarations where check.delivery(of: secret.name) == nil {
            var source = VariableSource(.secrets, name: secret.name)
            source.isFile = secret.isFile
            rows.append(
                PlannedVariable(
                    variable: secret.variable, source: source,
                    state: secret.isRequired ? .missing : .notPassed("not set")))
        }
        let key = { (row: PlannedVariable) in Array("\(row.variable)\0\(row.source.name ?? "")".utf8) }
        return rows.map { (key($0), $0) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }.map(\.1)
    }
}
