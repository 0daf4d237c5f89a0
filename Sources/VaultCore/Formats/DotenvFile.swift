internal import Sodium
internal import VaultFile

/// Reads a whole file of assignments in one dialect, or in those on which the family agrees.
struct DotenvFile {
    private let dialects: [DotenvDialect]

    /// A reader for one dialect; without one, each statement must mean the same to every member of the family that
    /// can read it.
    init(_ dialect: DotenvDialect?) { dialects = dialect.map { [$0] } ?? DotenvDialect.family }

    func read(_ text: Span<UInt8>, from start: Int) throws(UnreadableText) -> Assignments {
        if dialects.contains(where: \.needsText), let place = text.firstNotText {
            throw UnreadableText(line: text.line(of: place), .notText)
        }
        var result = try allocating { () throws(SodiumError) in try Assignments(inTextOf: text.count) }
        var value = try allocating { () throws(SodiumError) in try ValueBuffer(inTextOf: text.count) }
        var other = try allocating { () throws(SodiumError) in try ValueBuffer(inTextOf: text.count) }
        // Lines are counted on the way, since counting from the front each time takes quadratic time.
        var (position, line, counted) = (start, 1, start)
        while position < text.count {
            let statement: Statement
            do throws(Unreadable) {
                statement =
                    if let plain = plainStatement(in: text, at: position, into: &value) {
                        plain
                    } else {
                        try self.statement(in: text, at: position, into: &value, beside: &other)
                    }
            } catch {
                throw UnreadableText(line: text.line(of: text.contentStart(from: position)), error.reason)
            }
            if let name = statement.name {
                line += text.lineEnds(in: counted..<name.lowerBound)
                counted = name.lowerBound
                guard Address.isName(text.extracting(name)) else {
                    throw UnreadableText(line: line, .invalidName)
                }
                let name = text.text(name)
                if value.isTooLong { throw UnreadableText(line: line, .valueTooLong) }
                try allocating { () throws(SodiumError) in try result.set(name, to: value, line: line) }
            }
            position = statement.end
        }
        return result
    }

    /// The statement behind `position` if it is a whole line that has a meaning in no dialect but the one that it seems to have,
    /// as most have: a name, an equals sign, and a value of bytes that are nothing special anywhere.
    private func plainStatement(
        in text: Span<UInt8>, at position: Int, into value: inout ValueBuffer
    ) -> Statement? {
        let start = text.skip(from: position) { $0 == Byte.newline }
        guard start > position || start == 0, let first = text.byte(at: start), !Byte.isDigit(first) else {
            return nil
        }
        let name = start..<text.skip(from: start, while: Byte.isName)
        guard !name.isEmpty, text.byte(at: name.upperBound) == Byte.equals else { return nil }
        let end = text.skip(from: name.upperBound + 1, while: Byte.isPlain)
        guard end > name.upperBound + 1, text.byte(at: end) == Byte.newline else { return nil }
        value.removeAll()
        value.append(text, name.upperBound + 1..<end)
        return Statement(name: name, end: end)
    }

    /// One statement, as all dialects in question read it.
    ///
    /// A dialect that cannot read it has no say, as long as two can; one that would expand something has.
    private func statement(
        in text: Span<UInt8>, at position: Int, into value: inout ValueBuffer, beside other: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var found: Statement?
        var voices = 0
        for dialect in dialects {
            other.removeAll()
            let statement: Statement
            do throws(Unreadable) {
                statement = try dialect.reader.statement(in: text, at: position, into: &other)
            } catch {
                if dialects.count > 1, error.reason == .malformed { continue }
                throw error
            }
            voices += 1
            if let found {
                let isSame =
                    found.name == statement.name && value.isEqual(to: other)
                    && text.isSamePlace(found.end, statement.end)
                if !isSame { throw Unreadable(reason: .disagreement) }
            } else {
                found = statement
                swap(&value, &other)
            }
        }
        guard let found, voices >= min(2, dialects.count) else { throw Unreadable() }
        return found
    }
}

extension Span<UInt8> {
    /// The bytes in `range` as text.
    func text(_ range: Range<Int>) -> String {
        if let text = try? UTF8Span(validating: extracting(range)) { return String(copying: text) }
        return String(decoding: range.map { self[$0] }, as: UTF8.self)
    }

    /// Where the first thing stands at or behind `start` that is no white space.
    fileprivate func contentStart(from start: Int) -> Int {
        skip(from: start) { Byte.isBlank($0) || Byte.isLineEnd($0) }
    }

    /// Whether only white space is between two places.
    fileprivate func isSamePlace(_ one: Int, _ other: Int) -> Bool {
        contentStart(from: Swift.min(one, other)) >= Swift.max(one, other)
    }
}
