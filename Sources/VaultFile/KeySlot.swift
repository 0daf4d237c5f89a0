internal import Platform
internal import Sodium

/// One wrapped copy of the master key: 144 bytes of the header.
struct KeySlot {
    static let count = 144
    static let offsets = [128, 272]
    static let empty = [UInt8](repeating: 0, count: count)

    enum Kind: UInt8 {
        case empty = 0
        case passphrase = 1
        case recovery = 2
    }

    private let bytes: [UInt8]

    init(_ header: Span<UInt8>, at offset: Int) { bytes = header.array(offset..<offset + KeySlot.count) }

    /// Nil for a kind that does not exist.
    var kind: Kind? { Kind(rawValue: bytes[0]) }

    var parameters: Argon2id.Parameters {
        Argon2id.Parameters(
            passes: bytes.span.load(UInt32.self, at: 4), memoryKiB: bytes.span.load(UInt32.self, at: 8))
    }

    var salt: [UInt8] { Array(bytes[16..<32]) }

    /// Whether every field has the only value, or one of the values, that its kind allows.
    var isCanonical: Bool {
        let span = bytes.span
        guard span.isZero(2..<4), span.isZero(136..<144) else { return false }
        return switch kind {
        case .empty: span.isZero(0..<KeySlot.count)
        case .passphrase: bytes[1] == 2 && span.load(UInt32.self, at: 12) == 1
        case .recovery: bytes[1] == 0 && span.isZero(4..<16)
        case nil: false
        }
    }

    /// The master key.
    ///
    /// The commitment is compared before the box is opened: vault-format.md, section 3.
    /// - Parameter derived: 64 bytes, the wrap key and the commitment key.
    /// - Throws: ``VaultFileError/wrongPassphrase``; ``VaultFileError/tamperedHeader`` if the box is not what
    ///   was committed to.
    func unwrap(derived: borrowing SecretBytes, vaultID: Bytes16) throws(VaultFileError) -> Key {
        let committed = try guarding { () throws(SodiumError) in
            try KeySlot.commitment(slot: bytes, derived: derived, vaultID: vaultID)
        }
        guard committed.span.isEqualInConstantTime(to: bytes.span.extracting(104..<136)) else {
            throw .wrongPassphrase
        }
        var master = try guarding { () throws(SodiumError) in try SecretBytes(count: Key.count) }
        let wrap = try derived.withBytes { derived throws(VaultFileError) in
            try guarding { () throws(SodiumError) in try Key(copying: derived.extracting(0..<32)) }
        }
        let span = bytes.span
        let opened = master.withMutableBytes { master in
            SecretBox.open(
                span.extracting(56..<104), nonce: span.extracting(32..<56), key: wrap, into: &master)
        }
        guard opened else { throw .tamperedHeader }
        return try master.withBytes { master throws(VaultFileError) in
            try guarding { () throws(SodiumError) in try Key(copying: master) }
        }
    }

    /// The 144 bytes of a passphrase slot that wraps `master`.
    static func encode(
        passphrase: Span<UInt8>, parameters: Argon2id.Parameters, master: borrowing Key, vaultID: Bytes16,
        entropy: Entropy
    ) throws(SodiumError) -> [UInt8] {
        var bytes = empty
        var span = bytes.mutableSpan
        span[0] = Kind.passphrase.rawValue
        span[1] = 2
        span.store(parameters.passes, at: 4)
        span.store(parameters.memoryKiB, at: 8)
        span.store(UInt32(1), at: 12)
        let salt = try entropy.bytes(16)
        span.copy(from: salt.span, at: 16)
        let derived = try Argon2id.derive(passphrase: passphrase, salt: salt.span, parameters: parameters)
        try seal(master, derived: derived, vaultID: vaultID, entropy: entropy, into: &bytes)
        return bytes
    }

    /// The 144 bytes of a recovery slot that wraps `master`.
    static func encode(
        recovery: borrowing RecoveryKey, master: borrowing Key, vaultID: Bytes16, entropy: Entropy
    ) throws(SodiumError) -> [UInt8] {
        var bytes = empty
        bytes[0] = Kind.recovery.rawValue
        let salt = try entropy.bytes(16)
        bytes.replaceSubrange(16..<32, with: salt)
        let derived = try recovery.derive(salt: salt.span)
        try seal(master, derived: derived, vaultID: vaultID, entropy: entropy, into: &bytes)
        return bytes
    }

    private static func seal(
        _ master: borrowing Key, derived: borrowing SecretBytes, vaultID: Bytes16, entropy: Entropy,
        into slot: inout [UInt8]
    ) throws(SodiumError) {
        let nonce = try entropy.bytes(SecretBox.nonceSize)
        let wrap = try derived.withBytes { derived throws(SodiumError) in
            try Key(copying: derived.extracting(0..<32))
        }
        var box = [UInt8](repeating: 0, count: Key.count + SecretBox.tagSize)
        var boxSpan = box.mutableSpan
        master.withBytes { SecretBox.seal($0, nonce: nonce.span, key: wrap, into: &boxSpan) }
        slot.replaceSubrange(32..<56, with: nonce)
        slot.replaceSubrange(56..<104, with: box)
        slot.replaceSubrange(104..<136, with: try commitment(slot: slot, derived: derived, vaultID: vaultID))
    }

    private static func commitment(
        slot: [UInt8], derived: borrowing SecretBytes, vaultID: Bytes16
    ) throws(SodiumError) -> [UInt8] {
        let key = try derived.withBytes { derived throws(SodiumError) in
            try Key(copying: derived.extracting(32..<64))
        }
        let message = Array("vault-1 slot".utf8) + vaultID.bytes + slot[0..<104]
        return try BLAKE2b.authenticate(message.span, key: key)
    }
}
