internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault diff`.
struct Diff: Command {
    var file: String?
    var textconv: String?
    var json = false
    var other = PassphraseOptions(.other)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "diff", usage: "OTHER | --textconv FILE",
        summary: "Show where the vault and another copy differ, by name",
        discussion: """
            OTHER is a copy of the vault that went its own way: from another machine, a backup, another branch of a repository. Values are \
            compared and never shown.

            Each line of the output is CHANGE, SCOPE, ID and NAME with tabs between, sorted by the last three; on a terminal it is a table. \
            CHANGE is 'here' if this file alone has a newer version, 'there' if OTHER alone has, 'both' if both have and they are not the \
            same, 'history' if only what was before differs. The exit code is 0 either way.

            With --json: {"schema":1,"differences":[…]}, where each has "change", "name", "scope", "id", "here" and "there", and each side is \
            {"time":"2026-03-01T12:00:00Z","deleted":false} or null.

            --textconv prints FILE as lines that can be compared, for git: scope, id, name, and when it was set or deleted last. It is \
            opened with the key of the vault. 'vault help git' has the lines for git.
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
        if let textconv { return try print(textconv) }
        guard let file else { throw Failure(.usage, "missing operand OTHER") }
        let other = OtherFile(name: file, passphrase: other, options: options)
        let path = Locations.realPath(of: try options.common.path())
        let comparison = try other.withBothKeys { worker throws(VaultError) in
            try worker.compare(path, with: Locations.realPath(of: file))
        }
        if comparison.isOtherVault { Output.warn("\(file) is another vault, not a copy of this one") }
        if comparison.purgedThere > 0 {
            let versions = Words.count(comparison.purgedThere, "version")
            Output.warn("the vault has \(versions) purged in \(file)")
        }
        if comparison.purgedHere > 0 {
            let versions = Words.count(comparison.purgedHere, "version")
            Output.warn("\(file) has \(versions) purged in the vault")
        }
        if comparison.count == 0, !options.common.quiet { Output.note("No differences") }
        try Output.write(text(comparison))
        let more = comparison.count - UInt64(comparison.differences.count)
        if more > 0 { Output.warn("\(more) more are not shown") }
    }

    private func text(_ comparison: Comparison) -> String {
        if json { return Diff.json(comparison).text + "\n" }
        if comparison.differences.isEmpty { return "" }
        guard Output.isTerminal else {
            return comparison.differences.map { difference in
                "\(difference.change.word)\t\(difference.secret.line)\n"
            }.joined()
        }
        var table = Table("CHANGE", "SCOPE", "ID", "NAME", "HERE", "THERE")
        for difference in comparison.differences {
            let secret = difference.secret
            table.add(
                difference.change.word, secret.scope.word, secret.scope.id ?? "", secret.name,
                Diff.words(difference.here), Diff.words(difference.there))
        }
        return table.text
    }

    private static func words(_ version: SecretVersion?) -> String {
        guard let version else { return "-" }
        return (version.isDeletion ? "deleted " : "set ") + UTCTimestamp.format(version.time)
    }

    /// With milliseconds, so that no two versions of a secret look the same.
    private static func exactly(_ version: SecretVersion?) -> String {
        let milliseconds = String(1000 + (version?.time ?? 0) % 1000).dropFirst()
        return words(version).dropLast() + ".\(milliseconds)Z"
    }

    private static func json(_ comparison: Comparison) -> JSON {
        let list = comparison.differences.map { difference in
            JSON.object(
                [("change", .string(difference.change.word))] + difference.secret.fields
                    + [("here", json(difference.here)), ("there", json(difference.there))])
        }
        return .object([("schema", .number(1)), ("differences", .array(list))])
    }

    private static func json(_ version: SecretVersion?) -> JSON {
        guard let version else { return .null }
        return .object([
            ("time", .string(UTCTimestamp.format(version.time))), ("deleted", .bool(version.isDeletion)),
        ])
    }

    /// Prints a file as lines.
    private func print(_ file: String) throws(Failure) {
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
        let differences: [Comparison.Difference]
        do throws(VaultError) {
            differences = try result.get().differences
        } catch .file(.keysChanged) {
            // An old commit, of before the keys were changed: one line for git, which would stop at an error.
            return try Output.write("sealed with other keys than the vault has\n")
        } catch {
            throw Failure(error, path: file)
        }
        try Output.write(differences.map { "\($0.secret.line)\t\(Diff.exactly($0.there))\n" }.joined())
    }
}

extension Comparison.Change {
    /// As the output names it.
    fileprivate var word: String {
        switch self {
        case .here: "here"
        case .there: "there"
        case .both: "both"
        case .history: "history"
        }
    }
}
