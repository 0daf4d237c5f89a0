internal import CommandSyntax
internal import Compaction
internal import Platform
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault purge`.
struct PurgeVersions: Command {
    var target = SecretSelector()
    var version: Int?
    var all = false
    var yes = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "purge", usage: "SCOPE [--id ID] NAME (--version N | --all)",
        summary: "Remove versions of a secret for good",
        discussion: """
            The file is rewritten without the version that is N versions back (0 is the newest, as in 'vault history'), or without all of \
            them; every other version of every secret stays, but for those that a copy brought in with exactly the same time. \
            The rewrite is verified as a compaction is. A hash of what was removed stays in the vault, so that merging an older copy does not bring it back; the hash says nothing of the value.

            Copies that were made before still hold it: backups, other machines, commits. On another machine, 'vault merge' with this file \
            hides it, and 'vault compact --keep all' removes it then. If the value may be in the wrong hands, change it where it is used.

            A person at a terminal is asked first; a script needs --yes.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, scope: .required, name: .required)
        parameters.option(
            "--version", "N", "Remove the version that is N versions back", &version,
            as: .number(in: 0...9_999_999))
        parameters.flag("--all", "Remove all versions", &all)
        parameters.flag("-y --yes", "Do not ask", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let secret = try target.secret(options)
        guard all != (version != nil) else {
            throw Failure(
                .usage, all ? "--all does not go with --version" : "which versions?",
                hint: all ? "leave one of them out" : "add --version N or --all")
        }
        let path = try options.common.path()
        let described = "\(secret.scope.word) secret '\(secret.name)'"
        if !yes { try Prompt.requireTerminal() }
        let files = FileOptions(common: options.common, passphrase: options.passphrase)
        let worker = try files.worker(for: path)
        let history = try options.during { () throws(VaultError) in
            try worker.history(of: secret, in: Locations.realPath(of: path))
        }
        if history.isEmpty {
            throw Failure(.noSuchSecret, "no secret '\(secret.name)' in \(secret.scope.described)")
        }
        if let version, version >= history.count { throw noSuchVersion(version, of: secret) }
        if !yes {
            let what = version.map { number in
                let chosen = history[number]
                let twins = history.count { $0 == chosen } - 1
                return "version \(number) (\(chosen.change) \(UTCTimestamp.format(chosen.time)))"
                    + (twins == 0 ? "" : ", and \(twins) more of the same time,")
            }
            let all = history.count == 1 ? "the only version" : "all \(history.count) versions"
            try Prompt.confirm("Remove \(what ?? all) of the \(described) for good?")
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
                .other, "'\(secret.name)' was changed meanwhile; nothing was removed", hint: "try again")
        } catch {
            throw Failure(error, path: path)
        }
        AgentAccess.catchUp(at: path)
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        worker.showNotices(of: path)
        options.common.confirm("Purged \(Words.count(removed, "version")) of \(described)")
        options.common.confirm(
            "Copies of the file that were made before still hold \(removed == 1 ? "it" : "them")")
    }

    private func noSuchVersion(_ version: Int, of secret: SecretID) -> Failure {
        Failure(.noSuchSecret, "no version \(version) of '\(secret.name)' in \(secret.scope.described)")
    }
}
