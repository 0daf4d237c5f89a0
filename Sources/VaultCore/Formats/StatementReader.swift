internal import Sodium
internal import VaultFile

/// One dialect's way to read a statement of a file of assignments.
protocol StatementReader {
    /// Reads the statement that begins at `start`, and leaves its value in `value`, which is empty before.
    ///
    /// What programs of the dialect read differently from version to version is ``Unreadable`` too.
    func statement(
        in text: Span<UInt8>, at start: Int, into value: inout ValueBuffer
    ) throws(Unreadable) -> Statement
}

/// A piece of a file of assignments: one assignment, or something that assigns nothing.
struct Statement: Equatable {
    /// Where the name stands; nil for a comment or an empty line.
    var name: Range<Int>?
    /// Where the next statement begins.
    var end: Int
}

/// What a dialect cannot read.
struct Unreadable: Error {
    var reason = UnreadableText.Reason.malformed
}

/// A value that is being read, in guarded memory of fixed size.
struct ValueBuffer: ~Copyable {
    private var bytes: SecretBuffer
    /// Whether more came than a value may have.
    private(set) var isTooLong = false

    /// Room for any value, or for those that stand in a text of `count` bytes, none of which has more.
    init(inTextOf count: Int = Format.maxValue) throws(SodiumError) {
        bytes = try SecretBuffer(capacity: min(count, Format.maxValue))
    }

    var count: Int { bytes.count }

    mutating func append(_ byte: UInt8) {
        guard bytes.count < Format.maxValue else {
            isTooLong = true
            return
        }
        // There is room, so it does not grow.
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

    borrowing func isEqual(to other: borrowing ValueBuffer) -> Bool {
        bytes.withBytes { mine in other.bytes.withBytes { mine.isEqual(to: $0) } }
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

    /// Whether it is in a set of bytes with a meaning, which has no byte of a name: most of a text is those.
    static func isOneOf(_ byte: UInt8, _ set: String) -> Bool { !isName(byte) && set.utf8.contains(byte) }

    /// Whether it means nothing but itself in a bare value, wherever it stands there and whoever reads it.
    static func isPlain(_ byte: UInt8) -> Bool { isName(byte) || "-./:@%+,".utf8.contains(byte) }

    /// Whether a name of a variable may have it; a digit may not come first.
    static func isName(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || isLetter(byte) || isDigit(byte) }
    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

extension Span<UInt8> {
    func isEqual(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// The first place at or behind `start` where `test` holds; else the end.
    func first(from start: Int, where test: (UInt8) -> Bool) -> Int {
        var index = start
        while index < count, !test(self[index]) { index += 1 }
        return index
    }

    /// The first place at or behind `start` where `test` does not hold; else the end.
    func skip(from start: Int, while test: (UInt8) -> Bool) -> Int { first(from: start) { !test($0) } }

    /// The byte at `index`; nil at the end.
    func byte(at index: Int) -> UInt8? { index < count ? self[index] : nil }

    /// Whether `word` stands at `index`.
    func has(_ word: String, at index: Int) -> Bool {
        guard count - index >= word.utf8.count else { return false }
        for (offset, byte) in word.utf8.enumerated() where self[index + offset] != byte { return false }
        return true
    }

    /// Where the first byte is that belongs to no UTF-8 text; nil if all do.
    var firstNotText: Int? {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: self)
            return nil
        } catch {
            return error.byteOffsets.lowerBound
        }
    }

    /// The number of the line that `index` is in.
    func line(of index: Int) -> Int { 1 + lineEnds(in: 0..<Swift.min(index, count)) }

    /// How many lines end in `range`: with LF, CR LF or CR.
    func lineEnds(in range: Range<Int>) -> Int {
        var ends = 0
        for index in range where Byte.isLineEnd(self[index]) {
            if self[index] == Byte.newline || byte(at: index + 1) != Byte.newline { ends += 1 }
        }
        return ends
    }

    /// `export` and blanks that stand at `start`, skipped.
    func skipExport(from start: Int) -> Int {
        guard has("export", at: start), let next = byte(at: start + 6), Byte.isBlank(next) else {
            return start
        }
        return skip(from: start + 6, while: Byte.isBlank)
    }
}
