internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault merge`.
struct MergeCommand: Command {
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
        name: "merge", usage: "OTHER", summary: "Merge another copy of the vault into this one",
        discussion: """
            Afterwards, the vault holds every version that either copy had. If a secret was set in both, the
            later version is current and the other one is in its history: see 'vault get --version' and 'vault
            undo'. Nothing is lost, it does not matter which copy is merged into which, and merging the same
            copy again changes nothing. OTHER is not changed. It may have another passphrase.

            A secret that was changed in both copies is a conflict. On a terminal, a table shows which file the
            current value of each comes from ('this file' is the vault, 'other file' is OTHER), and the number
            of the version with the other value. Otherwise, each line is SCOPE, ID, NAME, 'here' or 'there',
            and that number, separated by tabs. The exit code is 0 even if there are conflicts. With --dry-run,
            a table that is longer than the screen is cut. What 'vault describe' notes is merged by the same
            rule: such a conflict has NAME/metadata, and 'vault describe --version' shows the other one.

            'Later' is decided by the clocks of the machines. A machine whose clock is fast wins until the
            other clocks have caught up; a warning names the secrets that it set. To make another value
            current, set it again: a new version is always later than the existing ones. Versions that are
            more than a day ahead of this machine's clock are left out with a warning, unless --allow-future
            is given.

            Versions that a compaction dropped here are not brought back if OTHER has no change that the vault
            lacks; --all-versions merges them anyway. Versions that were purged here are never brought back.
            Versions that were purged in OTHER are hidden here, too, and the next compaction removes them.

            If the keys of OTHER were changed ('vault passwd' on another machine), the vault takes over its
            keys and its passphrase only if you agree: at a terminal, vault asks; a script needs --take-keys
            (exit code 13 without it). Anyone who once had the old keys can make such a file.

            With --json: {"schema":1, "versions":3, "secrets":2, "conflicts":[…], "ahead":[…], "future":[…],
            "purged":0, "purged_there":0, "unknown":0}. A conflict has "name", "scope", "id", "part", "current"
            and "other_version". "ahead" lists the secrets whose current version is ahead of this machine's clock,
            and "future" those with a version that was left out because it is too far ahead; both have "name",
            "scope" and "id". "purged" and "unknown" count the other versions that were left out,
            "purged_there" the vault's versions that were purged in OTHER.

            --into FILE merges into FILE, a copy of the vault, with the vault's key, and does not change the
            vault; this is for git: see 'vault help git'.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("OTHER", "The other copy", &file, isRequired: true, completing: .file)
        parameters.flag("-n --dry-run", "Print what would be done, but change nothing", &isTrial)
        parameters.option(
            "--into", "FILE", "Merge into this copy instead of the vault", &target, completing: .file)
        parameters.flag("--take-keys", "Take over newer keys of OTHER", &takesKeys)
        parameters.flag(
            "--allow-future", "Merge versions that are more than a day ahead of the clock", &allowsFuture)
        parameters.flag("--all-versions", "Merge versions that were dropped here", &takesAll)
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Passphrase of OTHER") { other.declare(&$0) }
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        do throws(Failure) {
            try merge()
        } catch  where target != nil && [.locked, .wrongPassphrase, .rollback].contains(error.code) {
            // git calls with temporary files, and the user cannot add options to that call.
            throw Failure(error.code, error.message, hint: "'vault help git' describes how to merge by hand")
        }
    }

    private func merge() throws(Failure) {
        if let target { try Failure.refuseEmpty(target, "FILE") }
        let vault = try options.common.path()
        let path = Locations.realPath(of: target ?? vault)
        let otherPath = Locations.realPath(of: file)
        let other = OtherFile(name: file, passphrase: other, options: options)
        var merge = MergeOptions(
            isTrial: isTrial, isCopy: target != nil, takesKeys: takesKeys, allowsFuture: allowsFuture,
            takesAll: takesAll)
        let result = try other.withBothKeys(in: target) {
            worker throws(VaultError) -> Result<Merge.Report, Failure> in
            defer { if target == nil, !isTrial { worker.showNotices(of: path, merged: otherPath) } }
            do throws(VaultError) {
                return .success(try worker.merge(into: path, from: otherPath, merge))
            } catch .file(.newerKeys) where target == nil && InheritedDescriptor.standardInput.isTerminal {
                do throws(Failure) {
                    try Prompt.confirm(
                        "\(file) has newer keys. Did you change them, and should the vault take them over?")
                } catch {
                    return .failure(error)
                }
                merge.takesKeys = true
                return .success(try worker.merge(into: path, from: otherPath, merge))
            }
        }
        let report = try result.get()
        if report.hasTakenKeys, !isTrial { AgentAccess.catchUp(at: vault) }
        warn(report)
        if report.hasTakenKeys, !isTrial { warnOfTakenKeys(path) }
        try show(report, ComparedFiles(this: target ?? vault, other: file))
        options.common.confirm(summary(report))
    }

    private func warn(_ report: Merge.Report) {
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        if report.isOtherVault { Output.warn("\(file) is another vault, not a copy of this one") }
        if report.hasTakenKeys {
            Output.warn(
                isTrial
                    ? "the vault would take over the keys of \(file)"
                    : "the vault now has the keys and the passphrase of \(file)")
        } else if report.hasOtherKeys, !report.isOtherVault {
            warnOfOtherKeys(report.relation)
        }
        warn(ofEach: report.future) { secret in
            let version = "\(secret.scope.described): left out a version of '\(secret.name)'"
            return "\(version) that is more than a day ahead of this machine's clock"
        }
        if !report.future.isEmpty { Output.hint("--allow-future merges them") }
        if report.purged > 0 {
            Output.warn("left out \(Words.count(report.purged, "version")) purged here but still in \(file)")
        }
        warnOfPurges(report)
        if report.unknown > 0 {
            let records = Words.count(report.unknown, "record")
            Output.warn("left out \(records) of a kind that this version of vault does not know")
        }
        warn(ofEach: report.ahead) { secret in
            let cause = "'\(secret.name)' was set by a clock that is ahead of this one"
            let effect = "it stays current until this clock has caught up or it is set again"
            return "\(secret.scope.described): \(cause); \(effect)"
        }
        if !report.ahead.isEmpty, allowsFuture {
            Output.hint(
                """
                'vault help purge' describes how to remove such a version; do that before you set the \
                secret again, since a new version gets a still later time
                """)
        }
    }

    /// Warns of each secret; of only ten on a terminal, if the others can be listed again.
    private func warn(ofEach secrets: [SecretID], _ text: (SecretID) -> String) {
        let isCut = isTrial && secrets.count > 10 && InheritedDescriptor.standardError.isTerminal
        for secret in secrets.prefix(isCut ? 10 : .max) { Output.warn(text(secret)) }
        if isCut {
            Output.warn("… and \(secrets.count - 10) more")
            Output.hint("'vault merge \(operands) --dry-run --json' lists all")
        }
    }

    /// Warns if the passphrase that was taken over is cheap to guess, or a recovery key came with the keys.
    private func warnOfTakenKeys(_ path: String) {
        guard let header = try? Log.readHeader(path: path, dependencies: Dependencies()) else { return }
        UnlockCommand.warnOfCheapGuesses(header)
        if header.hasRecoveryKey {
            Output.warn("the recovery key of \(file) opens the vault, too")
            Output.hint("'vault recovery-key' replaces it")
        }
    }

    private func warnOfPurges(_ report: Merge.Report) {
        let hasSameKeys = report.relation == .same || report.relation == .newer
        if report.purgedThere > 0 {
            let versions = Words.count(report.purgedThere, "version")
            if hasSameKeys, report.purgesLeftOut == 0 {
                Output.warn("\(isTrial ? "would hide" : "hid") \(versions) purged in \(file)")
                Output.hint("'vault compact --keep all' removes hidden versions from the file")
            } else {
                Output.warn("the vault still has \(versions) purged in \(file)")
                Output.hint("'vault help purge' describes how to remove them here, too")
            }
        }
        if report.purgesLeftOut > 0 {
            let versions = Words.count(report.purgesLeftOut, "version")
            let reason =
                hasSameKeys ? "the vault has 65,536 already" : "its keys are not those of the vault"
            Output.warn("the purges in \(file) (\(versions)) were not recorded here: \(reason)")
        }
    }

    private func warnOfOtherKeys(_ relation: Merge.Relation) {
        let kept = "\(target ?? "the vault") keeps its own"
        switch relation {
        case .older: Output.warn("\(file) has older keys; \(kept)")
        case .diverged: Output.warn("the keys were changed in both copies; \(kept)")
        default:
            Output.warn("\(file) has other keys; \(kept)")
            Output.hint("if the passphrase was changed there, change it here, too: 'vault passwd'")
        }
    }

    private func summary(_ report: Merge.Report) -> String {
        guard report.isWritten else {
            let isWhole = !report.isPartial && report.purged == 0
            return "Nothing to merge: the vault has everything\(isWhole ? "" : " else") in \(file)"
        }
        if report.versions == 0 {
            let purges =
                report.purgesTaken == 0
                ? "" : " and its purges (\(Words.count(report.purgesTaken, "version")))"
            return "Nothing new in \(file); \(isTrial ? "would record" : "recorded") the merge\(purges)"
        }
        let conflicts =
            report.conflicts.isEmpty ? "" : "; \(Words.count(UInt64(report.conflicts.count), "conflict"))"
        let versions = Words.count(report.versions, "version")
        let secrets = Words.count(report.secrets, "secret")
        return "\(isTrial ? "Would merge" : "Merged") \(versions) of \(secrets) from \(file)\(conflicts)"
    }

    /// The files as a command line names them.
    private var operands: String {
        (target.map { "--into \(Hint.quoted(path: $0)) " } ?? "") + Hint.quoted(path: file)
    }

    private func show(_ report: Merge.Report, _ files: ComparedFiles) throws(Failure) {
        if json { return try Output.write(MergeCommand.json(report)) }
        guard let first = report.conflicts.first else { return }
        guard Output.isTerminal else {
            let lines = report.conflicts.map {
                "\($0.secret.line(of: $0.part))\t\($0.side)\t\($0.version)\n"
            }
            return try Output.write(lines.joined())
        }
        var table = Table("SCOPE", "ID", "NAME", "CURRENT VALUE FROM", "OTHER VALUE")
        for conflict in report.conflicts {
            let secret = conflict.secret
            table.add(
                secret.scope.word, secret.scope.id ?? "", secret.name + conflict.part.suffix,
                conflict.isHereCurrent ? ComparedFiles.thisName : ComparedFiles.otherName,
                "version \(conflict.version)")
        }
        // A merge cannot be repeated to see the rest, so only a trial is cut.
        try files.write(table, seeAll: isTrial ? "'vault merge \(operands) --dry-run | less' shows all" : nil)
        if isTrial || target != nil || options.common.quiet { return }
        let option: Hint = first.part == .metadata ? "--metadata " : ""
        Output.hint(
            "'vault history \(option)\(first.secret.operands)' lists the versions of '\(first.secret.name)'")
    }

    private static func json(_ report: Merge.Report) -> String {
        let conflicts = report.conflicts.map { conflict in
            JSON.object(
                conflict.secret.fields + [
                    ("part", .string(conflict.part.word)), ("current", .string(conflict.side)),
                    ("other_version", .number(Int(conflict.version))),
                ])
        }
        return JSON.document([
            ("versions", .count(report.versions)), ("secrets", .count(report.secrets)),
            ("conflicts", .array(conflicts)),
            ("ahead", .array(report.ahead.map { .object($0.fields) })),
            ("future", .array(report.future.map { .object($0.fields) })), ("purged", .count(report.purged)),
            ("purged_there", .count(report.purgedThere)), ("unknown", .count(report.unknown)),
        ])
    }
}

extension Merge.Conflict {
    /// The copy whose value is current, as scripts read it.
    fileprivate var side: String { isHereCurrent ? "here" : "there" }
}
