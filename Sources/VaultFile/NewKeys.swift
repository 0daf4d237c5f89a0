public import Sodium

/// The keys of a new vault, or of the next generation of one: a new master key, and the slots that wrap it.
public struct NewKeys: ~Copyable {
    /// The master key.
    public let master: Key
    /// The recovery key that opens it too, if there is one; it stands nowhere else.
    private let recovery: RecoveryKey?
    /// What a guess at the passphrase costs.
    public let parameters: Argon2id.Parameters
    /// Two of 144 bytes.
    package let slots: [[UInt8]]
    /// Which vault they are for.
    package let vaultID: Bytes16

    /// Makes new keys, which costs one derivation.
    ///
    /// - Parameters:
    ///   - vaultID: of the vault that they are for.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - parameters: within `dependencies.writingBounds`.
    ///   - hasRecoveryKey: whether there shall be a recovery key.
    /// - Throws: ``VaultFileError/refusedParameters(_:)``, ``VaultFileError/outOfMemory``.
    public init(
        for vaultID: Bytes16, passphrase: Span<UInt8>, parameters: Argon2id.Parameters, hasRecoveryKey: Bool,
        dependencies: Dependencies
    ) throws(VaultFileError) {
        let entropy = dependencies.entropy
        try self.init(
            try guarding { () throws(SodiumError) in try entropy.key() }, for: vaultID,
            passphrase: passphrase, parameters: parameters, hasRecoveryKey: hasRecoveryKey,
            dependencies: dependencies)
    }

    /// Wraps a new master key.
    init(
        _ master: consuming Key, for vaultID: Bytes16, passphrase: Span<UInt8>,
        parameters: Argon2id.Parameters, hasRecoveryKey: Bool, dependencies: Dependencies
    ) throws(VaultFileError) {
        precondition(Format.passphraseSizes.contains(passphrase.count))
        guard dependencies.writingBounds.contains(parameters) else { throw .refusedParameters(parameters) }
        let entropy = dependencies.entropy
        do throws(SodiumError) {
            let slot = try KeySlot.encode(
                passphrase: passphrase, parameters: parameters, master: master, vaultID: vaultID,
                entropy: entropy)
            if hasRecoveryKey {
                let recovery = try RecoveryKey(entropy: entropy)
                slots = [
                    slot,
                    try KeySlot.encode(
                        recovery: recovery, master: master, vaultID: vaultID, entropy: entropy),
                ]
                self.recovery = .some(recovery)
            } else {
                slots = [slot, KeySlot.empty]
                recovery = nil
            }
            self.master = master
            self.parameters = parameters
            self.vaultID = vaultID
        } catch {
            throw VaultFileError(error)
        }
    }

    /// Lends the recovery key to `show`, if there are both.
    package borrowing func showRecovery(_ show: ((borrowing RecoveryKey) -> Void)?) {
        guard let show else { return }
        switch recovery {
        case .some(let key): show(key)
        case .none: break
        }
    }
}
