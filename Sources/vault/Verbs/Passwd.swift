internal import CommandSyntax
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault passwd`.
struct Passwd: Command {
    var recovery = false
    var recoveryKey = RecoveryOptions()
    var cost = CostOptions()
    var new = PassphraseOptions(.new)
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "passwd", summary: "Change the passphrase",
        discussion: """
            The vault gets a new master key too, and all of it is written anew under that, every version, so that an old copy of \
            the file, or of its header, and the old passphrase open nothing that is written from now on. What they hold \
            already, they hold on: copies that lie beside the vault are named, backups elsewhere are not known. If a value may \
            be in the wrong hands, change it where it is used.

            The new file is read back and compared before it takes the place of the old one in one step; whenever the machine \
            stops, the vault opens with the old or with the new passphrase. An agent that has the vault unlocked keeps it so; the \
            agents of others lock it.

            A person at a terminal types the new passphrase twice. One of less than 50 bits, by the estimate of zxcvbn, is called \
            weak and asked for again; typed again as it is, it is taken. Left empty, a passphrase of ten random words (110 \
            bits) is generated and shown once. Where there is no terminal, a weak one is taken with a warning.

            One guess at the new passphrase costs what a new vault's does, and never less than before; --kdf-memory and --kdf-time \
            choose otherwise. Where there is a recovery key, a new one is printed and the old one is void.

            With --recovery, the recovery key is asked for in place of the old passphrase.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--recovery", "Open the vault with the recovery key", &recovery)
        recoveryKey.declare(&parameters)
        parameters.group("Cost of a guess") { cost.declare(&$0) }
        parameters.group("New passphrase") { new.declare(&$0) }
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let chosen = try cost.chosen()
        let change = try KeyChange(common)
        if recovery, !change.header.hasRecoveryKey {
            throw Failure(VaultFileError.noRecoveryKey, path: change.path)
        }
        let holder = try Passphrase.unlock(change.path, passphrase, isRecovery: recovery) {
            credential throws(Failure) in try change.open(with: credential)
        }
        let newPassphrase = try Passphrase.new(for: change.path, new)
        try change.run(
            holder, newPassphrase, cost: chosen.map { .chosen($0) } ?? .raised,
            hasRecoveryKey: change.header.hasRecoveryKey && !recoveryKey.isDropped,
            confirmation: "Changed the passphrase of \(change.path)")
    }
}

/// The verb `vault rekey`.
struct Rekey: Command {
    var recoveryKey = RecoveryOptions()
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "rekey", summary: "Change the master key and keep the passphrase",
        discussion: """
            All of the vault is written anew under a new master key, as 'vault passwd' does it. Someone who once learned the master \
            key, or has an old recovery key, learns nothing that is written from now on; the passphrase stays, so whoever has that \
            is not shut out. Where there is a recovery key, a new one is printed and the old one is void.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        recoveryKey.declare(&parameters)
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let change = try KeyChange(common)
        try change.runKeepingPassphrase(
            passphrase, hasRecoveryKey: change.header.hasRecoveryKey && !recoveryKey.isDropped,
            confirmation: "Changed the master key of \(change.path)")
    }
}

/// The verb `vault recovery-key`.
struct MakeRecoveryKey: Command {
    var passphrase = PassphraseOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "recovery-key", summary: "Make a new recovery key",
        discussion: """
            The recovery key opens the vault when the passphrase is lost: 'vault unlock --recovery', or 'vault passwd --recovery' to set \
            a new passphrase. It is printed once, on standard output, and kept nowhere: write it down and keep it away from this \
            machine. Whoever has it and the file needs no passphrase. Upper and lower case, hyphens and spaces do not matter when it \
            is typed back, and a slip of the hand is recognised.

            The vault gets a new master key with it, as 'vault rekey' does it, so that a recovery key of before is void. 'vault rekey \
            --drop-recovery-key' leaves the vault without one.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let change = try KeyChange(common)
        try change.runKeepingPassphrase(
            passphrase, hasRecoveryKey: true,
            confirmation: "Made a new recovery key for \(change.path)")
    }
}
