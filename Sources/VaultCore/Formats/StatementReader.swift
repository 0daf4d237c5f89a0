internal import Platform
internal import Sodium
internal import VaultFile

/// A reader of statements in one dialect of `NAME=value` files.
protocol StatementReader {
    /// Reads the statement that begins at `start`, and leaves its value in `value`, which is empty before.
    ///
    /// A statement that programs of the dialect read differently in different versions is ``Unreadable``,
    /// too.
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement
}

/// A piece of a file of assignments: an assignment, a comment or an empty line.
struct Statement: Equatable {
    /// The place of the name; nil for a comment or an empty line.
    var name: Range<Int>?
    /// The index at which the next statement begins.
    var end: Int
}

/// The error that a dialect cannot read a statement.
struct Unreadable: Error {
    var reason = UnreadableText.Reason.malformed
}

/// A value that is being read, in guarded memory of fixed size.
struct ValueBuffer: ~Copyable {
    private var bytes: SecretBuffer
    /// True if more bytes were appended than a value may have.
    private(set) var isTooLong = false

    /// Makes room for any value, or for those of a text of `count` bytes, none of which is longer.
    init(inTextOf count: Int = Format.maxValue) throws(SodiumError) {
        bytes = try SecretBuffer(capacity: min(count, Format.maxValue))
    }

    var count: Int { bytes.count }

    mutating func append(_ byte: UInt8) {
        guard bytes.count < Format.maxValue else {
            isTooLong = true
            return
        }
        // There is room, so it does not grow and cannot fail.
        try? bytes.append(byte)
    }

    mutating func append(_ text: Span<UInt8>, _ range: Range<Int>) {
        let free = Format.maxValue - bytes.count
        if range.count > free { isTooLong = true }
        try? bytes.append(text.extracting(range.prefix(free)))
    }

    mutating func truncate(to count: Int) { bytes.truncate(to: count) }

    mutating func removeAll() {
        bytes.truncate(to: 0)
        isTooLong = false
    }

    borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try bytes.withBytes(body)
    }

    borrowing func equals(_ other: borrowing ValueBuffer) -> Bool {
        bytes.withBytes { mine in other.bytes.withBytes { mine.equals($0) } }
    }
}

/// The bytes that have a meaning in such files.
enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let quote = UInt8(ascii: "'")
    static let doubleQuote = UInt8(ascii: "\"")
    static let backtick = UInt8(ascii: "`")
    static let backslash = UInt8(ascii: "\\")
    static let dollar = UInt8(ascii: "$")
    static let hash = UInt8(ascii: "#")
    static let equals = UInt8(ascii: "=")
    static let brace = UInt8(ascii: "{")

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }
    static func isLineEnd(_ byte: UInt8) -> Bool { byte == newline || byte == carriageReturn }

    /// True if `byte` is in `set`, which has no byte of a name: most bytes of a text are those.
    static func isOneOf(_ byte: UInt8, _ set: String) -> Bool { !isName(byte) && set.utf8.contains(byte) }

    /// True if `byte` stands for itself in a bare value, in every position and dialect.
    static func isPlain(_ byte: UInt8) -> Bool { isName(byte) || "-./:@%+,".utf8.contains(byte) }

    /// True if a variable's name may contain `byte`; a digit may not come first.
    static func isName(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || isLetter(byte) || isDigit(byte) }
    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension Span<UInt8> {
    /// The first index at or after `start` where `test` holds; else the end.
    func first(from start: Int, where test: (UInt8) -> Bool) -> Int {
        var index = start
        while index < count, !test(self[index]) { index += 1 }
        return index
    }

    /// The first index at or after `start` where `test` does not hold; else the end.
    func skip(from start: Int, while test: (UInt8) -> Bool) -> Int { first(from: start) { !test($0) } }

    func contains(where test: (UInt8) -> Bool) -> Bool { first(from: 0, where: test) < count }

    /// The byte at `index`; nil at the end.
    func byte(at index: Int) -> UInt8? { index < count ? self[index] : nil }

    /// True if `word` is at `index`.
    func has(_ word: String, at index: Int) -> Bool {
        guard count - index >= word.utf8.count else { return false }
        for (offset, byte) in word.utf8.enumerated() where self[index + offset] != byte { return false }
        return true
    }

    /// The bytes in `range` as text.
    func text(_ range: Range<Int>) -> String {
        if range.isEmpty { return "" }
        if let text = try? UTF8Span(validating: extracting(range)) { return String(copying: text) }
        return String(decoding: range.map { self[$0] }, as: UTF8.self)
    }

    /// The index of the first byte that makes the bytes invalid UTF-8; nil if they are valid.
    var firstNotText: Int? {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: self)
            return nil
        } catch {
            return error.byteOffsets.lowerBound
        }
    }

    /// The number of the line that contains `index`, counted from 1.
    func line(of index: Int) -> Int { 1 + lineEnds(in: 0..<Swift.min(index, count)) }

    /// The number of lines that end in `range`: with LF, CR LF or CR.
    func lineEnds(in range: Range<Int>) -> Int {
        range.count(where: { index in
            Byte.isLineEnd(self[index])
                && (self[index] == Byte.newline || byte(at: index + 1) != Byte.newline)
        })
    }

    /// The index of the first line end at or after `start`; else the end.
    func lineEnd(from start: Int) -> Int { first(from: start, where: Byte.isLineEnd) }

    /// The first index at or after `start` that is neither a blank nor a line end.
    func contentStart(from start: Int) -> Int {
        skip(from: start) { Byte.isBlank($0) || Byte.isLineEnd($0) }
    }

    /// The index after `export` and blanks at `start`, or `start` if there are none.
    func skipExport(from start: Int) -> Int {
        guard has("export", at: start), let next = byte(at: start + 6), Byte.isBlank(next) else {
            return start
        }
        return skip(from: start + 6, while: Byte.isBlank)
    }

    /// Reads a name, which ends where `isEnd` holds, blanks, and an equals sign.
    func assignment(
        at start: Int, nameEnd isEnd: (UInt8) -> Bool
    ) throws(Unreadable) -> (name: Range<Int>, behindEquals: Int) {
        let name = start..<first(from: start, where: isEnd)
        let equals = skip(from: name.upperBound, while: Byte.isBlank)
        guard byte(at: equals) == Byte.equals, !name.isEmpty else { throw Unreadable() }
        return (name, equals + 1)
    }
}
