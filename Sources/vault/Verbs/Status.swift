internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault status`.
struct Status: Command {
    var json = false
    var context = ContextOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "status", summary: "Tell which vault is meant, and whether it is unlocked",
        discussion: """
            It never asks for anything, and it extends no deadline. The exit code is 0 if the vault is unlocked, 4 if it is \
            locked, 6 if there is none, 13 if it is unlocked and the file is not what was last seen. It suggests a \
            backup when the last one that was verified is 30 days old, and, if the vault is unlocked, a compaction when older versions take more of the file than current ones.

            It says where the context comes from, and takes nothing from it: a .vault.toml that is not trusted is named.

            With --json: {"schema":1,"path","locked","context":{"project","project_from","cluster","cluster_from","problem"},"generation",\
            "last_backup","kdf":{"passes","memory_kib"},"recovery_key"}, where "last_backup" is \
            a time or null, "problem" says why nothing was taken from a .vault.toml or is null, and if the vault is unlocked also \
            "idle_seconds","max_seconds","lock_on_sleep","memory_locked","secrets","versions","live_bytes","dead_bytes".
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Context") { context.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path()
        let header: Header
        do throws(VaultFileError) {
            header = try Log.readHeader(path: path, dependencies: Dependencies())
        } catch {
            throw Failure(error, path: path)
        }
        let status = try AgentAccess.status(of: path)
        let backup = Status.backup(path)
        // Of another vault that lay there before, it says nothing about this one.
        let time = backup?.point.vaultID == header.vaultID ? backup?.time : nil
        try Output.write(json ? jsonText(path, header, status, time) : text(path, header, status, time))
        for notice in status?.notices ?? Notice.ofMemory(of: path).map({ [$0] }) ?? [] { notice.show() }
        if status == nil { throw Failure(silent: .locked) }
    }

    private func text(_ path: String, _ header: Header, _ status: AgentStatus?, _ backup: UInt64?) -> String {
        var lines = ["vault: \(Output.visible(path))", "state: \(status == nil ? "locked" : "unlocked")"]
        if let status {
            lines.append("locks: \(status.deadlines)")
            if !status.isMemoryLocked {
                lines.append("memory: not locked; keys and values may be swapped to disk")
            }
            lines.append("secrets: \(status.secrets), in \(Words.count(status.versions, "version"))")
        }
        if let status, status.deadBytes > status.liveBytes {
            let advice: Hint =
                "'vault compact' drops those replaced over 90 days ago, 'vault compact --keep none' all"
            lines.append(
                "older versions: \(status.deadBytes) bytes, current ones \(status.liveBytes); \(advice.text)"
            )
        }
        lines.append("last verified backup: \(Status.words(backup).text)")
        lines += CurrentContext.known(context).lines
        let parameters = header.parameters
        lines.append("generation: \(header.generation)")
        lines.append(
            "key derivation: Argon2id, \(parameters.passes) passes, \(parameters.memoryKiB / 1024) MiB")
        lines.append(
            "recovery key: \(header.hasRecoveryKey ? "yes" : "none")")
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

    /// How old a backup may be before another one is suggested, in milliseconds: 30 days.
    private static let backupAge: UInt64 = 30 * 86_400_000

    private static func words(_ backup: UInt64?) -> Hint {
        guard let backup else { return "never; make one with 'vault backup DEST'" }
        let now = SystemClock.wallMilliseconds()
        let age = now > backup ? now - backup : 0
        let words = UTCTimestamp.format(backup) + ", \(DurationFormat.words(milliseconds: age)) ago"
        return age < backupAge ? "\(words)" : "\(words); make a new one with 'vault backup DEST'"
    }

    private func jsonText(
        _ path: String, _ header: Header, _ status: AgentStatus?, _ backup: UInt64?
    ) -> String {
        var object: [(String, JSON)] = [
            ("schema", .number(1)), ("path", .string(path)), ("locked", .bool(status == nil)),
            ("context", CurrentContext.known(context).json),
        ]
        if let status {
            object += [
                ("idle_seconds", .number(Int(clamping: status.idleLeft / 1000))),
                ("max_seconds", .number(Int(clamping: status.totalLeft / 1000))),
                ("lock_on_sleep", .bool(status.locksOnSleep)),
                ("memory_locked", .bool(status.isMemoryLocked)),
                ("secrets", .number(Int(clamping: status.secrets))),
                ("versions", .number(Int(clamping: status.versions))),
                ("live_bytes", .number(Int(clamping: status.liveBytes))),
                ("dead_bytes", .number(Int(clamping: status.deadBytes))),
            ]
        }
        object += [
            ("generation", .number(Int(clamping: header.generation))),
            ("last_backup", .optional(backup.map(UTCTimestamp.format))),
            (
                "kdf",
                .object([
                    ("passes", .number(Int(header.parameters.passes))),
                    ("memory_kib", .number(Int(header.parameters.memoryKiB))),
                ])
            ), ("recovery_key", .bool(header.hasRecoveryKey)),
        ]
        return JSON.object(object).text + "\n"
    }
}
