internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault diff`.
struct DiffCommand: Command {
    var file: String?
    var textconv: String?
    var json = false
    var other = PassphraseOptions(.other)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "diff", usage: "OTHER | --textconv FILE",
        summary: "Show by name where the vault and another copy differ",
        discussion: """
            OTHER is a copy of the vault that has diverged: from another machine, a backup, or another branch
            of a repository. Values are compared but never shown.

            Each line of the output is CHANGE, SCOPE, ID and NAME, separated by tabs and sorted by the last
            three; on a terminal, the output is a table. CHANGE is 'here' if only this file has a newer
            version, 'there' if only OTHER has one, 'both' if both have newer versions that differ, and
            'history' if only older versions differ. The exit code is 0 whether or not there are differences.

            With --json: {"schema":1,"differences":[…]}, where each difference has "change", "name", "scope",
            "id", "here" and "there"; "here" and "there" are {"time":"2026-03-01T12:00:00Z","deleted":false}
            or null.

            --textconv prints FILE for git as lines that can be compared: scope, id, name, and when the secret
            was last set or deleted. FILE is opened with the key of the vault. 'vault help git' has the
            settings for git.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("OTHER", "The other copy", &file, completing: .file)
        parameters.option(
            "--textconv", "FILE", "Print this file as text instead, for git", &textconv,
            completing: .file, insteadOf: "OTHER")
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Passphrase of OTHER") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        if let textconv { return try printContents(of: textconv) }
        guard let file else { throw Failure(.usage, "missing operand OTHER") }
        let other = OtherFile(name: file, passphrase: other, options: options)
        let path = Locations.realPath(of: try options.common.path())
        let comparison = try other.withBothKeys { worker throws(VaultError) in
            try worker.compare(path, with: Locations.realPath(of: file))
        }
        if comparison.isOtherVault { Output.warn("\(file) is another vault, not a copy of this one") }
        if comparison.purgedThere > 0 {
            let versions = Words.count(comparison.purgedThere, "version")
            Output.warn("the vault still has \(versions) purged in \(file)")
        }
        if comparison.purgedHere > 0 {
            Output.warn(
                "\(file) still has \(Words.count(comparison.purgedHere, "version")) purged in the vault")
        }
        if comparison.count == 0, !options.common.quiet { Output.note("No differences") }
        try Output.write(text(comparison))
        let hidden = comparison.count - UInt64(comparison.differences.count)
        if hidden > 0 { Output.warn("\(hidden) more are not shown") }
    }

    private func text(_ comparison: Comparison) -> String {
        let differences = comparison.differences
        if json {
            let list = differences.map { difference in
                let sides = [("here", difference.here), ("there", difference.there)]
                return JSON.object(
                    [("change", .string(difference.change.word))] + difference.secret.fields
                        + sides.map { ($0, DiffCommand.json($1)) })
            }
            return JSON.document([("differences", .array(list))])
        }
        if differences.isEmpty { return "" }
        guard Output.isTerminal else {
            return differences.map { "\($0.change.word)\t\($0.secret.line)\n" }.joined()
        }
        var table = Table("CHANGE", "SCOPE", "ID", "NAME", "HERE", "THERE")
        for difference in differences {
            let secret = difference.secret
            table.add(
                difference.change.word, secret.scope.word, secret.scope.id ?? "", secret.name,
                DiffCommand.words(difference.here), DiffCommand.words(difference.there))
        }
        return table.text
    }

    private static func json(_ version: SecretVersion?) -> JSON {
        guard let version else { return .null }
        return .object([
            ("time", .string(UTCTimestamp.format(version.time))), ("deleted", .bool(version.isDeletion)),
        ])
    }

    private static func words(_ version: SecretVersion?) -> String {
        version.map { "\($0.change) \(UTCTimestamp.format($0.time))" } ?? "-"
    }

    /// Returns ``words(_:)`` with milliseconds, so that no two versions of a secret look the same.
    private static func exactWords(_ version: SecretVersion?) -> String {
        let milliseconds = String(1000 + (version?.time ?? 0) % 1000).dropFirst()
        return words(version).dropLast() + ".\(milliseconds)Z"
    }

    /// Prints the secrets of a file as lines for git.
    private func printContents(of file: String) throws(Failure) {
        try Failure.refuseEmpty(file, "FILE")
        _ = try FileOptions.header(of: file, isOperand: true)
        let listContents = { (worker: any JobRunner) throws(VaultError) in
            try worker.listContents(Locations.realPath(of: file))
        }
        let isPassphraseNamed = options.passphrase.isGiven || other.isGiven
        let result: Result<Comparison, VaultError>
        if !isPassphraseNamed, let found = try options.withAgentsKey(of: file, listContents) {
            result = found
        } else {
            result = try options.withKey(of: file, other, listContents)
        }
        if case .failure(.file(.keysChanged)) = result {
            // An old commit whose keys were changed later: git would stop at an error, so it gets a line.
            return try Output.write("sealed with other keys than the vault has\n")
        }
        let contents = try reportingErrors(about: file, try result.get())
        let lines = contents.differences.map { "\($0.secret.line)\t\(DiffCommand.exactWords($0.there))\n" }
        try Output.write(lines.joined())
    }
}

extension Comparison.Change {
    /// The word for the change in the output.
    fileprivate var word: String {
        switch self {
        case .here: "here"
        case .there: "there"
        case .both: "both"
        case .history: "history"
        }
    }
}
