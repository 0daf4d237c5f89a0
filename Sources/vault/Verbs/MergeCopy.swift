internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import Wording

/// The verb `vault merge`.
struct MergeCopy: Command {
    var file = ""
    var target: String?
    var isTrial = false
    var json = false
    var other = OtherPassphraseOptions()
    var options = FileOptions()

    static let syntax = Syntax(
        MergeCopy(), name: "merge", usage: "OTHER",
        summary: "Take in what another copy of the vault has and this one lacks",
        discussion: """
            Afterwards the vault holds every version that either had, once. Of a secret that was set on both sides, the one that was set later is \
            current, and the other one version of its history: 'vault get --version', 'vault undo'. Nothing is lost, it does not matter which \
            is merged into which, and merging the same copy again changes nothing. OTHER is not changed. It may have another passphrase.

            Secrets that were changed on both sides are conflicts, and each is a line of the output: SCOPE, ID, NAME, then 'here' or 'there' \
            for the side whose value is current now, then the number of the version that is the other side's. The exit code is 0 all the same.

            'Later' goes by the clocks of the machines. One whose clock is fast wins until the others' clocks have passed it; what it \
            set is named in a warning. To make another value current, set it again: a new version is always later than those before.

            With --json: {"schema":1,"versions":3,"secrets":2,"conflicts":[…],"ahead":[…]}, where a conflict has "name", "scope", "id", \
            "current" and "other_version", and what is ahead of this machine's clock the first three.

            --into FILE merges into FILE, a copy of the vault, with the vault's key, and leaves the vault alone; for git: 'vault help git'.
            """,
        parameters: [
            .operand("OTHER", "The other copy", \.file, isRequired: true, completing: .file),
            .flag("-n --dry-run", "Write nothing, and tell what would be done", \.isTrial),
            .option(
                "--into", "FILE", "Merge into this copy instead of the vault", \.target, completing: .file),
            .flag("--json", "Print JSON", \.json),
            .options(OtherPassphraseOptions.parameters, \.other, group: "Passphrase of OTHER"),
            .options(FileOptions.parameters, \.options),
        ])

    func run() throws(Failure) {
        if let target { try Failure.refuseEmpty(target, "FILE") }
        let vault = try options.common.path()
        let path = Locations.realPath(of: target ?? vault)
        let other = OtherFile(name: file, passphrase: other, options: options)
        let report = try other.withBothKeys(in: target) { worker throws(VaultError) in
            try worker.merge(
                into: path, from: Locations.realPath(of: file),
                MergeOptions(isTrial: isTrial, isCopy: target != nil))
        }
        warn(report)
        try Output.write(text(report))
        options.common.confirm(summary(report))
    }

    private func warn(_ report: Merge.Report) {
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        if report.isOtherVault { Output.warn("\(file) is another vault, not a copy of this one") }
        if report.hasOtherKeys, !report.isOtherVault {
            Output.warn("\(file) has other keys; those of \(target ?? "the vault") stay as they are")
            Output.note(
                "vault: hint: if the passphrase was changed there, change it here too: 'vault passwd'")
        }
        for secret in report.ahead {
            Output.warn(
                "\(secret.scope.described): '\(secret.name)' was set by a clock that is ahead of this one, and stays current until that is passed or it is set again"
            )
        }
    }

    private func summary(_ report: Merge.Report) -> String {
        guard report.isWritten else { return "Nothing to merge: all of \(file) is here" }
        if report.versions == 0 {
            return "Nothing new in \(file); \(isTrial ? "would note" : "noted") that it was merged"
        }
        let conflicts =
            report.conflicts.isEmpty ? "" : "; \(Words.count(UInt64(report.conflicts.count), "conflict"))"
        let versions = Words.count(report.versions, "version")
        let secrets = Words.count(report.secrets, "secret")
        return (isTrial ? "Would merge" : "Merged") + " \(versions) of \(secrets) from \(file)\(conflicts)"
    }

    private func text(_ report: Merge.Report) -> String {
        if json { return MergeCopy.json(report).text + "\n" }
        if report.conflicts.isEmpty { return "" }
        guard Output.isTerminal else {
            return report.conflicts.map { conflict in
                "\(conflict.secret.line)\t\(conflict.side)\t\(conflict.version)\n"
            }.joined()
        }
        var table = Table("SCOPE", "ID", "NAME", "CURRENT", "THE OTHER IS")
        for conflict in report.conflicts {
            let secret = conflict.secret
            table.add(
                secret.scope.word, secret.scope.id ?? "", secret.name, conflict.side,
                "version \(conflict.version)")
        }
        return table.text
    }

    private static func json(_ report: Merge.Report) -> JSON {
        let conflicts = report.conflicts.map { conflict in
            JSON.object(
                conflict.secret.fields + [
                    ("current", .string(conflict.side)), ("other_version", .number(Int(conflict.version))),
                ])
        }
        return .object([
            ("schema", .number(1)), ("versions", .number(Int(report.versions))),
            ("secrets", .number(Int(report.secrets))), ("conflicts", .array(conflicts)),
            ("ahead", .array(report.ahead.map { .object($0.fields) })),
        ])
    }
}

extension Merge.Conflict {
    /// The side whose value is current.
    fileprivate var side: String { isHereCurrent ? "here" : "there" }
}
