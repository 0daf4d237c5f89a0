/// How the value of a parameter is read from text, and what to say when it cannot be.
///
/// A format describes what it expects and never sees to the message itself: so no message can repeat a
/// value, which may be a secret in the wrong place.
public struct ValueFormat<Value> {
    let expected: () -> String?
    let completion: Completion
    let read: (String) -> Value?

    /// A format that `read` answers nil for when the text is not `expected`, such as `a number from 1 to 9`.
    public init(
        _ expected: @autoclosure @escaping () -> String, completing completion: Completion = .none,
        read: @escaping (String) -> Value?
    ) {
        self.expected = expected
        self.completion = completion
        self.read = read
    }

    /// Reads a value; false if the text is not what is expected.
    func store(_ text: String?, in value: inout Value?) -> Bool {
        guard let text, let read = read(text) else { return false }
        value = read
        return true
    }
}

extension ValueFormat where Value == String {
    /// Any text.
    static var text: Self { Self(reading: { $0 }) }

    private init(reading read: @escaping (String) -> String?) {
        expected = { nil }
        completion = .none
        self.read = read
    }
}

extension ValueFormat where Value == Int {
    /// A whole number in decimal digits, within `range`.
    public static func number(in range: ClosedRange<Int>) -> Self {
        Self(
            range.upperBound == .max
                ? "a number of at least \(range.lowerBound)"
                : "a number from \(range.lowerBound) to \(range.upperBound)"
        ) { text in
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
        let words = Value.allCases.map(\.rawValue)
        return Self(
            (words.count < 2 ? "" : "one of ") + words.joined(separator: ", "), completing: .choices(words)
        ) { Value(rawValue: $0) }
    }
}
