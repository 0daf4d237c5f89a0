internal import Sodium
internal import UserMessages

/// A secret word that authorizes requests.
struct Token: ~Copyable {
    private let word: SecretBytes

    /// Creates a token from a word chosen elsewhere.
    init(_ word: consuming SecretBytes) { self.word = word }

    /// Generates a token of 48 hexadecimal digits: 192 random bits.
    static func random() throws(Failure) -> Token {
        try inWords { () throws(SodiumError) in
            let digits = Array("0123456789abcdef".utf8)
            let random = try SecretBytes(randomCount: 24)
            var word = try SecretBuffer(capacity: 48)
            try random.withBytes { random throws(SodiumError) in
                for index in random.indices {
                    try word.append(digits[Int(random[index] >> 4)])
                    try word.append(digits[Int(random[index] & 15)])
                }
            }
            return Token(try word.finish())
        }
    }

    /// Compares in a time that depends only on the length.
    borrowing func matches(_ other: Span<UInt8>) -> Bool {
        word.withBytes { $0.isEqualInConstantTime(to: other) }
    }

    /// Lends the word.
    borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try word.withBytes(body)
    }
}
