internal import Sodium
internal import VaultFile

/// A reader of whole files of assignments, in one dialect or in several that must agree.
struct DotenvFile {
    private let dialects: [DotenvDialect]

    /// Creates a reader for one dialect; without one, every program of the family that can read a statement
    /// must read it alike.
    init(_ dialect: DotenvDialect?) { dialects = dialect.map { [$0] } ?? DotenvDialect.family }

    func read(_ text: Span<UInt8>, from start: Int) throws(UnreadableText) -> Assignments {
        if dialects.contains(where: \.needsText), let place = text.firstNotText {
            throw UnreadableText(line: text.line(of: place), .notText)
        }
        var result = try allocating(Assignments(inTextOf: text.count))
        var value = try allocating(ValueBuffer(inTextOf: text.count))
        var other = try allocating(ValueBuffer(inTextOf: text.count))
        // Lines are counted along the way; counting from the front each time would take quadratic time.
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
                try allocating(result.set(name, to: value, line: line))
            }
            position = statement.end
        }
        return result
    }

    /// The statement at `position` if it is a whole line that every dialect reads alike, as most are: a name,
    /// an equals sign, and a value without special bytes.
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

    /// The statement at `position`, as all dialects read it.
    ///
    /// A dialect that cannot read it is left out, as long as two others can. One that would expand something
    /// makes it unreadable.
    private func statement(
        in text: Span<UInt8>, at position: Int, into value: inout ValueBuffer, beside other: inout ValueBuffer
    ) throws(Unreadable) -> Statement {
        var found: Statement?
        var readers = 0
        for dialect in dialects {
            other.removeAll()
            let statement: Statement
            do throws(Unreadable) {
                statement = try dialect.reader.statement(in: text, at: position, into: &other)
            } catch {
                if dialects.count > 1, error.reason == .malformed { continue }
                throw error
            }
            readers += 1
            if let found {
                let isSame =
                    found.name == statement.name && value.equals(other)
                    && text.isSamePlace(found.end, statement.end)
                if !isSame { throw Unreadable(reason: .disagreement) }
            } else {
                found = statement
                swap(&value, &other)
            }
        }
        guard let found, readers >= min(2, dialects.count) else { throw Unreadable() }
        return found
    }
}

extension Span<UInt8> {
    /// True if only blanks and line ends are between two places.
    fileprivate func isSamePlace(_ one: Int, _ other: Int) -> Bool {
        contentStart(from: Swift.min(one, other)) >= Swift.max(one, other)
    }
}
