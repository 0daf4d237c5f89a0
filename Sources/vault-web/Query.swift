internal import UserMessages

/// The parts of a request's target, decoded.
struct Query {
    private var values: [String: String] = [:]

    /// Reads what stands behind the `?`.
    ///
    /// - Parameter known: the parameters that the route knows; no other may be there, and none twice.
    init(_ text: ArraySlice<UInt8>, known: [String]) throws(Refusal) {
        for pair in text.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let spaced = { (part: ArraySlice<UInt8>) in
                part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }[...]
            }
            let name = try Query.decode(spaced(parts[0]))
            guard known.contains(name) else {
                throw Refusal(
                    400,
                    name == "teamId"
                        ? "the team has no id here: leave out teamId" : "unknown parameter '\(name)'")
            }
            guard values[name] == nil else { throw Refusal(400, "parameter '\(name)' stands twice") }
            values[name] = try Query.decode(parts.count > 1 ? spaced(parts[1]) : [])
        }
    }

    /// The value of a parameter; nil if it is not there.
    subscript(_ name: String) -> String? { values[name] }

    /// Text from its percent-encoded form.
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
            throw Refusal(400, "a name that is no UTF-8 text")
        }
        return text
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
