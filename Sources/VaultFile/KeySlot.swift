internal import Platform
internal import Sodium

/// A wrapped copy of the master key: 144 bytes of the header.
struct KeySlot {
    static let size = 144
    static let offsets = [128, 272]
    static let empty = [UInt8](repeating: 0, count: size)

    enum Kind: UInt8 {
        case empty = 0
        case passphrase = 1
        case recovery = 2
    }

    private let bytes: [UInt8]

    init(_ header: Span<UInt8>, at offset: Int) { bytes = header.array(offset..<offset + KeySlot.size) }

    /// The kind of the slot; nil if it is invalid.
    var kind: Kind? { Kind(rawValue: bytes[0]) }

    var parameters: Argon2id.Parameters {
        Argon2id.Parameters(
            passes: bytes.span.load(UInt32.self, at: 4), memoryKiB: bytes.span.load(UInt32.self, at: 8))
    }

    var salt: [UInt8] { Array(bytes[16..<32]) }

    /// True if every field has a value that its kind allows.
    var isCanonical: Bool {
        let span = bytes.span
        guard span.isZero(2..<4), span.isZero(136..<144) else { return false }
        return switch kind {
        case .empty: span.isZero(0..<KeySlot.size)
        case .passphrase: bytes[1] == 2 && span.load(UInt32.self, at: 12) == 1
        case .recovery: bytes[1] == 0 && span.isZero(4..<16)
        case nil: false
        }
    }

    /// Unwraps the master key.
    ///
    /// The commitment is compared before the box is opened: vault-format.md, section 3.
    ///
    /// - Parameter derived: 64 bytes, the wrap key and the commitment key.
    /// - Returns: nil if the slot commits to another key, so that the credential is wrong.
    /// - Throws: ``VaultFileError/tamperedHeader`` if the box was not sealed under the committed key;
    ///   ``VaultFileError/outOfMemory``.
    func unwrap(derived: borrowing SecretBytes, vaultID: Bytes16) throws(VaultFileError) -> Key? {
        let span = bytes.span
        let committed = try guarding(KeySlot.commitment(slot: bytes, derived: derived, vaultID: vaultID))
        guard committed.span.isEqualInConstantTime(to: span.extracting(104..<136)) else { return nil }
        let wrap = try guarding(KeySlot.key(0..<32, of: derived))
        var master = try guarding(SecretBytes(count: Key.count))
        let isAuthentic = master.withMutableBytes { master in
            SecretBox.open(
                span.extracting(56..<104), nonce: span.extracting(32..<56), key: wrap, into: &master)
        }
        guard isAuthentic else { throw .tamperedHeader }
        return try guarding(KeySlot.key(0..<Key.count, of: master))
    }

    /// Encodes a slot that wraps `master` for a passphrase.
    static func encode(
        passphrase: Span<UInt8>, parameters: Argon2id.Parameters, master: borrowing Key, vaultID: Bytes16,
        entropy: Entropy
    ) throws(SodiumError) -> [UInt8] {
        var slot = empty
        var span = slot.mutableSpan
        span[0] = Kind.passphrase.rawValue
        span[1] = 2
        span.store(parameters.passes, at: 4)
        span.store(parameters.memoryKiB, at: 8)
        span.store(UInt32(1), at: 12)
        try seal(master, into: &slot, vaultID: vaultID, entropy: entropy) { salt throws(SodiumError) in
            try Argon2id.derive(passphrase: passphrase, salt: salt, parameters: parameters)
        }
        return slot
    }

    /// Encodes a slot that wraps `master` for a recovery key.
    static func encode(
        recovery: borrowing RecoveryKey, master: borrowing Key, vaultID: Bytes16, entropy: Entropy
    ) throws(SodiumError) -> [UInt8] {
        var slot = empty
        slot[0] = Kind.recovery.rawValue
        try seal(master, into: &slot, vaultID: vaultID, entropy: entropy) { salt throws(SodiumError) in
            try recovery.derive(salt: salt)
        }
        return slot
    }

    /// Fills in a new salt, the box of `master`, and the commitment, which covers the fields before it.
    private static func seal(
        _ master: borrowing Key, into slot: inout [UInt8], vaultID: Bytes16, entropy: Entropy,
        _ derive: (Span<UInt8>) throws(SodiumError) -> SecretBytes
    ) throws(SodiumError) {
        let salt = try entropy.bytes(16)
        let derived = try derive(salt.span)
        let nonce = try entropy.bytes(SecretBox.nonceSize)
        let wrap = try key(0..<32, of: derived)
        var span = slot.mutableSpan
        span.copy(from: salt.span, at: 16)
        span.copy(from: nonce.span, at: 32)
        master.withBytes { SecretBox.seal($0, nonce: nonce.span, key: wrap, into: &span, at: 56) }
        slot.replaceSubrange(104..<136, with: try commitment(slot: slot, derived: derived, vaultID: vaultID))
    }

    private static func commitment(
        slot: [UInt8], derived: borrowing SecretBytes, vaultID: Bytes16
    ) throws(SodiumError) -> [UInt8] {
        let message = Array("vault-1 slot".utf8) + vaultID.bytes + slot[0..<104]
        return try BLAKE2b.authenticate(message.span, key: try key(32..<64, of: derived))
    }

    private static func key(
        _ range: Range<Int>, of secret: borrowing SecretBytes
    ) throws(SodiumError) -> Key {
        try secret.withBytes { bytes throws(SodiumError) in try Key(copying: bytes.extracting(range)) }
    }
}
