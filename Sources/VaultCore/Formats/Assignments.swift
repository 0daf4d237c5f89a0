internal import Platform
internal import Sodium

/// The names and values that were read from a text; of several values of a name, the last.
///
/// The values are in guarded memory.
public struct Assignments: ~Copyable {
    private var values: SecretBuffer
    private var places: [String: (value: Range<Int>, line: Int)] = [:]
    /// The metadata that the text has for names.
    private var descriptions: [String: Metadata] = [:]
    /// The names in the order of their first assignments: sorting is fast if the file was sorted.
    private var order: [String] = []

    /// Creates an empty set with room for the values of a text of `count` bytes.
    init(inTextOf count: Int) throws(SodiumError) { values = try SecretBuffer(capacity: count) }

    /// The names, sorted bytewise: they are ASCII, which compares so.
    public var names: [String] { order.sorted() }

    /// The first name whose value is empty.
    public var firstEmptyName: String? { order.first { count(of: $0) == 0 } }

    /// The number of bytes of all values, including those that a later assignment replaced.
    var valueBytes: Int { values.count }

    /// The number of bytes of the value of `name`; nil if there is none.
    public func count(of name: String) -> Int? { places[name]?.value.count }

    /// The number of the line of the last assignment to `name`, counted from 1.
    public func line(of name: String) -> Int { places[name]?.line ?? 0 }

    /// Calls `body` with the value of `name`, or no bytes if there is none.
    public borrowing func withValue<R: ~Copyable, E>(
        of name: String, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let place = places[name]?.value ?? 0..<0
        return try values.withBytes { bytes throws(E) in try body(bytes.extracting(place)) }
    }

    /// Returns the metadata of `name`; nil if the text has none.
    public func metadata(of name: String) -> Metadata? { descriptions[name] }

    mutating func describe(_ name: String, _ metadata: Metadata) { descriptions[name] = metadata }

    func contains(_ name: String) -> Bool { places[name] != nil }

    mutating func set(_ name: String, to value: borrowing ValueBuffer, line: Int) throws(SodiumError) {
        let start = values.count
        try value.withBytes { value throws(SodiumError) in try values.append(value) }
        if places.updateValue((start..<values.count, line), forKey: name) == nil { order.append(name) }
    }

    /// Reads a text.
    ///
    /// A byte order mark at its start is skipped. Of several values of a name, the last is taken, as all
    /// programs do that read such files; in a JSON object, a second value is an error.
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

/// Evaluates a call that allocates memory; its error is thrown as that of a text.
func allocating<R: ~Copyable>(
    _ call: @autoclosure () throws(SodiumError) -> R
) throws(UnreadableText) -> R {
    try converting(call) { _ in UnreadableText(line: 1, .outOfMemory) }
}
