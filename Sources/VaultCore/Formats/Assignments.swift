internal import Sodium

/// Names with values that were read from a text, the last one of a name winning; the values are in guarded memory.
public struct Assignments: ~Copyable {
    private var values: SecretBuffer
    private var places: [String: (value: Range<Int>, line: Int)] = [:]
    /// The names in the order in which each came first: sorting is quick where a file was sorted.
    private var order: [String] = []

    /// No assignments yet, with room for the values of a text of `count` bytes.
    init(inTextOf count: Int) throws(SodiumError) { values = try SecretBuffer(capacity: count) }

    /// The names, bytewise, which is how text in ASCII compares; names are nothing else.
    public var names: [String] { order.sorted() }

    /// The name that stands first of those whose value is empty.
    public var firstEmptyName: String? { order.first { count(of: $0) == 0 } }

    /// How many bytes all values have, with those that do not count because their name came again.
    var valueBytes: Int { values.count }

    /// How many bytes the value of `name` has; nil if there is none.
    public func count(of name: String) -> Int? { places[name]?.value.count }

    /// The number of the line in which `name` stands last, counted from 1.
    public func line(of name: String) -> Int { places[name]?.line ?? 0 }

    /// Lends the value of a name that is there; else nothing.
    public borrowing func withValue<R: ~Copyable, E>(
        of name: String, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let place = places[name]?.value ?? 0..<0
        return try values.withBytes { bytes throws(E) in try body(bytes.extracting(place)) }
    }

    func contains(_ name: String) -> Bool { places[name] != nil }

    mutating func set(_ name: String, to value: borrowing ValueBuffer, line: Int) throws(SodiumError) {
        let start = values.count
        try value.withBytes { value throws(SodiumError) in try values.append(value) }
        if places.updateValue((start..<values.count, line), forKey: name) == nil { order.append(name) }
    }

    /// Reads a text.
    ///
    /// A byte order mark at its start is skipped. Of a name that stands several times the last value is taken, as all
    /// programs do that read such files; in an object of JSON that is an error.
    ///
    /// - Throws: ``UnreadableText``, naming the first line that cannot be read.
    public static func read(_ text: Span<UInt8>, as format: ImportFormat) throws(UnreadableText)
        -> Assignments
    {
        let start = text.has("\u{FEFF}", at: 0) ? 3 : 0
        return switch format {
        case .json: try JSONReader.read(text, from: start)
        case .dotenv(let dialect): try DotenvFile(dialect).read(text, from: start)
        }
    }
}

/// Calls `body`, turning a lack of memory into an error of the text.
func allocating<R: ~Copyable>(_ body: () throws(SodiumError) -> R) throws(UnreadableText) -> R {
    do throws(SodiumError) {
        return try body()
    } catch {
        throw UnreadableText(line: 1, .outOfMemory)
    }
}
