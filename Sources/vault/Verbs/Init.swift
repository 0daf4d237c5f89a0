internal import CommandSyntax
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import Wording

/// The verb `vault init`.
struct Init: Command {
    var memory: Int?
    var passes: Int?
    var new = NewPassphraseOptions()
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let syntax = Syntax(
        Init(), name: "init", summary: "Make a new vault",
        discussion: """
            The file is private (0600), its folder is made if it is missing, and an existing file is never touched.

            One guess at the passphrase costs as much as this machine does in about three quarters of a second, and \
            never less than 3 passes over 256 MiB. --kdf-memory and --kdf-time choose otherwise.

            Nobody can open the vault without the passphrase: there is no other way in.
            """,
        parameters: [
            .option(
                "--kdf-memory", "MiB", "Memory for the key derivation, 64 to 4096", \.memory,
                as: .number(in: 64...4096)),
            .option("--kdf-time", "N", "Passes over that memory, 3 to 32", \.passes, as: .number(in: 3...32)),
            .options(NewPassphraseOptions.parameters, \.new, group: "New passphrase"),
            .options(PassphraseOptions.parameters, \.passphrase, group: "Passphrase"),
            .options(CommonOptions.parameters, \.common, group: "Common options"),
        ])

    func run() throws(Failure) {
        let path = try common.path()
        let parameters = try chosenParameters()
        if Vault.isOccupied(path) { throw Failure(VaultFileError.alreadyExists, path: path) }
        let passphrase = try Passphrase.new(new, or: passphrase)
        do throws(VaultError) {
            _ = try passphrase.withBytes { passphrase throws(VaultError) in
                try Vault.create(at: path, passphrase: passphrase, parameters: parameters)
            }
        } catch {
            throw Failure(error, path: path)
        }
        // An agent may still have the one that lay there before.
        AgentAccess.adopt(path)
        common.confirm("Made the vault \(path)")
    }

    /// Nil if this machine is to be measured.
    private func chosenParameters() throws(Failure) -> Argon2id.Parameters? {
        if memory == nil, passes == nil { return nil }
        var parameters = Argon2id.Parameters.default
        if let memory { parameters.memoryKiB = UInt32(memory) * 1024 }
        if let passes { parameters.passes = UInt32(passes) }
        guard Argon2id.Bounds.writing.contains(parameters) else {
            throw Failure(
                .usage, "--kdf-memory times --kdf-time is more than 16384 MiB; no reader would accept that")
        }
        return parameters
    }
}
