public import Sodium

/// A key on paper that opens a vault whose passphrase is lost: vault-format.md, section 3.
///
/// It has 20 random bytes.
public struct RecoveryKey: ~Copyable {
    /// The length of ``text()``, in bytes.
    public static let textSize = groupCount * (groupLength + 1) - 1

    private static let count = 20
    private static let groupCount = 6
    private static let groupLength = 6
    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    private let bytes: SecretBytes

    /// Creates a random key.
    init(entropy: Entropy) throws(SodiumError) {
        var bytes = try SecretBytes(count: RecoveryKey.count)
        try bytes.withMutableBytes { bytes throws(SodiumError) in try entropy.fill(&bytes) }
        self.bytes = bytes
    }

    /// Decodes a key as it was typed: case, hyphens and spaces are ignored, O means zero, I and L mean one.
    ///
    /// - Throws: ``VaultFileError/mistypedRecoveryKey`` if the text is malformed or its check digits are
    ///   wrong; ``VaultFileError/outOfMemory``.
    public init(typed text: Span<UInt8>) throws(VaultFileError) {
        var packed = try guarding(SecretBytes(count: RecoveryKey.count + 3))
        let wanted = RecoveryKey.groupCount * RecoveryKey.groupLength
        let found = packed.withMutableBytes { RecoveryKey.pack(text, atMost: wanted, into: &$0) }
        guard found == wanted else { throw .mistypedRecoveryKey }
        let bytes = try packed.withBytes { packed throws(VaultFileError) -> SecretBytes? in
            let key = packed.extracting(first: RecoveryKey.count)
            let check = try guarding(RecoveryKey.check(of: key))
            guard packed.extracting(last: check.count).isEqualInConstantTime(to: check.span) else {
                return nil
            }
            return try guarding(SecretBytes(copying: key))
        }
        guard let bytes else { throw .mistypedRecoveryKey }
        self.bytes = bytes
    }

    /// Encodes the key as six groups of six digits separated by hyphens: ``textSize`` bytes of ASCII.
    public borrowing func text() throws(SodiumError) -> SecretBytes {
        var text = try SecretBytes(count: RecoveryKey.textSize)
        try bytes.withBytes { bytes throws(SodiumError) in
            let check = try RecoveryKey.check(of: bytes)
            text.withMutableBytes { RecoveryKey.write(bytes, check, into: &$0) }
        }
        return text
    }

    /// Derives the 64 bytes, wrap key and commitment key, for a slot with this salt.
    borrowing func derive(salt: Span<UInt8>) throws(SodiumError) -> SecretBytes {
        try bytes.withBytes { bytes throws(SodiumError) in
            try BLAKE2b.deriveBytes(from: bytes, label: "vault-1 recovery", context: salt)
        }
    }

    /// Computes the check digits: the first 20 bits of a hash, in 3 bytes.
    private static func check(of bytes: Span<UInt8>) throws(SodiumError) -> [UInt8] {
        var message = try SecretBuffer(capacity: 64)
        try message.append(Array("vault-1 recovery check".utf8).span)
        try message.append(bytes)
        var hash = try message.withBytes { message throws(SodiumError) in try BLAKE2b.hash(message) }
        hash[2] &= 0xF0
        return Array(hash.prefix(3))
    }

    /// Decodes the digits into five bits each, most significant first.
    ///
    /// - Returns: the number of digits; 0 if there are other characters or more than `most` digits.
    private static func pack(
        _ text: Span<UInt8>, atMost most: Int, into packed: inout MutableSpan<UInt8>
    ) -> Int {
        var count = 0
        for index in text.indices where text[index] != UInt8(ascii: "-") && text[index] != UInt8(ascii: " ") {
            guard let value = value(ofDigit: text[index]), count < most else { return 0 }
            for bit in 0..<5 where value >> (4 - bit) & 1 == 1 {
                let place = 5 * count + bit
                packed[place / 8] |= 0x80 >> UInt8(place % 8)
            }
            count += 1
        }
        return count
    }

    private static func value(ofDigit character: UInt8) -> Int? {
        let lower = UInt8(ascii: "a")...UInt8(ascii: "z")
        return switch lower.contains(character) ? character - 0x20 : character {
        case UInt8(ascii: "O"): 0
        case UInt8(ascii: "I"), UInt8(ascii: "L"): 1
        case let upper: digits.firstIndex(of: upper)
        }
    }

    private static func write(
        _ bytes: Span<UInt8>, _ check: [UInt8], into text: inout MutableSpan<UInt8>
    ) {
        func bit(_ place: Int) -> Int {
            let byte = place < 8 * count ? bytes[place / 8] : check[place / 8 - count]
            return Int(byte >> UInt8(7 - place % 8) & 1)
        }
        for index in 0..<groupCount * groupLength {
            let value = (0..<5).reduce(0) { $0 << 1 | bit(5 * index + $1) }
            text[index + index / groupLength] = digits[value]
        }
        for group in 1..<groupCount { text[group * (groupLength + 1) - 1] = UInt8(ascii: "-") }
    }
}

/// A secret that opens a vault.
public enum Credential: ~Copyable {
    /// The passphrase, 1 to 1,024 bytes.
    case passphrase(SecretBytes)
    /// The recovery key.
    case recovery(RecoveryKey)
}
