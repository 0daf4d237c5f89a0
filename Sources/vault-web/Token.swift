internal import Sodium
internal import UserMessages

/// A secret text that authorizes requests.
struct Token: ~Copyable {
    private let text: SecretBytes

    /// Creates a token from a text chosen elsewhere.
    init(_ text: consuming SecretBytes) { self.text = text }

    /// Generates a token of 48 hexadecimal digits: 192 random bits.
    static func random() throws(Failure) -> Token {
        try inWords { () throws(SodiumError) in
            let digits = Array("0123456789abcdef".utf8)
            let random = try SecretBytes(randomCount: 24)
            var text = try SecretBuffer(capacity: 48)
            try random.withBytes { random throws(SodiumError) in
                for index in random.indices {
                    try text.append(digits[Int(random[index] >> 4)])
                    try text.append(digits[Int(random[index] & 15)])
                }
            }
            return Token(try text.finish())
        }
    }

    /// Compares in a time that depends only on the length.
    borrowing func matches(_ other: Span<UInt8>) -> Bool {
        text.withBytes { $0.isEqualInConstantTime(to: other) }
    }

    /// Calls `body` with the text of the token.
    borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try text.withBytes(body)
    }
}
