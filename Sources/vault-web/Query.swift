internal import UserMessages

/// The decoded query parameters of a request.
struct Query {
    private var values: [String: String] = [:]

    /// Parses the part of a target after the `?`.
    ///
    /// - Parameter known: the parameters of the route; any other, or one that is given twice, is refused.
    init(_ text: ArraySlice<UInt8>, known: [String]) throws(Refusal) {
        for (name, value) in try Query.pairs(text) {
            guard known.contains(name) else {
                throw Refusal(
                    400,
                    name == "teamId"
                        ? "the team has no id: omit teamId" : "unknown parameter '\(name)'")
            }
            guard values[name] == nil else { throw Refusal(400, "parameter '\(name)' is given twice") }
            values[name] = value
        }
    }

    /// Decodes the pairs of a query, in their order.
    static func pairs(_ text: ArraySlice<UInt8>) throws(Refusal) -> [(name: String, value: String)] {
        try text.split(separator: UInt8(ascii: "&")).map { pair throws(Refusal) in
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let spaced = { (part: ArraySlice<UInt8>) in
                part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }[...]
            }
            return (
                try Query.decode(spaced(parts[0])), try Query.decode(parts.count > 1 ? spaced(parts[1]) : [])
            )
        }
    }

    /// The value of a parameter; nil if it is missing.
    subscript(_ name: String) -> String? { values[name] }

    /// Decodes percent-encoded text.
    static func decode(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> String {
        var result: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "%") else {
                result.append(bytes[index])
                index += 1
                continue
            }
            guard index + 2 < bytes.endIndex, let high = digit(bytes[index + 1]),
                let low = digit(bytes[index + 2])
            else { throw Refusal(400, "a % without two hexadecimal digits") }
            result.append(high << 4 | low)
            index += 3
        }
        guard !result.contains(0), let text = String(validating: result, as: UTF8.self) else {
            throw Refusal(400, "a name is not UTF-8 text")
        }
        return text
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
