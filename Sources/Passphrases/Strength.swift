internal import CZxcvbn
public import Sodium

/// An estimate of how hard a passphrase is to guess.
///
/// The only user of zxcvbn, whose dictionaries lie in the program file and are read from there when an estimate is made, not before.
public enum Strength {
    /// The least that is not called weak, in bits.
    ///
    /// At the cost of a guess that a new vault has, half of 2^50 guesses take one machine ten million years.
    public static let leastBits = 50

    /// The bytes that zxcvbn looks at in detail; what follows can only make the passphrase stronger.
    private static let maxBytes = 100

    /// Estimates how many guesses `passphrase` withstands, as the logarithm to the base of 2.
    ///
    /// zxcvbn gets a copy in guarded memory. What it allocates itself holds lengths and positions of what it found, and the
    /// passphrase in reverse for a while, which it overwrites before it frees that; what it leaves on the stack is wiped.
    ///
    /// - Throws: ``SodiumError/outOfMemory``.
    public static func bits(of passphrase: borrowing SecretBytes) throws(SodiumError) -> Int {
        let count = min(passphrase.count, maxBytes)
        // The byte behind the copy stays zero, which ends a C string.
        var text = try SecretBytes(count: count + 1)
        passphrase.withBytes { bytes in
            text.withMutableBytes { text in
                text.copy(from: bytes.extracting(first: count), at: 0)
                // A key file may have zeros, behind which a C string has nothing.
                for index in 0..<count where text[index] == 0 { text[index] = 1 }
            }
        }
        let bits = text.withBytes { text in
            unsafe text.withUnsafeBytes { text in
                unsafe text.withMemoryRebound(to: CChar.self) { text in
                    unsafe ZxcvbnMatch(text.baseAddress, nil, nil)
                }
            }
        }
        Stack.wipe()
        return bits.isFinite ? Int(max(bits, 0)) : 0
    }
}
