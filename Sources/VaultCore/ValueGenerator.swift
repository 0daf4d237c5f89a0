package import Sodium

/// A maker of random values of one length, from one alphabet.
package struct ValueGenerator: Equatable, Sendable {
    /// The number of characters.
    package var length = defaultLength
    package var alphabet = Alphabet.alphanumeric

    package static let lengths = 8...4096
    /// 32 letters and digits have 190 bits.
    package static let defaultLength = 32

    /// The characters of a value.
    package enum Alphabet: String, CaseIterable, Sendable {
        /// Letters and digits, which every format can express and no shell interprets.
        case alphanumeric
        case hex, digits, lowercase, base64url
        /// Printable ASCII without the blank, which most places must quote.
        case symbols

        var characters: [UInt8] {
            let (capitals, letters, digits) = (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
            )
            return switch self {
            case .alphanumeric: Array((capitals + letters + digits).utf8)
            case .hex: Array((digits + "abcdef").utf8)
            case .digits: Array(digits.utf8)
            case .lowercase: Array(letters.utf8)
            case .base64url: Array((capitals + letters + digits + "-_").utf8)
            case .symbols: Array(UInt8(ascii: "!")...UInt8(ascii: "~"))
            }
        }
    }

    /// Creates a generator of values of the default length.
    package init(length: Int = defaultLength, alphabet: Alphabet = .alphanumeric) {
        (self.length, self.alphabet) = (length, alphabet)
    }

    /// Returns whether each value that it makes is of a type.
    package func makes(_ type: ValueType) -> Bool {
        switch type {
        case .string: true
        case .base64: alphabet != .symbols && length % 4 != 1
        case .url, .json, .pem, .int, .port: false
        }
    }

    /// Returns a new value, in which each character has the same probability.
    ///
    /// - Throws: `SodiumError`.
    package func make() throws(SodiumError) -> SecretBuffer {
        let characters = alphabet.characters
        var buffer = try SecretBuffer(capacity: max(length, 4000))
        for _ in 0..<length {
            try buffer.append(characters[Int(try Entropy.uniform(below: UInt32(characters.count)))])
        }
        return buffer
    }
}
