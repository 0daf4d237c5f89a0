/// A text with references to secrets: `{{ secret:NAME }}`, blanks within the braces being optional.
public enum Template {
    /// A place that a value fills.
    public struct Reference: Equatable, Sendable {
        /// Which secret; empty if what stands there is no name.
        public let name: String
        /// From the first brace to behind the last.
        public let place: Range<Int>
        /// The number of its line, counted from 1.
        public let line: Int
    }

    /// Every reference, in order; other braces are none.
    public static func references(in text: Span<UInt8>) -> [Reference] {
        var result: [Reference] = []
        var (index, line) = (0, 1)
        while index < text.count {
            if text[index] == Byte.newline { line += 1 }
            guard text[index] == Byte.brace, let start = nameStart(text, at: index) else {
                index += 1
                continue
            }
            var end = text.skip(from: start) { Byte.isName($0) || Byte.isOneOf($0, ".-") }
            let name = text.text(start..<end)
            end = text.skip(from: end, while: Byte.isBlank)
            if SecretID.isValidName(name), text.has("}}", at: end) {
                result.append(Reference(name: name, place: index..<end + 2, line: line))
                index = end + 2
            } else {
                result.append(Reference(name: "", place: index..<start, line: line))
                index = start
            }
        }
        return result
    }

    /// Where the name begins if a reference begins at `index`.
    private static func nameStart(_ text: Span<UInt8>, at index: Int) -> Int? {
        guard text.has("{{", at: index) else { return nil }
        let word = text.skip(from: index + 2, while: Byte.isBlank)
        return text.has("secret:", at: word) ? word + 7 : nil
    }
}
