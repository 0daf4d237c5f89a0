internal import Platform
public import Sodium

/// A text of secrets for another program; each secret is read back in that program's way before it is
/// accepted.
public struct Export: ~Copyable {
    private let encoder: Encoder
    private var text: SecretBuffer
    /// The value of the last secret, as it was read back.
    private var back: ValueBuffer
    private var isFirst = true
    /// The names that the format cannot carry exactly.
    public private(set) var refused: [String] = []

    /// Creates an export without secrets.
    ///
    /// - Throws: `SodiumError.outOfMemory`.
    public init(as format: ExportFormat) throws(SodiumError) {
        let text = try SecretBuffer(capacity: 16 * 1024)
        let back = try ValueBuffer()
        encoder = Encoder(format)
        self.text = text
        self.back = back
    }

    /// Adds a secret, or its name to ``refused``.
    ///
    /// - Parameter metadata: what JSON says of the secret beside its value; other formats have no place for that.
    /// - Throws: `SodiumError.outOfMemory`.
    public mutating func add(
        _ name: String, _ value: Span<UInt8>, _ metadata: Metadata? = nil
    ) throws(SodiumError) {
        let start = text.count
        if encoder.format == .json { try text.append(Array((isFirst ? "{\n  " : ",\n  ").utf8).span) }
        let valueStart = text.count
        if try encoder.write(name, value, to: &text, checkedIn: &back) {
            isFirst = false
            guard encoder.format == .json, let metadata else { return }
            text.truncate(to: valueStart)
            try text.append(Array("\"\(name)\": {\"value\":".utf8).span)
            try JSONWriter.append(value, to: &text)
            try text.append(metadata.exported.span)
        } else {
            text.truncate(to: start)
            refused.append(name)
        }
    }

    /// Ends the text; nothing can be added afterwards.
    ///
    /// - Throws: `SodiumError.outOfMemory`.
    public mutating func finish() throws(SodiumError) {
        if encoder.format == .json { try text.append(Array((isFirst ? "{}\n" : "\n}\n").utf8).span) }
    }

    /// Calls `body` with the text.
    public borrowing func withText<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try text.withBytes(body)
    }

    /// Returns the formats that can carry a secret exactly.
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

/// A format that writes a line for each secret.
private struct LineFormat {
    var prefix = ""
    var separator = "="
    /// True if names that a shell cannot have for a variable are accepted.
    var allowsAnyName = false
    /// True if its programs accept only UTF-8.
    var needsText = false
    /// The quotings to try; the first one that all readers read back exactly is taken.
    let quotings: [Quoting]
    /// The programs' ways to read a line.
    let readers: [any StatementReader]
}

extension ExportFormat {
    /// The line format; nil for JSON.
    fileprivate var lines: LineFormat? {
        switch self {
        case .json: return nil
        case .sh: return LineFormat(prefix: "export ", quotings: [.shell], readers: [PosixReader()])
        case .fish:
            return LineFormat(
                prefix: "set -gx ", separator: " ", quotings: [.singleEscaped], readers: [FishReader()])
        case .docker:
            return LineFormat(
                allowsAnyName: true, needsText: true, quotings: [.bare], readers: [DockerReader()])
        case .dotenv(let dialect):
            let dialects = dialect.map { [$0] } ?? DotenvDialect.allCases
            return LineFormat(
                needsText: dialects.contains(where: \.needsText), quotings: Quoting.allCases,
                readers: dialects.map(\.reader))
        }
    }
}

/// A writer of one secret at a time in one format.
private struct Encoder {
    let format: ExportFormat
    private let lines: LineFormat?

    init(_ format: ExportFormat) { (self.format, lines) = (format, format.lines) }

    /// Appends a secret.
    ///
    /// - Returns: true if the format can carry it exactly; otherwise the caller removes what was appended.
    func write(
        _ name: String, _ value: Span<UInt8>, to text: inout SecretBuffer, checkedIn back: inout ValueBuffer
    ) throws(SodiumError) -> Bool {
        let start = text.count
        guard let lines else {
            guard value.firstNotText == nil else { return false }
            try text.append(Array("\"\(name)\": ".utf8).span)
            try JSONWriter.append(value, to: &text)
            return text.withBytes { JSONReader.reads(name, value, in: $0, at: start, &back) }
        }
        guard lines.allowsAnyName || SecretID.isVariableName(name), !value.contains(where: { $0 == 0 }),
            !lines.needsText || value.firstNotText == nil
        else { return false }
        for quoting in lines.quotings {
            try text.append(Array("\(lines.prefix)\(name)\(lines.separator)".utf8).span)
            try quoting.write(value, to: &text)
            try text.append(Byte.newline)
            let isExact = text.withBytes { text in
                let line = text.extracting(start..<text.count)
                return lines.readers.allSatisfy { reads($0, line, name, value, &back) }
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
        back.removeAll()
        guard let statement = try? reader.statement(in: line, at: 0, into: &back), let place = statement.name,
            line.text(place) == name,
            line.skip(from: statement.end, while: Byte.isLineEnd) == line.count
        else { return false }
        return back.withBytes { $0.equals(value) }
    }
}
