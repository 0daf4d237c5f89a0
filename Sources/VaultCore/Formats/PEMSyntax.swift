internal import Platform

/// A checker of PEM texts (RFC 7468): certificates and keys, with text between the blocks and headers in them.
struct PEMSyntax {
    /// The label of the block that is open; nil between blocks.
    private var label: Range<Int>?
    private var digits = Base64Digits()
    private var blocks = 0
    /// The part of a block that a line can belong to.
    private var part = Part.start

    private enum Part { case start, headers, body }

    /// Returns why a text is not PEM; nil if it is.
    static func problem(in text: Span<UInt8>) -> String? {
        var checker = PEMSyntax()
        var (start, number) = (0, 1)
        while start < text.count {
            let end = text.first(from: start) { $0 == Byte.newline }
            var last = end
            while last > start, Byte.isBlank(text[last - 1]) || text[last - 1] == Byte.carriageReturn {
                last -= 1
            }
            if let problem = checker.take(start..<last, number, text) { return problem }
            (start, number) = (end + 1, number + 1)
        }
        if checker.label != nil { return "its END line is missing" }
        return checker.blocks == 0 ? "it has no BEGIN line" : nil
    }

    /// Takes a line.
    private mutating func take(_ line: Range<Int>, _ number: Int, _ text: Span<UInt8>) -> String? {
        guard text.has("-----", at: line.lowerBound) else {
            return label == nil ? nil : inside(line, number, text)
        }
        if label == nil {
            guard let found = PEMSyntax.label("BEGIN", line, text) else {
                return PEMSyntax.hasBreaksMissing(line, text)
                    ? "its line breaks are missing" : "line \(number) is no BEGIN line"
            }
            (label, digits, part) = (found, Base64Digits(), .start)
            return nil
        }
        guard let label, let found = PEMSyntax.label("END", line, text),
            text.extracting(found).equals(text.extracting(label))
        else { return "line \(number) is not the END line of the block" }
        if !digits.isPadded { return "the base64 before line \(number) is incomplete" }
        self.label = nil
        blocks += 1
        return nil
    }

    /// Takes a line of a block: a header, which only precede the body, or base64.
    private mutating func inside(_ line: Range<Int>, _ number: Int, _ text: Span<UInt8>) -> String? {
        if line.isEmpty {
            if part == .headers { part = .body }
            return nil
        }
        if part != .body {
            let isHeader = line.contains { text[$0] == UInt8(ascii: ":") }
            if isHeader || (part == .headers && Byte.isBlank(text[line.lowerBound])) {
                part = .headers
                return nil
            }
            part = .body
        }
        for index in line {
            guard !"-_".utf8.contains(text[index]), digits.take(text[index]) else {
                return "line \(number) is not base64"
            }
        }
        return nil
    }

    /// Returns the label of a line `-----BEGIN LABEL-----`; nil if it is no such line.
    private static func label(_ word: String, _ line: Range<Int>, _ text: Span<UInt8>) -> Range<Int>? {
        let start = line.lowerBound + 6 + word.utf8.count
        guard text.has("-----\(word) ", at: line.lowerBound), line.upperBound - 5 > start,
            text.has("-----", at: line.upperBound - 5)
        else { return nil }
        let range = start..<line.upperBound - 5
        for index in range where text[index] == UInt8(ascii: "-") { return nil }
        return range
    }

    /// Returns whether a line has a whole block, as if its line breaks had become blanks or `\n`.
    private static func hasBreaksMissing(_ line: Range<Int>, _ text: Span<UInt8>) -> Bool {
        guard text.has("-----BEGIN ", at: line.lowerBound) else { return false }
        return line.contains { $0 > line.lowerBound && text.has("-----END ", at: $0) }
    }
}
