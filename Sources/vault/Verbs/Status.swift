internal import CommandSyntax
internal import Sodium
internal import VaultFile
internal import VaultKit

/// The verb `vault status`.
struct Status: Command {
    var json = false
    var common = CommonOptions()

    static let syntax = Syntax(
        Status(), name: "status", summary: "Tell which vault is meant, and whether it is unlocked",
        discussion: """
            It never asks for anything. The exit code is 0 if the vault is unlocked, 4 if it is locked, 6 if there is none.

            With --json: {"schema":1,"path","locked","generation","kdf":{"passes","memory_kib"}}.
            """,
        parameters: [
            .flag("--json", "Print JSON", \.json),
            .shared(CommonOptions.parameters, \.common, group: "Common options"),
        ])

    func run() throws(Failure) {
        let path = try common.path()
        let header: Header
        do throws(VaultFileError) {
            header = try Log.readHeader(path: path, surroundings: Surroundings())
        } catch {
            throw Failure(error, path: path)
        }
        let parameters = header.parameters
        if json {
            let object = JSON.object([
                ("schema", .number(1)), ("path", .string(path)), ("locked", .bool(true)),
                ("generation", .number(Int(clamping: header.generation))),
                (
                    "kdf",
                    .object([
                        ("passes", .number(Int(parameters.passes))),
                        ("memory_kib", .number(Int(parameters.memoryKiB))),
                    ])
                ),
            ])
            try Output.write(object.text + "\n")
        } else {
            try Output.write(
                """
                vault: \(Output.visible(path))
                state: locked
                generation: \(header.generation)
                key derivation: Argon2id, \(parameters.passes) passes, \(parameters.memoryKiB / 1024) MiB

                """)
        }
        throw Failure(silent: .locked)
    }
}
