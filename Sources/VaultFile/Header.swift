internal import Platform
public import Sodium

/// The first 512 bytes of a vault file, which are never changed in place: vault-format.md, section 2.
public struct Header: Equatable, Sendable {
    /// The encoded form.
    let bytes: [UInt8]
    /// The id of the vault: random, and the same in every generation.
    public let vaultID: Bytes16
    /// The number of the generation: 1 for a new vault, one more for each rewrite.
    public let generation: UInt64
    /// The `seq` of the last frame of the previous generation.
    public let baseSeq: UInt64
    /// The offset at which the content of the last rewrite ends.
    public let baseEnd: UInt64
    /// The tag of the last frame of the previous generation.
    let lineage: Bytes16
    /// The flags that a rewrite keeps even if it does not know them.
    let compatibleFlags: UInt32
    /// The derivation parameters of the passphrase: the cost of one guess.
    public let parameters: Argon2id.Parameters
    /// True if the vault has a recovery key.
    public let hasRecoveryKey: Bool
    /// True if a flag forbids writing.
    public let isReadOnly: Bool

    /// The flag of files with descent records; older programs open such a file for reading only.
    static let descentFlag: UInt32 = 1

    /// Compares the encoded forms.
    public static func == (left: Header, right: Header) -> Bool { left.bytes == right.bytes }

    static let magic: [UInt8] = [0x89, 0x56, 0x4C, 0x54, 0x0D, 0x0A, 0x1A, 0x0A]
    static let macRange = 480..<512

    /// The first half of the MAC; the first frame names it as the previous tag.
    var macTag: Bytes16 { Bytes16(bytes.span, at: Header.macRange.lowerBound) }

    /// Decodes a header, without any key; the checks have the order of vault-format.md.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of the file; fewer than 512 only if the file is shorter.
    ///   - bounds: the derivation parameters that are accepted.
    /// - Throws: ``VaultFileError/notAVault(_:)``, ``VaultFileError/incompleteCopy(count:expected:)``,
    ///   ``VaultFileError/unsupported(_:)``, ``VaultFileError/damagedHeader``,
    ///   ``VaultFileError/refusedParameters(_:)``.
    package init(_ bytes: [UInt8], bounds: Argon2id.Bounds = .reading) throws(VaultFileError) {
        let span = bytes.span
        if bytes.isEmpty { throw .notAVault(.empty) }
        guard Header.magic.starts(with: bytes.prefix(8)) else { throw .notAVault(.content) }
        guard bytes.count >= Format.headerSize else {
            throw .incompleteCopy(count: UInt64(bytes.count), expected: Format.logStart)
        }
        let format = span.load(UInt16.self, at: 8)
        if format != 1 { throw .unsupported(.format(format)) }
        let incompatible = span.load(UInt32.self, at: 16)
        if incompatible != 0 { throw .unsupported(.flags(incompatible)) }
        let sum = try guarding(BLAKE2b.hash(span.extracting(0..<448)))
        guard sum.span.equals(span.extracting(448..<480)) else { throw .damagedHeader }

        let passphrase = KeySlot(span, at: KeySlot.offsets[0])
        let recovery = KeySlot(span, at: KeySlot.offsets[1])
        parameters = passphrase.parameters
        if passphrase.kind == .passphrase, !bounds.contains(parameters) {
            throw .refusedParameters(parameters)
        }
        guard passphrase.kind == .passphrase, passphrase.isCanonical, recovery.kind != .passphrase,
            recovery.isCanonical
        else { throw .damagedHeader }

        self.bytes = Array(bytes.prefix(Format.headerSize))
        vaultID = Bytes16(span, at: 32)
        generation = span.load(UInt64.self, at: 48)
        baseSeq = span.load(UInt64.self, at: 56)
        baseEnd = span.load(UInt64.self, at: 64)
        lineage = Bytes16(span, at: 104)
        compatibleFlags = span.load(UInt32.self, at: 24)
        hasRecoveryKey = recovery.kind == .recovery
        isReadOnly = span.load(UInt32.self, at: 20) & ~Header.descentFlag != 0
        guard span.isZero(10..<12), span.load(UInt32.self, at: 12) == UInt32(Format.headerSize),
            span.isZero(28..<32), span.isZero(120..<128), span.isZero(416..<448),
            generation > 0, baseEnd >= Format.logStart, baseEnd % Format.alignment == 0,
            generation > 1 || (baseSeq == 0 && baseEnd == Format.logStart && span.isZero(104..<120))
        else { throw .damagedHeader }
    }

    /// Returns the id in bytes that begin like a header, without checking the rest; nil if they do not.
    package static func vaultID(in bytes: Span<UInt8>) -> Bytes16? {
        guard bytes.count >= 48, bytes.extracting(first: magic.count).equals(magic.span) else { return nil }
        return Bytes16(bytes, at: 32)
    }

    /// The fields of a new header, except its slots.
    struct Fields {
        var vaultID: [UInt8]
        var generation: UInt64 = 1
        var baseSeq: UInt64 = 0
        var baseEnd = Format.logStart
        var fileSalt: [UInt8]
        var lineage = Bytes16.zero
        var compatibleFlags: UInt32 = 0
    }

    /// Encodes a new header, with its hash and a MAC under `master`.
    static func encode(
        _ fields: Fields, slots: [[UInt8]], master: borrowing Key
    ) throws(SodiumError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Format.headerSize)
        bytes.replaceSubrange(0..<8, with: magic)
        var span = bytes.mutableSpan
        span.store(UInt16(1), at: 8)
        span.store(UInt32(Format.headerSize), at: 12)
        span.store(descentFlag, at: 20)
        span.store(fields.compatibleFlags, at: 24)
        span.copy(from: fields.vaultID.span, at: 32)
        span.store(fields.generation, at: 48)
        span.store(fields.baseSeq, at: 56)
        span.store(fields.baseEnd, at: 64)
        span.copy(from: fields.fileSalt.span, at: 72)
        fields.lineage.store(into: &span, at: 104)
        for (offset, slot) in zip(KeySlot.offsets, slots) { span.copy(from: slot.span, at: offset) }
        let sum = try BLAKE2b.hash(bytes.span.extracting(0..<448))
        bytes.replaceSubrange(448..<480, with: sum)
        let mac = try mac(of: bytes.span, master: master)
        bytes.replaceSubrange(macRange, with: mac)
        return bytes
    }

    /// Encodes the header of the next generation, with the same id and flags.
    ///
    /// - Parameters:
    ///   - base: the last commit of this generation, or its start.
    ///   - end: the offset at which the content of the next generation will end.
    ///   - slots: the slots that wrap `master` if it is a new key; nil keeps the slots of this generation.
    /// - Throws: ``VaultFileError/numbersExhausted`` if this is the last generation;
    ///   ``VaultFileError/outOfMemory``.
    package func successor(
        base: Replay.Position, end: UInt64, fileSalt: [UInt8], slots: [[UInt8]]? = nil,
        master: borrowing Key
    ) throws(VaultFileError) -> [UInt8] {
        // No writer gets that far, but a holder of the key can forge such a header.
        guard generation < .max else { throw .numbersExhausted }
        let fields = Fields(
            vaultID: vaultID.bytes, generation: generation + 1, baseSeq: base.seq, baseEnd: end,
            fileSalt: fileSalt, lineage: base.tag, compatibleFlags: compatibleFlags)
        return try guarding(Header.encode(fields, slots: slots ?? self.slots, master: master))
    }

    /// The encoded slots, for another file with the same master key and vault id.
    package var slots: [[UInt8]] { KeySlot.offsets.map { Array(bytes[$0..<$0 + KeySlot.size]) } }

    /// The bytes of a file before its first frame: header, gap and copy.
    package var front: [UInt8] {
        bytes + [UInt8](repeating: 0, count: Int(Format.headerCopyOffset) - bytes.count) + bytes
    }

    private static func mac(of bytes: Span<UInt8>, master: borrowing Key) throws(SodiumError) -> [UInt8] {
        let key = try BLAKE2b.deriveKey(from: master, label: "vault-1 header")
        return try BLAKE2b.authenticate(bytes.extracting(0..<macRange.lowerBound), key: key)
    }

    /// Returns whether the MAC was made with `master`.
    package func isAuthentic(master: borrowing Key) throws(VaultFileError) -> Bool {
        let mac = try guarding(Header.mac(of: bytes.span, master: master))
        return mac.span.isEqualInConstantTime(to: bytes.span.extracting(Header.macRange))
    }

    /// Derives the key of this file's frames.
    package func frameKey(master: borrowing Key) throws(SodiumError) -> Key {
        try BLAKE2b.deriveKey(
            from: master, label: "vault-1 frames",
            context: bytes.span.extracting(0..<Header.macRange.lowerBound))
    }

    /// Unwraps the master key with a passphrase or with the recovery key.
    ///
    /// - Throws: as ``unlock(passphrase:)``; ``VaultFileError/noRecoveryKey``, before any derivation, and
    ///   ``VaultFileError/wrongRecoveryKey``.
    public func unlock(with credential: borrowing Credential) throws(VaultFileError) -> Key {
        switch credential {
        case .passphrase(let passphrase):
            return try passphrase.withBytes { bytes throws(VaultFileError) in try unlock(passphrase: bytes) }
        case .recovery(let key):
            guard hasRecoveryKey else { throw .noRecoveryKey }
            let slot = KeySlot(bytes.span, at: KeySlot.offsets[1])
            return try unwrap(slot, wrongKey: .wrongRecoveryKey) { () throws(SodiumError) in
                try key.derive(salt: slot.salt.span)
            }
        }
    }

    /// Unwraps the master key with `passphrase`.
    ///
    /// - Throws: ``VaultFileError/wrongPassphrase``, ``VaultFileError/tamperedHeader``,
    ///   ``VaultFileError/outOfMemory``.
    public func unlock(passphrase: Span<UInt8>) throws(VaultFileError) -> Key {
        let slot = KeySlot(bytes.span, at: KeySlot.offsets[0])
        return try unwrap(slot, wrongKey: .wrongPassphrase) { () throws(SodiumError) in
            try Argon2id.derive(passphrase: passphrase, salt: slot.salt.span, parameters: slot.parameters)
        }
    }

    private func unwrap(
        _ slot: KeySlot, wrongKey: VaultFileError, _ derive: () throws(SodiumError) -> SecretBytes
    ) throws(VaultFileError) -> Key {
        let derived = try guarding(derive())
        guard let master = try slot.unwrap(derived: derived, vaultID: vaultID) else { throw wrongKey }
        guard try isAuthentic(master: master) else { throw .tamperedHeader }
        return master
    }
}
