internal import CZxcvbn
public import Sodium

/// Estimates how hard a passphrase is to guess.
///
/// The only user of zxcvbn, whose dictionaries are part of the program file and are paged in by the first
/// estimate.
public enum Strength {
    /// The strength below which a passphrase is weak, in bits.
    ///
    /// At a new vault's cost of a guess, one machine needs ten million years for half of 2⁵⁰ guesses.
    public static let leastBits = 50

    /// The number of bytes that zxcvbn examines; further bytes can only make the passphrase stronger.
    private static let maxBytes = 100

    /// Estimates the binary logarithm of the number of guesses that `passphrase` withstands.
    ///
    /// zxcvbn gets a copy in guarded memory. Its own allocations hold lengths and positions of the patterns
    /// that it found and, for a while, the reversed passphrase, which it overwrites before freeing it. The
    /// stack is wiped afterwards.
    ///
    /// - Throws: ``SodiumError/outOfMemory``.
    public static func bits(of passphrase: borrowing SecretBytes) throws(SodiumError) -> Int {
        let count = min(passphrase.count, maxBytes)
        // The byte after the copy stays zero and ends the C string.
        var text = try SecretBytes(count: count + 1)
        passphrase.withBytes { bytes in
            text.withMutableBytes { text in
                text.copy(from: bytes.extracting(first: count), at: 0)
                // A key file may contain zeros, which would end the C string early.
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
