extension CommandInfo {
    /// The help text of the command, as part of a program.
    public func help(in program: String) -> String {
        var lines = usageLines(in: program)
        lines += ["", "\(summary)."]
        if !discussion.isEmpty { lines += [""] + TextLayout.paragraphs(discussion) }
        if !aliases.isEmpty { lines += ["", "Aliases: " + aliases.joined(separator: ", ")] }

        lines += TextLayout.blocks(blocks)
        return lines.joined(separator: "\n") + "\n"
    }

    /// What follows the name of the command, one line for each form.
    public var usage: [String] {
        if let givenUsage {
            return givenUsage.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        return [parameters.compactMap(\.usageAsOperand).joined(separator: " ")]
    }

    private func usageLines(in program: String) -> [String] {
        usage.enumerated().map { index, form in
            let start = index == 0 ? "Usage: " : "       "
            return start + "\(program) \(name) [options]" + (form.isEmpty ? "" : " " + form)
        }
    }

    private var blocks: [TextBlock] {
        let all = parameters
        let options = all.filter { !$0.isOperand }
        var groups: [String?] = []
        // The command's own come first, then the groups in the order of the table.
        for group in [nil] + options.map(\.group) where !groups.contains(group) { groups.append(group) }
        groups.removeAll { group in !options.contains { $0.group == group } }
        if groups.isEmpty { groups = [nil] }

        let operands = all.filter(\.isOperand).map { (label: $0.valueName, text: $0.summary) }
        return [TextBlock(title: "Operands", rows: operands)]
            + groups.map { group in
                let rows = options.filter { $0.group == group }.map { (label: $0.label, text: $0.text) }
                return TextBlock(
                    title: group ?? "Options", rows: group == groups.last ? rows + [helpRow] : rows)
            }
    }
}

private let helpRow: TextBlock.Row = (label: "-h, --help", text: "Print this help")

extension ParameterInfo {
    /// How an option is shown: `-o, --output FILE`.
    fileprivate var label: String {
        let spelling =
            switch (short, long) {
            case (let short?, let long?): "\(short), \(long)"
            case (let short?, nil): short
            case (nil, let long): "    " + (long ?? "")
            }
        return switch kind {
        case .flag, .operand: spelling
        case .option: "\(spelling) \(valueName)"
        case .optionalValue: "\(spelling)[=\(valueName)]"
        }
    }

    fileprivate var text: String { isRepeatable ? summary + " (repeatable)" : summary }

    /// How an operand is shown in a usage line: `[NAME...]`.
    fileprivate var usageAsOperand: String? {
        guard case .operand(let atLeast, let atMost) = kind else { return nil }
        let many = atMost > 1 ? valueName + "..." : valueName
        return atLeast == 0 ? "[\(many)]" : many
    }
}

extension Program {
    /// The help text of the program: every command with its summary.
    public var overview: String {
        var lines = ["Usage: \(name) COMMAND [options]", "", "\(summary)."]
        if !discussion.isEmpty { lines += [""] + TextLayout.paragraphs(discussion) }

        let commands = sections.map { section in
            let shown = section.verbs.map(\.info).filter { !$0.isHidden }
            return TextBlock(title: section.title, rows: shown.map { (label: $0.name, text: $0.summary) })
        }
        let others = [
            TextBlock(title: "Topics of help", rows: topics.map { (label: $0.name, text: $0.summary) }),
            TextBlock(
                title: "Options", rows: [helpRow, (label: "    --version", text: "Print the version")]),
        ]
        lines += TextLayout.blocks(commands + others)
        lines += ["", "'\(name) help COMMAND' tells more about a command."]
        return lines.joined(separator: "\n") + "\n"
    }
}
