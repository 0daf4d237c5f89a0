internal import CommandSyntax
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
    private func known(_ result: Completions) -> [String] {
        let common = CommonOptions(vault: result.given["--vault"])
        guard let path = try? common.path(), let session = AgentAccess.quietSession(for: path),
            let secrets = try? session.secrets()
        else { return [] }
        let given = result.given
        let context = CurrentContext.known(
            ContextOptions(
                project: given["--project"], cluster: given["--cluster"],
                noContext: given["--no-context"] != nil)
        ).context
        let word = given["SCOPE"] ?? given[result.option == "--to-id" ? "--to" : "--from"]
        let id = given["--id"] ?? given["--from-id"]
        let found = result.dynamic.flatMap { kind in
            secrets.flatMap { secret -> [String] in
                let scope = secret.scope
                switch kind {
                case "names", "patterns":
                    guard CompleteCommand.isInReach(scope, word, id, context) else { return [] }
                    let isPattern = kind == "patterns"
                    return [secret.name] + (isPattern ? CompleteCommand.patterns(for: secret.name) : [])
                case "projects": return scope.word == "project" ? [scope.id ?? ""] : []
                case "clusters": return scope.word == "cluster" ? [scope.id ?? ""] : []
                default: return word ?? scope.word == scope.word ? [scope.id].compactMap(\.self) : []
                }
            }
        }
        return Set(found).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Returns the pattern for the names that begin as `name` does, up to its first underscore; none without one.
    private static func patterns(for name: String) -> [String] {
        let start = name.prefix { $0 != "_" }
        return start.isEmpty || start.count == name.count ? [] : ["\(start)_*"]
    }

    /// Returns whether a command line with this SCOPE and `--id` finds names in `scope`.
    private static func isInReach(
        _ scope: Scope, _ word: String?, _ id: String?, _ context: Context
    ) -> Bool {
        guard let word else { return context.scopes.contains(scope) }
        let contextID = word == "project" ? context.project : context.cluster
        return scope.word == word && (id ?? contextID ?? scope.id) == scope.id
    }
}
