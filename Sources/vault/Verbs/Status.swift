internal import CommandSyntax
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultKit

/// The verb `vault status`.
struct Status: Command {
    var json = false
    var common = CommonOptions()

    static let syntax = Syntax(
        Status(), name: "status", summary: "Tell which vault is meant, and whether it is unlocked",
        discussion: """
            It never asks for anything, and it extends no deadline. The exit code is 0 if the vault is unlocked, 4 if it is \
            locked, 6 if there is none.

            With --json: {"schema":1,"path","locked","generation","kdf":{"passes","memory_kib"}}, and if it is unlocked also \
            "idle_seconds","max_seconds","lock_on_sleep","secrets","versions".
            """,
        parameters: [
            .flag("--json", "Print JSON", \.json),
            .options(CommonOptions.parameters, \.common, group: "Common options"),
        ])

    func run() throws(Failure) {
        let path = try common.path()
        let header: Header
        do throws(VaultFileError) {
            header = try Log.readHeader(path: path, surroundings: Surroundings())
        } catch {
            throw Failure(error, path: path)
        }
        let status = try AgentAccess.status(of: path)
        try Output.write(json ? jsonText(path, header, status) : text(path, header, status))
        if status == nil { throw Failure(silent: .locked) }
    }

    private func text(_ path: String, _ header: Header, _ status: AgentStatus?) -> String {
        var lines = ["vault: \(Output.visible(path))", "state: \(status == nil ? "locked" : "unlocked")"]
        if let status {
            lines.append("locks: \(status.deadlines)")
            lines.append("secrets: \(status.secrets), in \(status.versions) versions")
        }
        let parameters = header.parameters
        lines.append("generation: \(header.generation)")
        lines.append(
            "key derivation: Argon2id, \(parameters.passes) passes, \(parameters.memoryKiB / 1024) MiB")
        return lines.joined(separator: "\n") + "\n"
    }

    private func jsonText(_ path: String, _ header: Header, _ status: AgentStatus?) -> String {
        var object: [(String, JSON)] = [
            ("schema", .number(1)), ("path", .string(path)), ("locked", .bool(status == nil)),
        ]
        if let status {
            object += [
                ("idle_seconds", .number(Int(clamping: status.idleLeft / 1000))),
                ("max_seconds", .number(Int(clamping: status.totalLeft / 1000))),
                ("lock_on_sleep", .bool(status.locksOnSleep)),
                ("secrets", .number(Int(clamping: status.secrets))),
                ("versions", .number(Int(clamping: status.versions))),
            ]
        }
        object += [
            ("generation", .number(Int(clamping: header.generation))),
            (
                "kdf",
                .object([
                    ("passes", .number(Int(header.parameters.passes))),
                    ("memory_kib", .number(Int(header.parameters.memoryKiB))),
                ])
            ),
        ]
        return JSON.object(object).text + "\n"
    }
}
