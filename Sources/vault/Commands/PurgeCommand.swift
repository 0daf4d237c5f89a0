internal import CommandSyntax
internal import Compaction
internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault purge`.
struct PurgeCommand: Command {
    var target = SecretSelector()
    var version: Int?
    var all = false
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "purge", usage: "[SCOPE [--id ID]] NAME (--version N | --all)",
        summary: "Remove versions of a secret permanently",
        discussion: """
            The file is rewritten without the version that is N versions back (0 is the newest, as in 'vault
            history'), or without any version of the secret. All other versions are kept, except versions of
            this secret that a merge brought in with exactly the same time. The rewrite is verified as for a
            compaction. The vault keeps a hash of what was removed, so that merging an older copy does not
            bring it back; the hash reveals nothing of the value.

            Copies that were made before still contain it: backups, other machines, commits. On another
            machine, merging this file with 'vault merge' hides it, and 'vault compact --keep all' then
            removes it. If someone else may know the value, change it where it is used.

            At a terminal, vault asks for confirmation; a script needs --yes.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required, completing: .dynamic("past"))
        parameters.option(
            "--version", "N", "Remove the version that is N versions back", &version,
            as: .number(in: 0...9_999_999))
        parameters.flag("--all", "Remove all versions", &all)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secretToChange(options)
        guard all != (version != nil) else {
            throw Failure(
                .usage,
                all ? "--all cannot be combined with --version" : "neither --version nor --all is given",
                hint: all ? "leave one of them out" : "add --version N or --all")
        }
        let path = try options.common.path()
        if !yes { try Prompt.requireTerminal() }
        let files = FileOptions(common: options.common, passphrase: options.passphrase)
        let worker = try files.worker(for: path)
        let history = try options.during(worker.history(of: secret, in: Locations.realPath(of: path)))
        if history.isEmpty {
            let list = (try? worker.listContents(Locations.realPath(of: path)))?.differences ?? []
            let existing = list.filter {
                $0.secret.name == secret.name && $0.part == .value && $0.there?.isDeletion == false
            }
            throw Failure(
                .noSuchSecret, "no secret '\(secret.name)' in \(secret.scope.described)",
                hint: SecretID.hintToOther(
                    secret.name, among: (existing.isEmpty ? list : existing).map(\.secret),
                    replacing: target.typedScope(options, isChanged: true)))
        }
        if let version, version >= history.count {
            throw Failure(
                .noSuchSecret, "no version \(version) of '\(secret.name)' in \(secret.scope.described)")
        }
        if !yes {
            let versions = PurgeCommand.description(of: version, in: history)
            try Prompt.confirm("Permanently remove \(versions) of \(secret.located)?")
        }
        let (removed, report): (UInt64, Compaction.Report)
        do throws(VaultError) {
            (removed, report) = try files.showingProgress("purging") { progress throws(VaultError) in
                try worker.purge(
                    Locations.realPath(of: path), secret, version.map { .version($0) } ?? .all,
                    ifStill: Compaction.ShownHistory(newest: history[0].time, count: UInt64(history.count)),
                    progress: progress)
            }
        } catch .file(.noSuchVersion) {
            throw Failure(
                .other, "'\(secret.name)' was changed in the meantime; nothing was removed", hint: "try again"
            )
        } catch {
            throw Failure(error, path: path)
        }
        AgentAccess.catchUp(at: path)
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        worker.showNotices(of: path)
        options.common.confirm("Purged \(Words.count(removed, "version")) of \(secret.located)")
        options.common.confirm(
            "Copies of the file that were made before still contain \(removed == 1 ? "it" : "them")")
    }

    /// Describes a version, or all versions if it is nil, with those of the same time that go with it.
    private static func description(of version: Int?, in history: [SecretVersion]) -> String {
        guard let version else {
            return history.count == 1 ? "the only version" : "all \(history.count) versions"
        }
        let chosen = history[version]
        let twins = history.count { $0 == chosen } - 1
        return "version \(version) (\(chosen.change) \(UTCTimestamp.format(chosen.time)))"
            + (twins == 0 ? "" : ", and \(twins) more of the same time,")
    }
}
