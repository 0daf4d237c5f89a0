internal import Platform

/// The type that a project declares for a value: what its programs accept.
package enum ValueType: String, CaseIterable, Sendable {
    /// UTF-8 text without NUL.
    case string
    /// A URL with `://`, as RFC 3986 defines it; several hosts are allowed.
    case url
    /// Any JSON value (RFC 8259).
    case json
    /// One or more PEM blocks (RFC 7468).
    case pem
    /// Base64 (RFC 4648) in either alphabet, with line breaks; without `+` and `/` it may lack the padding.
    case base64
    /// A whole number of 64 bits, in decimal digits.
    case int
    /// A number from 1 to 65535.
    case port

    /// The type with its article, for messages.
    package var words: String {
        switch self {
        case .string: "a string"
        case .url: "a URL"
        case .json: "JSON"
        case .pem: "PEM"
        case .base64: "base64"
        case .int: "an int"
        case .port: "a port"
        }
    }

    /// Returns why a value is not of the type, in words that contain nothing of it; nil if it is.
    ///
    /// The work is linear in the number of bytes.
    package func problem(in value: Span<UInt8>) -> String? {
        let reason: String? =
            switch self {
            case .string: ValueType.textProblem(value)
            case .url: URLSyntax.problem(in: value)
            case .json: JSONSyntax.problem(in: value)
            case .pem: PEMSyntax.problem(in: value)
            case .base64: ValueType.base64Problem(value)
            case .int:
                ValueType.number(value) == nil ? "not a whole number of 64 bits in decimal digits" : nil
            case .port:
                (1...65535).contains(ValueType.number(value) ?? 0) ? nil : "not a number from 1 to 65535"
            }
        return reason.map { "not \(words): \($0)" }
    }

    private static func textProblem(_ value: Span<UInt8>) -> String? {
        if value.firstNotText != nil { return "not UTF-8 text" }
        return value.contains { $0 == 0 } ? "it has a NUL byte" : nil
    }

    /// Returns the number that a value spells; nil if it spells none.
    ///
    /// Programs disagree about blanks, a plus and zeros in front, so none is allowed.
    private static func number(_ value: Span<UInt8>) -> Int? {
        let isNegative = value.byte(at: 0) == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        // Longer ones have more than 64 bits.
        guard (1...19).contains(value.count - start),
            value.skip(from: start, while: Byte.isDigit) == value.count
        else { return nil }
        if value[start] == UInt8(ascii: "0"), value.count > 1 { return nil }
        return Int(value.text(0..<value.count))
    }

    private static func base64Problem(_ value: Span<UInt8>) -> String? {
        if value.count == 0 { return "it is empty" }
        var digits = Base64Digits()
        for index in value.indices where !Byte.isLineEnd(value[index]) {
            guard digits.take(value[index]) else { return "it has other characters" }
        }
        return digits.isWhole ? nil : "it is incomplete"
    }
}

/// The characters of a text in base64, counted one after the other.
struct Base64Digits {
    private(set) var count = 0
    private var padding = 0
    private var isStandard = false
    private var isURLSafe = false

    /// Takes the next character; false if it cannot come next.
    mutating func take(_ byte: UInt8) -> Bool {
        switch byte {
        case Byte.equals: padding += 1
        case UInt8(ascii: "+"), UInt8(ascii: "/"): isStandard = true
        case UInt8(ascii: "-"), UInt8(ascii: "_"): isURLSafe = true
        case _ where Byte.isLetter(byte) || Byte.isDigit(byte): break
        default: return false
        }
        if byte != Byte.equals {
            if padding > 0 { return false }
            count += 1
        }
        return padding <= 2 && !(isStandard && isURLSafe)
    }

    /// True if the characters stand for a whole number of bytes, at least one.
    var isWhole: Bool { isPadded || (padding == 0 && !isStandard && count % 4 > 1) }

    /// True if they also have all of the padding.
    var isPadded: Bool { count > 0 && (count + padding) % 4 == 0 }
}
