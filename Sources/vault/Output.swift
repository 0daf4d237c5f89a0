internal import Platform

/// Data goes to standard output, everything else to standard error.
enum Output {
    static var isTerminal: Bool { InheritedDescriptor.standardOutput.isTerminal }

    /// Writes data.
    static func write(_ text: String) throws(Failure) { try write(Array(text.utf8).span) }

    /// Writes data.
    ///
    /// A reader that went away, as `head` does, is no error unless all of it matters.
    static func write(_ bytes: Span<UInt8>, isWhole: Bool = false) throws(Failure) {
        do throws(Errno) {
            try InheritedDescriptor.standardOutput.writeAll(bytes)
        } catch .brokenPipe where !isWhole {
            return
        } catch {
            throw Failure(error, "cannot write to standard output")
        }
    }

    /// Writes data to a file that was named, or else to standard output, where all of it matters.
    static func write(_ bytes: Span<UInt8>, to file: String?) throws(Failure) {
        guard let file, file != "-" else { return try write(bytes, isWhole: true) }
        do throws(Errno) {
            try OutputFile.write(bytes, to: file)
        } catch {
            throw Failure(error, "cannot write \(file)")
        }
    }

    /// Writes a line for a person.
    ///
    /// If nobody can read it, there is nobody to tell.
    static func note(_ line: String) {
        try? InheritedDescriptor.standardError.writeAll(Array((visible(line) + "\n").utf8).span)
    }

    /// Writes a warning for a person.
    static func warn(_ text: String) { note("vault: warning: \(text)") }

    /// `text` without what could steer a terminal: control characters become `\u{…}`.
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            result += isControl(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            || (0x202A...0x202E).contains(scalar.value)
            || (0x2066...0x2069).contains(scalar.value)
    }
}

/// Numbers of things in words.
enum Words {
    /// `1 secret`, `2 secrets`.
    static func count(_ number: UInt64, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }
}

/// Columns, padded to line up on a terminal.
struct Table {
    private var rows: [[String]]

    init(_ headings: String...) { rows = [headings] }

    mutating func add(_ cells: String...) { rows.append(cells) }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}

/// A JSON value that keeps the order of its keys.
indirect enum JSON {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .string(let value): JSON.quote(value)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let pairs):
            "{" + pairs.map { JSON.quote($0) + ":" + $1.text }.joined(separator: ",") + "}"
        }
    }

    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
