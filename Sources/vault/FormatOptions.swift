internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// A format of `vault export` as the command line spells it.
enum ExportArgument: String, CaseIterable, Sendable {
    case dotenv, json, sh, fish, docker
}

/// A format of `vault import` as the command line spells it.
enum ImportArgument: String, CaseIterable, Sendable {
    case dotenv, json
}

/// The options that select secrets by patterns of their names.
struct NameFilter: Sendable {
    var only: [String] = []
    var except: [String] = []

    mutating func declare(_ parameters: inout Parameters) {
        parameters.repeatable(
            "--only", "GLOB", "Only secrets whose names match", &only, completing: .dynamic("patterns"))
        parameters.repeatable(
            "--except", "GLOB", "No secrets whose names match", &except, completing: .dynamic("patterns"))
    }

    /// Returns the names that are selected, nil for all, and warns of patterns that look misspelt.
    ///
    /// - Parameter consequence: what is not done if `--only` matches nothing.
    /// - Throws: ``ExitCode/missing`` in that case: a file would lose its content, a program would miss what it needs.
    func selected(_ names: [String], orElse consequence: String) throws(Failure) -> Set<String>? {
        if only.isEmpty, except.isEmpty { return nil }
        let unmatched = only.filter { pattern in !names.contains { Glob.matches($0, pattern) } }
        if let first = unmatched.first, unmatched.count == only.count {
            let hint: Hint =
                if let meant = Suggestion.nearestName(to: first, among: names) {
                    "did you mean '\(meant)'?"
                } else if first.contains(",") {
                    "give --only once for each pattern"
                } else {
                    "see 'vault list'"
                }
            throw Failure(
                .missing, "no effective secret matches --only '\(first)'; \(consequence)", hint: hint)
        }
        for pattern in unmatched {
            let end =
                Suggestion.nearestName(to: pattern, among: names).map { "; did you mean '\($0)'?" } ?? ""
            Output.warn("no effective secret matches --only '\(pattern)'\(end)")
        }
        for pattern in except where !names.contains(where: { Glob.matches($0, pattern) }) {
            guard let meant = Suggestion.nearestName(to: pattern, among: names) else { continue }
            Output.warn("no effective secret matches --except '\(pattern)'; did you mean '\(meant)'?")
        }
        return Set(
            names.filter { name in
                let matches = { (patterns: [String]) in patterns.contains { Glob.matches(name, $0) } }
                return (only.isEmpty || matches(only)) && !matches(except)
            })
    }
}

extension Failure {
    /// Throws if a dialect is given for a format other than dotenv.
    static func refuseDialect(_ dialect: DotenvDialect?, isDotenv: Bool) throws(Failure) {
        if dialect != nil, !isDotenv { throw Failure(.usage, "--dialect requires --format dotenv") }
    }
}
