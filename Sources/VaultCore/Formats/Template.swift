/// Finds references to secrets in a text: `{{ secret:NAME }}`, where blanks within the braces are optional.
public enum Template {
    /// A place where a value belongs.
    public struct Reference: Equatable, Sendable {
        /// The name of the secret; empty if the reference has no valid name.
        public let name: String
        /// The reference with its braces.
        public let place: Range<Int>
        /// The number of the line, counted from 1.
        public let line: Int
    }

    /// Returns every reference, in order; other braces are ignored.
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

    /// The index of the name if a reference begins at `index`.
    private static func nameStart(_ text: Span<UInt8>, at index: Int) -> Int? {
        guard text.has("{{", at: index) else { return nil }
        let word = text.skip(from: index + 2, while: Byte.isBlank)
        return text.has("secret:", at: word) ? word + 7 : nil
    }
}
