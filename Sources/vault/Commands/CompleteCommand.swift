internal import CommandSyntax
internal import Settings
internal import VaultCore
internal import UserMessages

/// The hidden command `vault complete`, which the completion scripts call at each press of the Tab key.
struct CompleteCommand: Command {
    var words: [String] = []

    static let info = CommandInfo(
        name: "complete", summary: "Print the possible completions of the last word",
        discussion: """
            Each line is a completion and, after a tab, its description; ':files' and ':commands' leave the
            completion to the shell. It never asks for a passphrase and prints no errors.
            """,
        isHidden: true, stopsAtFirstOperand: true)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operands("WORD", "The words after 'vault'; the last one may be unfinished", &words)
    }

    var verbatimArguments: Int { words.count }

    func run() throws(Failure) {
        let result = CommandTable.program.completions(of: words)
        var lines = result.words.map { word in
            result.lead + word.text + (word.summary.isEmpty ? "" : "\t" + word.summary)
        }
        if !result.dynamic.isEmpty {
            lines += known(result).filter { $0.utf8.starts(with: result.typed.utf8) }.map { result.lead + $0 }
        }
        if result.isFile { lines.append(":files") }
        if result.isCommand { lines.append(":commands") }
        try Output.write(lines.map { $0 + "\n" }.joined())
    }

    /// Returns the names and ids that the agent knows, sorted bytewise; empty if the vault is locked.
    ///
    /// The kinds of names: `names` that a command would read, `present` ones that it would change, `past` ones that it would change and
    /// of which some were deleted, and `patterns` for names.
    private func known(_ result: Completions) -> [String] {
        let common = CommonOptions(vault: result.given["--vault"])
        guard let path = try? common.path(), let session = AgentAccess.quietSession(for: path),
            let secrets = try? session.secrets()
        else { return [] }
        let nameable = CompletableSecrets(result)
        let found = result.dynamic.flatMap { kind -> [String] in
            switch kind {
            case "names": secrets.filter(nameable.isRead).map(\.name)
            case "patterns":
                secrets.filter(nameable.isRead).flatMap {
                    [$0.name] + CompleteCommand.patterns(for: $0.name)
                }
            case "present": secrets.filter(nameable.isChanged).map(\.name)
            case "past":
                ((try? session.listContents())?.differences ?? []).map(\.secret).filter(nameable.isChanged)
                    .map(\.name)
            case "tags": ((try? session.metadata(among: secrets)) ?? [:]).values.flatMap(\.tags)
            case "projects": secrets.filter { $0.scope.word == "project" }.compactMap(\.scope.id)
            case "clusters": secrets.filter { $0.scope.word == "cluster" }.compactMap(\.scope.id)
            default:
                secrets.filter { nameable.word ?? $0.scope.word == $0.scope.word }.compactMap(\.scope.id)
            }
        }
        return Set(found).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Returns the pattern for the names that begin as `name` does, up to its first underscore; none without one.
    private static func patterns(for name: String) -> [String] {
        let start = name.prefix { $0 != "_" }
        return start.isEmpty || start.count == name.count ? [] : ["\(start)_*"]
    }
}

/// The secrets that an unfinished command line can name.
private struct CompletableSecrets {
    /// The word that stands for SCOPE.
    let word: String?
    private let id: String?
    private let context: Context
    private let scopeToChange: Scope?

    init(_ result: Completions) {
        let given = result.given
        let options = ContextOptions(
            project: given["--project"], cluster: given["--cluster"],
            noContext: given["--no-context"] != nil)
        let current = CurrentContext.known(options)
        (context, scopeToChange) = (current.context, current.scopeToChange(options))
        word = given["SCOPE"] ?? given[result.option == "--to-id" ? "--to" : "--from"]
        id = given["--id"] ?? given["--from-id"]
    }

    /// Returns whether the command would read the secret.
    func isRead(_ secret: SecretID) -> Bool {
        word == nil ? context.scopes.contains(secret.scope) : isNamed(secret.scope)
    }

    /// Returns whether the command would change the secret.
    func isChanged(_ secret: SecretID) -> Bool {
        word == nil ? scopeToChange == secret.scope : isNamed(secret.scope)
    }

    private func isNamed(_ scope: Scope) -> Bool {
        let contextID = word == "project" ? context.project : context.cluster
        return scope.word == word && (id ?? contextID ?? scope.id) == scope.id
    }
}
