public import Sodium

/// A new master key and the slots that wrap it, for a new vault or for a generation with new keys.
public struct NewKeys: ~Copyable {
    /// The master key.
    public let master: Key
    /// The recovery key, if there is to be one; it is not stored anywhere else.
    private let recovery: RecoveryKey?
    /// The derivation parameters of the passphrase.
    public let parameters: Argon2id.Parameters
    /// The two encoded slots.
    package let slots: [[UInt8]]
    /// The id of the vault that the keys are for.
    package let vaultID: Bytes16

    /// Creates new keys, which takes one derivation.
    ///
    /// - Parameters:
    ///   - vaultID: the id of the vault that the keys are for.
    ///   - passphrase: the passphrase, 1 to 1,024 bytes.
    ///   - parameters: its derivation parameters, within `dependencies.writingBounds`.
    ///   - hasRecoveryKey: whether to create a recovery key.
    /// - Throws: ``VaultFileError/refusedParameters(_:)``, ``VaultFileError/outOfMemory``.
    public init(
        for vaultID: Bytes16, passphrase: Span<UInt8>, parameters: Argon2id.Parameters, hasRecoveryKey: Bool,
        dependencies: Dependencies
    ) throws(VaultFileError) {
        let entropy = dependencies.entropy
        try self.init(
            try guarding(entropy.key()), for: vaultID,
            passphrase: passphrase, parameters: parameters, hasRecoveryKey: hasRecoveryKey,
            dependencies: dependencies)
    }

    /// Wraps a given master key.
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
                let recoverySlot = try KeySlot.encode(
                    recovery: recovery, master: master, vaultID: vaultID, entropy: entropy)
                slots = [slot, recoverySlot]
                self.recovery = .some(recovery)
            } else {
                slots = [slot, KeySlot.empty]
                recovery = nil
            }
        } catch {
            throw VaultFileError(error)
        }
        self.master = master
        self.parameters = parameters
        self.vaultID = vaultID
    }

    /// Calls `show` with the recovery key, if both exist.
    package borrowing func showRecovery(_ show: ((borrowing RecoveryKey) -> Void)?) {
        guard let show else { return }
        switch recovery {
        case .some(let key): show(key)
        case .none: break
        }
    }
}
