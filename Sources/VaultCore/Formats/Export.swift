public import Sodium

/// Secrets written for another program, of which each was read back in the way of that program.
public struct Export: ~Copyable {
    private let format: ExportFormat
    private var text: SecretBuffer
    /// What the last secret was read back into.
    private var back: ValueBuffer
    private var isFirst = true
    /// The names that the format cannot carry exactly.
    public private(set) var refused: [String] = []

    /// An export without secrets.
    ///
    /// - Throws: `SodiumError.outOfMemory`.
    public init(as format: ExportFormat) throws(SodiumError) {
        let text = try SecretBuffer(capacity: 16 * 1024)
        let back = try ValueBuffer()
        self.format = format
        self.text = text
        self.back = back
    }

    /// Adds a secret, or notes that the format cannot carry it.
    ///
    /// - Throws: `SodiumError.outOfMemory`.
    public mutating func add(_ name: String, _ value: Span<UInt8>) throws(SodiumError) {
        let start = text.count
        if format == .json { try text.append(Array((isFirst ? "{\n  " : ",\n  ").utf8).span) }
        if try Encoder(format).write(name, value, to: &text, checkedIn: &back) {
            isFirst = false
        } else {
            text.truncate(to: start)
            refused.append(name)
        }
    }

    /// Ends the text; nothing can be added then.
    ///
    /// - Throws: `SodiumError.outOfMemory`.
    public mutating func finish() throws(SodiumError) {
        if format == .json { try text.append(Array((isFirst ? "{}\n" : "\n}\n").utf8).span) }
    }

    /// Lends the text.
    public borrowing func withText<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try text.withBytes(body)
    }

    /// The formats that can carry a secret exactly.
    ///
    /// - Throws: `SodiumError.outOfMemory`.
    public static func formats(for name: String, _ value: Span<UInt8>) throws(SodiumError) -> [ExportFormat] {
        var result: [ExportFormat] = []
        var back = try ValueBuffer()
        for format in ExportFormat.all {
            var text = try SecretBuffer(capacity: value.count + 1024)
            if try Encoder(format).write(name, value, to: &text, checkedIn: &back) { result.append(format) }
        }
        return result
    }
}

/// Writes one secret at a time in one format.
private struct Encoder {
    private let format: ExportFormat

    init(_ format: ExportFormat) { self.format = format }

    /// Appends a secret.
    ///
    /// - Returns: whether the format can carry it exactly; if not, what was appended is of no use.
    func write(
        _ name: String, _ value: Span<UInt8>, to text: inout SecretBuffer, checkedIn back: inout ValueBuffer
    ) throws(SodiumError) -> Bool {
        switch format {
        case .json: return try writeJSON(name, value, to: &text, &back)
        case .docker:
            // A variable's name may be anything there but blank.
            guard value.firstNotText == nil else { return false }
            return try write(name, value, [.bare], [DockerReader()], before: "", to: &text, &back)
        case .sh:
            return try write(name, value, [.shell], [PosixReader()], before: "export ", to: &text, &back)
        case .fish:
            return try write(
                name, value, [.singleEscaped], [FishReader()], before: "set -gx ", to: &text, &back)
        case .dotenv(let dialect):
            let dialects = dialect.map { [$0] } ?? DotenvDialect.allCases
            if dialects.contains(where: \.needsText), value.firstNotText != nil { return false }
            return try write(
                name, value, Quoting.allCases, dialects.map(\.reader), before: "", to: &text, &back)
        }
    }

    /// Appends the secret in the first form that all `readers` read back exactly.
    private func write(
        _ name: String, _ value: Span<UInt8>, _ forms: [Quoting], _ readers: [any StatementReader],
        before: String, to text: inout SecretBuffer, _ back: inout ValueBuffer
    ) throws(SodiumError) -> Bool {
        if format != .docker, !SecretID.isVariableName(name) { return false }
        if value.first(from: 0, where: { $0 == 0 }) < value.count { return false }
        let start = text.count
        for form in forms {
            try text.append(Array("\(before)\(name)\(format == .fish ? " " : "=")".utf8).span)
            try form.write(value, to: &text)
            try text.append(Byte.newline)
            let isExact = text.withBytes { text in
                readers.allSatisfy { reader in
                    back.removeAll()
                    return reads(reader, text.extracting(start..<text.count), name, value, &back)
                }
            }
            if isExact { return true }
            text.truncate(to: start)
        }
        return false
    }

    private func reads(
        _ reader: any StatementReader, _ line: Span<UInt8>, _ name: String, _ value: Span<UInt8>,
        _ back: inout ValueBuffer
    ) -> Bool {
        guard let statement = try? reader.statement(in: line, at: 0, into: &back), let place = statement.name,
            line.text(place) == name,
            line.skip(from: statement.end, while: Byte.isLineEnd) == line.count
        else { return false }
        return back.withBytes { $0.isEqual(to: value) }
    }

    private func writeJSON(
        _ name: String, _ value: Span<UInt8>, to text: inout SecretBuffer, _ back: inout ValueBuffer
    ) throws(SodiumError) -> Bool {
        guard value.firstNotText == nil else { return false }
        let start = text.count
        try text.append(Array("\"\(name)\": ".utf8).span)
        try JSONWriter.append(value, to: &text)
        return text.withBytes { JSONReader.reads(name, value, in: $0, at: start, &back) }
    }
}
