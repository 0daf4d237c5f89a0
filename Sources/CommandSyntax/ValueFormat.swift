/// The format of a parameter's value: a parser, and a description of what it accepts.
///
/// A format does not write error messages itself, so no message can repeat a value, which may be a secret in the wrong place.
public struct ValueFormat<Value> {
    let expected: () -> String
    let completion: Completion
    let read: (String) -> Value?

    /// Creates a format; `read` returns nil if the text is not what `expected` describes, such as "a number from 1 to 9".
    public init(
        _ expected: @autoclosure @escaping () -> String, completing completion: Completion = .none,
        read: @escaping (String) -> Value?
    ) {
        (self.expected, self.completion, self.read) = (expected, completion, read)
    }

    /// Parses a value; false if the text is not in the format.
    func store(_ text: String?, in value: inout Value?) -> Bool {
        guard let text, let read = read(text) else { return false }
        value = read
        return true
    }
}

extension ValueFormat where Value == String {
    /// Any text.
    static var text: Self { Self("text") { $0 } }
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
    /// The raw value of one of the cases of an enumeration.
    @inlinable
    public static var oneOf: Self {
        let words = Value.allCases.map { $0.rawValue }
        return Self(
            (words.count < 2 ? "" : "one of ") + words.joined(separator: ", "), completing: .choices(words)
        ) { text in Value.allCases.first { $0.rawValue == text } }
    }
}
