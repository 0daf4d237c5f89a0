internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault merge`.
struct MergeCopy: Command {
    var file = ""
    var target: String?
    var isTrial = false
    var takesKeys = false
    var allowsFuture = false
    var takesAll = false
    var json = false
    var other = PassphraseOptions(.other)
    var options = FileOptions()

    static let info = CommandInfo(
        name: "merge", usage: "OTHER",
        summary: "Take in what another copy of the vault has and this one lacks",
        discussion: """
            Afterwards the vault holds every version that either had, once. Of a secret that was set on both sides, the one that was set later is \
            current, and the other one version of its history: 'vault get --version', 'vault undo'. Nothing is lost, it does not matter which \
            is merged into which, and merging the same copy again changes nothing. OTHER is not changed. It may have another passphrase.

            Secrets that were changed on both sides are conflicts, and each is a line of the output: SCOPE, ID, NAME, then 'here' or 'there' \
            for the side whose value is current now, then the number of the version that is the other side's. The exit code is 0 all the same.

            'Later' goes by the clocks of the machines. One whose clock is fast wins until the others' clocks have passed it; what it \
            set is named in a warning. To make another value current, set it again: a new version is always later than those before. \
            Versions that are more than a day ahead of this machine's clock are left out and named, unless --allow-future is given.

            Versions that were dropped here by a compaction stay away if OTHER has no change that the vault lacks; --all-versions takes \
            them. Versions that were purged here always stay away, and what was purged in OTHER is hidden here, too, until a compaction removes it.

            If the keys of OTHER were changed since ('vault passwd' on another machine), the vault takes them over, and its passphrase with \
            them, only when you say so: at a terminal you are asked, elsewhere --take-keys is needed (exit code 13 without it). Whoever \
            once had the old keys can make such a file.

            With --json: {"schema":1,"versions":3,"secrets":2,"conflicts":[…],"ahead":[…],"future":[…],"purged":0,"purged_there":0,"unknown":0}, where a \
            conflict has "name", "scope", "id", "current" and "other_version", and what is ahead of this machine's clock, or was left \
            out because it is too far ahead, the first three. "purged" and "unknown" count what else was left out, "purged_there" the \
            versions of the vault that were purged in OTHER.

            --into FILE merges into FILE, a copy of the vault, with the vault's key, and leaves the vault alone; for git: 'vault help git'.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("OTHER", "The other copy", &file, isRequired: true, completing: .file)
        parameters.flag("-n --dry-run", "Write nothing, and tell what would be done", &isTrial)
        parameters.option(
            "--into", "FILE", "Merge into this copy instead of the vault", &target, completing: .file)
        parameters.flag("--take-keys", "Take over newer keys of OTHER", &takesKeys)
        parameters.flag(
            "--allow-future", "Take versions that are more than a day ahead of the clock", &allowsFuture)
        parameters.flag("--all-versions", "Take versions that were dropped here", &takesAll)
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Passphrase of OTHER") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        do throws(Failure) {
            try merge()
        } catch  where target != nil && [.locked, .wrongPassphrase, .rollback].contains(error.code) {
            // git calls with files of its own, and nobody can add an option there.
            throw Failure(error.code, error.message, hint: "'vault help git' says how to merge by hand")
        } catch {
            throw error
        }
    }

    private func merge() throws(Failure) {
        if let target { try Failure.refuseEmpty(target, "FILE") }
        let vault = try options.common.path()
        let path = Locations.realPath(of: target ?? vault)
        let other = OtherFile(name: file, passphrase: other, options: options)
        var merge = MergeOptions(
            isTrial: isTrial, isCopy: target != nil, takesKeys: takesKeys, allowsFuture: allowsFuture,
            takesAll: takesAll)
        var refusal: Failure?
        let report = try other.withBothKeys(in: target) { worker throws(VaultError) -> Merge.Report? in
            defer {
                if target == nil, !isTrial {
                    worker.showNotices(of: path, merged: Locations.realPath(of: file))
                }
            }
            do throws(VaultError) {
                return try worker.merge(into: path, from: Locations.realPath(of: file), merge)
            } catch .file(.newerKeys) where target == nil && InheritedDescriptor.standardInput.isTerminal {
                do throws(Failure) {
                    try Prompt.confirm(
                        "\(file) has newer keys. Were they changed by you, and shall the vault take them?")
                } catch {
                    refusal = error
                    return nil
                }
                merge.takesKeys = true
                return try worker.merge(into: path, from: Locations.realPath(of: file), merge)
            }
        }
        if let refusal { throw refusal }
        guard let report else { return }
        if report.hasTakenKeys, !isTrial { AgentAccess.catchUp(at: vault) }
        warn(report, path)
        if report.hasTakenKeys, !isTrial { warnOfTakenKeys(path) }
        try Output.write(text(report))
        options.common.confirm(summary(report))
    }

    private func warn(_ report: Merge.Report, _ path: String) {
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        if report.isOtherVault { Output.warn("\(file) is another vault, not a copy of this one") }
        if report.hasTakenKeys {
            Output.warn(
                isTrial
                    ? "the vault would take the keys of \(file)"
                    : "the vault has the keys of \(file) now, and its passphrase")
        } else if report.hasOtherKeys, !report.isOtherVault {
            warnOfOtherKeys(report.relation)
        }
        for secret in report.future {
            Output.warn(
                "\(secret.scope.described): a version of '\(secret.name)' is more than a day ahead of this machine's clock and was left out"
            )
        }
        if !report.future.isEmpty { Output.hint("--allow-future takes them") }
        if report.purged > 0 {
            Output.warn(
                "\(MergeCopy.were(report.purged, "version")) left out: purged here, and still in \(file)")
        }
        warnOfPurges(report)
        if report.unknown > 0 {
            Output.warn(
                "\(MergeCopy.were(report.unknown, "record")) left out: of a kind that this program does not know"
            )
        }
        for secret in report.ahead {
            Output.warn(
                "\(secret.scope.described): '\(secret.name)' was set by a clock that is ahead of this one, and stays current until that is passed or it is set again"
            )
        }
        if !report.ahead.isEmpty, allowsFuture {
            Output.hint(
                "'vault help purge' says how to remove such a version; a value that is set before that gets a time that is later still"
            )
        }
    }

    /// Says what the keys that were taken are worth.
    private func warnOfTakenKeys(_ path: String) {
        guard let header = try? Log.readHeader(path: path, dependencies: Dependencies()) else { return }
        Unlock.warnOfCheapGuesses(header)
        if header.hasRecoveryKey {
            Output.warn("the recovery key of \(file) opens the vault, too")
            Output.hint("'vault recovery-key' makes another one")
        }
    }

    private func warnOfPurges(_ report: Merge.Report) {
        let isSame = report.relation == .same || report.relation == .newer
        let isTaken = isSame && report.purgesLeftOut == 0
        if report.purgedThere > 0 {
            let versions = Words.count(report.purgedThere, "version")
            if isTaken {
                let verb = isTrial ? "would be" : report.purgedThere == 1 ? "is" : "are"
                Output.warn("\(versions) purged in \(file) \(verb) hidden here, too")
                Output.hint("'vault compact --keep all' removes what is hidden from the file")
            } else {
                Output.warn("the vault has \(versions) purged in \(file)")
                Output.hint("'vault help purge' says how to remove them here, too")
            }
        }
        if report.purgesLeftOut > 0 {
            Output.warn(
                "what was purged in \(file) was not noted here (\(Words.count(report.purgesLeftOut, "version"))): "
                    + (isSame ? "the vault has 65,536 already" : "its keys are not those of the vault"))
        }
    }

    private func warnOfOtherKeys(_ relation: Merge.Relation) {
        let kept = "those of \(target ?? "the vault") stay as they are"
        switch relation {
        case .older: Output.warn("\(file) has older keys; \(kept)")
        case .diverged: Output.warn("the keys were changed on both sides; \(kept)")
        default:
            Output.warn("\(file) has other keys; \(kept)")
            Output.hint(
                "if the passphrase was changed there, change it here too: 'vault passwd'")
        }
    }

    private func summary(_ report: Merge.Report) -> String {
        guard report.isWritten else {
            let isWhole = !report.isPartial && report.purged == 0
            return "Nothing to merge: all\(isWhole ? "" : " else") of \(file) is here"
        }
        if report.versions == 0 {
            let purges =
                report.purgesTaken == 0
                ? "" : " and what was purged there (\(Words.count(report.purgesTaken, "version")))"
            return "Nothing new in \(file); \(isTrial ? "would note" : "noted") that it was merged\(purges)"
        }
        let conflicts =
            report.conflicts.isEmpty ? "" : "; \(Words.count(UInt64(report.conflicts.count), "conflict"))"
        let versions = Words.count(report.versions, "version")
        let secrets = Words.count(report.secrets, "secret")
        return (isTrial ? "Would merge" : "Merged") + " \(versions) of \(secrets) from \(file)\(conflicts)"
    }

    /// `1 version was`, `2 versions were`.
    private static func were(_ count: UInt64, _ noun: String) -> String {
        "\(Words.count(count, noun)) \(count == 1 ? "was" : "were")"
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
            ("future", .array(report.future.map { .object($0.fields) })),
            ("purged", .number(Int(clamping: report.purged))),
            ("purged_there", .number(Int(clamping: report.purgedThere))),
            ("unknown", .number(Int(clamping: report.unknown))),
        ])
    }
}

extension Merge.Conflict {
    /// The side whose value is current.
    fileprivate var side: String { isHereCurrent ? "here" : "there" }
}
