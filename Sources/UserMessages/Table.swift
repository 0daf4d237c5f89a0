package import Platform

/// A table with aligned columns, for a terminal.
package struct Table {
    private var rows: [[String]]

    package init(_ headings: String...) { rows = [headings] }

    package mutating func add(_ cells: String...) { rows.append(cells.map { Output.visible($0) }) }

    /// Returns whether each row fits into a line of a terminal; true if the size is not known.
    package func fits(_ size: TerminalSize?) -> Bool {
        width(of: columnWidths(of: rows)) <= size?.columns ?? .max
    }

    /// Returns the heading and the rows, a line each.
    ///
    /// The cells of a row that would make the table wider than the terminal are not aligned, so that those of all others are.
    package func lines(for size: TerminalSize?) -> [String] {
        let limit = size?.columns ?? .max
        var widths = rows[0].map { _ in 0 }
        for row in rows.map({ $0.map(\.count) }).sorted(by: { width(of: $0) < width(of: $1) }) {
            let wider = zip(widths, row).map { max($0, $1) }
            if width(of: wider) <= limit { widths = wider }
        }
        return rows.map { row in
            zip(widths, row).allSatisfy { $0 >= $1.count }
                ? Table.aligned(row, widths) : row.filter { !$0.isEmpty }.joined(separator: Table.gap)
        }
    }

    /// The lines, whatever the size of the terminal.
    package var text: String { lines(for: InheritedDescriptor.standardOutput.terminalSize).text }

    private static let gap = "  "

    private func width(of columns: [Int]) -> Int {
        columns.reduce(0, +) + Table.gap.count * (columns.count - 1)
    }

    private func columnWidths(of rows: [[String]]) -> [Int] {
        self.rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    }

    private static func aligned(_ row: [String], _ widths: [Int]) -> String {
        let cells = zip(row, widths).enumerated().map { column, cell in
            column == row.count - 1
                ? cell.0 : cell.0 + String(repeating: " ", count: cell.1 - cell.0.count)
        }
        return cells.joined(separator: gap)
    }
}

extension [String] {
    /// The lines as one text.
    package var text: String { map { $0 + "\n" }.joined() }

    /// Removes the last lines if not all of them fit on the screen.
    ///
    /// - Parameters:
    ///   - reserved: how many lines must fit besides.
    ///   - note: how many more lines must fit if any are removed, to say so.
    /// - Returns: how many were removed; at least ``minShown`` remain.
    package mutating func cut(to size: TerminalSize, beside reserved: Int, and note: Int) -> Int {
        func height(_ line: String) -> Int {
            Swift.max(1, (line.count + size.columns - 1) / size.columns)
        }
        guard reduce(0, { $0 + height($1) }) + reserved > size.rows else { return 0 }
        var (free, kept) = (size.rows - reserved - note, 0)
        for line in self {
            free -= height(line)
            if free < 0 { break }
            kept += 1
        }
        let removed = Swift.max(0, count - Swift.max(kept, Self.minShown))
        removeLast(removed)
        return removed
    }

    private static var minShown: Int { 5 }
}
