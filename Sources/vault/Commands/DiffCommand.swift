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

            On a terminal, a table shows in which file each secret was changed ('this file' is the vault,
            'other file' is OTHER) and, if it is wide enough, when it was last set or deleted in each. A table
            that is longer than the screen is cut.

            Otherwise, each line is CHANGE, SCOPE, ID and NAME, separated by tabs and sorted by the last three.
            CHANGE is 'here' if only this file has a newer version, 'there' if only OTHER has one, 'both' if
            both have newer versions that differ, and 'history' if only older versions differ. The exit code
            is 0 whether or not there are differences. NAME is followed by '/metadata' if what 'vault describe'
            notes differs.

            With --json: {"schema":1,"differences":[…]}, where each difference has "change", "name", "scope",
            "id", "part" ("value" or "metadata"), "here" and "there"; "here" and "there" are {"time":"2026-03-01T12:00:00Z","deleted":false}
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
        let vault = try options.common.path()
        let path = Locations.realPath(of: vault)
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
        try show(comparison.differences, ComparedFiles(this: vault, other: file))
        let hidden = comparison.count - UInt64(comparison.differences.count)
        if hidden > 0 { Output.warn("\(hidden) more are not shown") }
    }

    private func show(_ differences: [Comparison.Difference], _ files: ComparedFiles) throws(Failure) {
        if json {
            let list = differences.map { difference in
                let sides = [("here", difference.here), ("there", difference.there)]
                return JSON.object(
                    [("change", .string(difference.change.word))] + difference.secret.fields
                        + [("part", .string(difference.part.word))] + sides.map { ($0, DiffCommand.json($1)) }
                )
            }
            return try Output.write(JSON.document([("differences", .array(list))]))
        }
        if differences.isEmpty { return }
        guard Output.isTerminal else {
            return try Output.write(
                differences.map { "\($0.change.word)\t\($0.secret.line(of: $0.part))\n" }.joined())
        }
        var withTimes = Table("CHANGED IN", "SCOPE", "ID", "NAME", "THIS FILE", "OTHER FILE")
        var withoutTimes = Table("CHANGED IN", "SCOPE", "ID", "NAME")
        for difference in differences {
            let (place, secret) = (difference.change.place, difference.secret)
            let (id, name) = (secret.scope.id ?? "", secret.name + difference.part.suffix)
            withTimes.add(
                place, secret.scope.word, id, name,
                DiffCommand.time(difference.here), DiffCommand.time(difference.there))
            let newest = [difference.here, difference.there].compactMap(\.self).max { $0.time < $1.time }
            let end = newest?.isDeletion == true ? " (deleted)" : ""
            withoutTimes.add(place + end, secret.scope.word, id, name)
        }
        let isWide = withTimes.fits(InheritedDescriptor.standardOutput.terminalSize)
        try files.write(
            isWide ? withTimes : withoutTimes,
            seeAll: "'vault diff \(Hint.quoted(path: files.other)) | less' shows all")
    }

    private static func json(_ version: SecretVersion?) -> JSON {
        guard let version else { return .null }
        return .object([
            ("time", .string(UTCTimestamp.format(version.time))), ("deleted", .bool(version.isDeletion)),
        ])
    }

    /// The time of a version as the table shows it.
    private static func time(_ version: SecretVersion?) -> String {
        guard let version else { return "-" }
        return (version.isDeletion ? "deleted " : "") + UTCTimestamp.format(version.time)
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
        let lines = contents.differences.map {
            "\($0.secret.line(of: $0.part))\t\(DiffCommand.exactWords($0.there))\n"
        }
        try Output.write(lines.joined())
    }
}

extension Comparison.Change {
    /// The word for the change that scripts read.
    fileprivate var word: String {
        switch self {
        case .here: "here"
        case .there: "there"
        case .both: "both"
        case .history: "history"
        }
    }

    /// The files in which it was made, as the table names them.
    fileprivate var place: String {
        switch self {
        case .here: ComparedFiles.thisName
        case .there: ComparedFiles.otherName
        case .both: "both files"
        case .history: "old versions"
        }
    }
}
