/// Lays out text in lines of at most 80 columns.
enum TextLayout {
    static let width = 80

    /// Breaks text between words; a word longer than the line stands alone.
    static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        var length = 0
        for word in text.split(whereSeparator: \.isWhitespace) {
            let added = word.count
            if length > 0, length + 1 + added > width {
                lines.append(line)
                line = ""
                length = 0
            }
            if length > 0 {
                line += " "
                length += 1
            }
            line += word
            length += added
        }
        if length > 0 { lines.append(line) }
        return lines
    }

    /// Paragraphs, wrapped; indented lines stay as they are.
    static func paragraphs(_ text: String) -> [String] {
        var lines: [String] = []
        var paragraph = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isBlank = line.allSatisfy(\.isWhitespace)
            if !isBlank, line.first?.isWhitespace != true {
                paragraph += line + "\n"
                continue
            }
            lines += wrap(paragraph, width: width)
            paragraph = ""
            lines.append(isBlank ? "" : String(line))
        }
        return lines + wrap(paragraph, width: width)
    }

    /// Two columns, indented; a label too long for its column stands on a line of its own.
    private static func columns(_ rows: [TextBlock.Row], labelWidth: Int) -> [String] {
        let indent = String(repeating: " ", count: 2 + labelWidth + 2)
        return rows.flatMap { label, text in
            let lines = wrap(text, width: width - indent.count)
            let fits = label.count <= labelWidth
            let gap = String(repeating: " ", count: fits ? labelWidth - label.count + 2 : 0)
            guard fits, let first = lines.first else { return ["  " + label] + lines.map { indent + $0 } }
            return ["  " + label + gap + first] + lines.dropFirst().map { indent + $0 }
        }
    }

    /// Blocks of two columns that are as wide in all of them, each behind an empty line.
    static func blocks(_ blocks: [TextBlock]) -> [String] {
        // A few long labels are not worth narrowing the second column for all.
        let labels = blocks.flatMap(\.rows).map(\.label.count)
        let labelWidth = labels.filter { $0 <= 28 }.max() ?? 0
        return blocks.filter { !$0.rows.isEmpty }.flatMap { block in
            ["", block.title + ":"] + columns(block.rows, labelWidth: labelWidth)
        }
    }
}

/// Rows of two columns under a heading.
struct TextBlock {
    typealias Row = (label: String, text: String)

    let title: String
    let rows: [Row]
}
