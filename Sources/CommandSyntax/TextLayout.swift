/// Lays out text in lines of at most 80 columns.
enum TextLayout {
    static let width = 80

    /// Breaks text between words; a word longer than the line gets a line of its own.
    static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(whereSeparator: \.isWhitespace) {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    /// Wraps paragraphs; indented lines keep their line breaks.
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

    /// Lays out two indented columns; a label too long for its column gets a line of its own.
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

    /// Lays out blocks of two columns of the same widths, each after an empty line.
    static func blocks(_ blocks: [TextBlock]) -> [String] {
        // A few long labels do not justify a narrower second column for all.
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
