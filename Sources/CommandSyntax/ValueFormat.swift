/// How the value of a parameter is read from text, and what to say when it cannot be.
///
/// A format describes what it expects and never sees to the message itself: so no message can repeat a
/// value, which may be a secret in the wrong place.
public struct ValueFormat<Value: Sendable>: Sendable {
    let expected: String?
    let completion: Completion
    let read: @Sendable (String) -> Value?

    /// A format that `read` answers nil for when the text is not `expected`, such as `a number from 1 to 9`.
    public init(
        _ expected: String, completing completion: Completion = .none,
        read: @escaping @Sendable (String) -> Value?
    ) {
        self.expected = expected
        self.completion = completion
        self.read = read
    }
}

extension ValueFormat where Value == String {
    /// Any text.
    static var text: Self { Self(reading: { $0 }) }

    private init(reading read: @escaping @Sendable (String) -> String?) {
        expected = nil
        completion = .none
        self.read = read
    }
}

extension ValueFormat where Value == Int {
    /// A whole number in decimal digits, within `range`.
    public static func number(in range: ClosedRange<Int>) -> Self {
        let bounds =
            range.upperBound == .max
            ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
        return Self("a number \(bounds)") { text in
            // `Int` would also take a leading plus sign.
            guard text.utf8.first != UInt8(ascii: "+"), let number = Int(text) else { return nil }
            return range.contains(number) ? number : nil
        }
    }
}

extension ValueFormat
where Value: CaseIterable & RawRepresentable, Value.RawValue == String, Value.AllCases == [Value] {
    /// One of the cases of an enumeration, as its raw value spells it.
    public static var oneOf: Self {
        var words: [String] = []
        var expected = Value.allCases.count < 2 ? "" : "one of "
        for value in Value.allCases {
            expected += (words.isEmpty ? "" : ", ") + value.rawValue
            words.append(value.rawValue)
        }
        return Self(expected, completing: .choices(words)) { Value(rawValue: $0) }
    }
}
