public import Sodium

/// Generates passphrases of random words.
public enum WordPassphrase {
    /// The number of words in a passphrase: 110 bits.
    public static let count = 10

    /// The number of words in the list: 11 bits for each word drawn.
    static let listCount = 2048

    /// The words, one a line; `english-license.txt` names their source.
    static var list: [UInt8] { PackageResources.english_txt }

    /// Draws a passphrase, its words joined by hyphens.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public static func random() throws(SodiumError) -> SecretBytes {
        let words = list.split(separator: UInt8(ascii: "\n"))
        var passphrase = try SecretBuffer(capacity: 9 * count)
        for number in 0..<count {
            if number > 0 { try passphrase.append(UInt8(ascii: "-")) }
            let word = words[Int(try Entropy.uniform(below: UInt32(listCount)))]
            try passphrase.append(word.span)
        }
        defer { Stack.wipe() }
        return try passphrase.finish()
    }
}
