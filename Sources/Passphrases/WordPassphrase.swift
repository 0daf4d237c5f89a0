public import Sodium

/// A passphrase of random words, for a person who does not want to think of one.
public enum WordPassphrase {
    /// How many words there are in one: 110 bits.
    public static let count = 10

    /// How many words the list has, from which each is drawn: 11 bits.
    static let listCount = 2048

    /// The list, a word a line; `english-license.txt` says where it is from.
    static var list: [UInt8] { PackageResources.english_txt }

    /// Draws one, its words joined by hyphens.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public static func random() throws(SodiumError) -> SecretBytes {
        var passphrase = try SecretBuffer(capacity: 9 * count)
        for number in 0..<count {
            if number > 0 { try passphrase.append(UInt8(ascii: "-")) }
            try append(word: try Entropy.uniform(below: UInt32(listCount)), to: &passphrase)
        }
        defer { Stack.wipe() }
        return try passphrase.finish()
    }

    private static func append(
        word index: UInt32, to passphrase: inout SecretBuffer
    ) throws(SodiumError) {
        var line: UInt32 = 0
        for byte in list {
            if byte == UInt8(ascii: "\n") {
                line += 1
                if line > index { return }
            } else if line == index {
                try passphrase.append(byte)
            }
        }
    }
}
