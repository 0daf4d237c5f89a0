internal import CommandSyntax
internal import Diagnosis
internal import Platform
internal import Settings
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault status`.
struct StatusCommand: Command {
    var json = false
    var context = ContextOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "status", summary: "Show which vault is used, and whether it is unlocked",
        discussion: """
            'vault status' never asks for anything and does not extend a deadline. The exit code is 0 if the
            vault is unlocked, 4 if it is locked, 6 if there is none, and 13 if it is unlocked but the file is
            not what was last seen. If the last verified backup is at least 30 days old, a new one is
            suggested. If the vault is unlocked, and older versions take up more than 1 MiB and more than
            current ones, a compaction is suggested.

            The source of the context is shown, and a .vault.toml that is not trusted is named but not used.

            With --json: {"schema":1, "path", "locked", "context":{"project", "project_from", "cluster",
            "cluster_from", "problem"}, "generation", "last_backup", "kdf":{"passes", "memory_kib"},
            "recovery_key"}, where "last_backup" is a time or null, and "problem" is the reason why a
            .vault.toml was not used, or null; "configuration_problem" is the same for config.toml. If the
            vault is unlocked, also "idle_seconds", "max_seconds", "lock_on_sleep", "memory_locked", "secrets",
            "versions", "expired", "due" (numbers of secrets), "live_bytes", "dead_bytes".
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Context") { context.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path(tolerant: true)
        if let problem = Configuration.asFarAsKnown.problem { Output.warn(problem.message) }
        let header = try FileOptions.header(of: path)
        let status = try AgentAccess.status(of: path)
        let backup = StatusCommand.backup(path)
        // A backup of another vault that was at this path before does not count.
        let time = backup?.point.vaultID == header.vaultID ? backup?.time : nil
        try Output.write(json ? jsonText(path, header, status, time) : text(path, header, status, time))
        for notice in status?.notices ?? Notice.ofMemory(of: path).map({ [$0] }) ?? [] { notice.show() }
        if status == nil { throw Failure(silent: .locked) }
    }

    /// The number of bytes of older versions from which on a compaction is suggested: 1 MiB.
    private static let notableSize: UInt64 = 1 << 20

    private func text(_ path: String, _ header: Header, _ status: AgentStatus?, _ backup: UInt64?) -> String {
        var lines = ["vault: \(Output.visible(path))", "state: \(status == nil ? "locked" : "unlocked")"]
        if let status {
            lines.append("locks: \(status.deadlines)")
            if !status.isMemoryLocked {
                lines.append("memory: not locked; keys and values may be swapped to disk")
            }
            lines.append("secrets: \(status.secrets), in \(Words.count(status.versions, "version"))")
            if status.due > 0 {
                let advice: Hint = "see 'vault list --all --due --long'"
                let rest = status.due - status.expired
                let parts = [(status.expired, "expired"), (rest, "to be replaced")].filter { $0.0 > 0 }
                lines.append(
                    "due: \(parts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")); \(advice.text)")
            }
            if status.deadBytes > max(status.liveBytes, StatusCommand.notableSize) {
                let sizes = "\(status.deadBytes) bytes, current ones \(status.liveBytes)"
                let advice: Hint = "'vault compact' drops those replaced over 90 days ago"
                lines.append("older versions: \(sizes); \(advice.text)")
            }
        }
        let urgent = Diagnosis(of: path, contextProblem: nil).urgentFindings()
        if let first = urgent.first {
            let others = urgent.count == 1 ? "" : ", and \(urgent.count - 1) more"
            let advice: Hint = "see 'vault doctor'"
            lines.append("urgent: \(Output.visible(first.message))\(others); \(advice.text)")
        }
        lines.append("last verified backup: \(StatusCommand.words(backup).text)")
        lines += CurrentContext.known(context).lines
        let parameters = header.parameters
        lines += [
            "generation: \(header.generation)",
            "key derivation: Argon2id, \(parameters.passes) passes, \(parameters.memoryKiB / 1024) MiB",
            "recovery key: \(header.hasRecoveryKey ? "yes" : "none")",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func backup(_ path: String) -> CheckpointStore.Backup? {
        do throws(Errno) {
            return try Locations.checkpoints?.backup(of: Locations.realPath(of: path))
        } catch {
            Output.warn("cannot read when the vault was last backed up: \(error)")
            return nil
        }
    }

    private static func words(_ backup: UInt64?) -> Hint {
        guard let backup else { return "never; make one with 'vault backup DEST'" }
        let now = SystemClock.wallMilliseconds()
        let age = now > backup ? now - backup : 0
        let words = UTCTimestamp.format(backup) + ", \(DurationFormat.words(milliseconds: age)) ago"
        return age < BackupAge.max ? "\(words)" : "\(words); make a new one with 'vault backup DEST'"
    }

    private func jsonText(
        _ path: String, _ header: Header, _ status: AgentStatus?, _ backup: UInt64?
    ) -> String {
        var object: [(String, JSON)] = [
            ("path", .string(path)), ("locked", .bool(status == nil)),
            ("context", CurrentContext.known(context).json),
            ("configuration_problem", .optional(Configuration.asFarAsKnown.problem?.message)),
        ]
        if let status {
            object += [
                ("idle_seconds", .count(status.idleLeft / 1000)),
                ("max_seconds", .count(status.totalLeft / 1000)),
                ("lock_on_sleep", .bool(status.locksOnSleep)),
                ("memory_locked", .bool(status.isMemoryLocked)),
                ("secrets", .count(status.secrets)), ("versions", .count(status.versions)),
                ("expired", .count(status.expired)), ("due", .count(status.due)),
                ("live_bytes", .count(status.liveBytes)), ("dead_bytes", .count(status.deadBytes)),
            ]
        }
        let kdf = JSON.object([
            ("passes", .number(Int(header.parameters.passes))),
            ("memory_kib", .number(Int(header.parameters.memoryKiB))),
        ])
        object += [
            ("generation", .count(header.generation)),
            ("last_backup", .optional(backup.map(UTCTimestamp.format))),
            ("kdf", kdf), ("recovery_key", .bool(header.hasRecoveryKey)),
        ]
        return JSON.document(object)
    }
}
