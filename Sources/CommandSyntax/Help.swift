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

    /// The lines of a terminal that a short help text may fill.
    static let screen = 24

    /// The help text for `--help`: whole if it fits on a screen, else without what `help COMMAND` says besides.
    public func shortHelp(in program: String) -> String {
        let whole = help(in: program)
        if whole.utf8.count(where: { $0 == UInt8(ascii: "\n") }) <= CommandInfo.screen { return whole }
        let start = usageLines(in: program) + ["", "\(summary)."]
        let paragraph = TextLayout.paragraphs(discussion).prefix { !$0.isEmpty }
        // One that introduces what follows says nothing alone.
        let first = paragraph.last?.hasSuffix(":") == true ? [] : paragraph
        let shared = blocks.contains { !["Options", "Operands"].contains($0.title) }
        let others = shared ? ", also about the options that many commands have" : ""
        let end =
            TextLayout.blocks(blocks.filter { ["Options", "Operands"].contains($0.title) })
            + [""] + TextLayout.paragraphs("'\(program) help \(name)' says more\(others).")
        let linesLeft = CommandInfo.screen - start.count - end.count - 1
        let lines = start + (first.isEmpty || first.count > linesLeft ? [] : [""] + first) + end
        return lines.joined(separator: "\n") + "\n"
    }

    /// The operands in the usage line, one line for each form of the command.
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
        // The command's own options come first, then the groups in the order of declaration.
        for group in [nil] + options.map(\.group) where !groups.contains(group) { groups.append(group) }
        groups.removeAll { group in !options.contains { $0.group == group } }
        if groups.isEmpty { groups = [nil] }

        let operands = all.filter(\.isOperand).map { (label: $0.valueName, text: $0.summary) }
        return [TextBlock(title: "Operands", rows: operands)]
            + groups.map { group in
                // Long spellings line up where there is no short one.
                let rows = options.filter { $0.group == group }.map { option in
                    (label: (option.short == nil ? "    " : "") + option.label, text: option.text)
                }
                return TextBlock(
                    title: group ?? "Options", rows: group == groups.last ? rows + [helpRow] : rows)
            }
    }
}

private let helpRow: TextBlock.Row = (label: "-h, --help", text: "Print this help")

extension ParameterInfo {
    /// The option or operand as help and manual show it, such as `-o, --output FILE`.
    var label: String {
        let spelling = isOperand ? valueName : [short, long].compactMap(\.self).joined(separator: ", ")
        return switch kind {
        case .flag, .operand: spelling
        case .option: "\(spelling) \(valueName)"
        case .optionalValue: "\(spelling)[=\(valueName)]"
        }
    }

    fileprivate var text: String { isRepeatable ? summary + " (repeatable)" : summary }

    /// An operand as the usage line shows it, such as `[NAME...]`; nil for an option.
    fileprivate var usageAsOperand: String? {
        guard isOperand else { return nil }
        let many = bounds.upperBound > 1 ? valueName + "..." : valueName
        return bounds.lowerBound == 0 ? "[\(many)]" : many
    }
}

extension Program {
    /// The help text of the program: every command with its summary.
    public var overview: String { overview(of: nil) }

    /// The overview of a program with everyday commands: these, and the names of the others.
    private var shortOverview: [TextBlock] {
        let everyday = everyday.split(separator: " ").map(String.init)
        let infos = verbs.map(\.info).filter { everyday.contains($0.name) }
        let rest = sections.map { section in
            let names = section.verbs.map(\.info).filter { !$0.isHidden && !everyday.contains($0.name) }
            return (label: section.title, text: names.map(\.name).joined(separator: ", "))
        }
        let topics = (label: "Help topics", text: topics.map(\.name).joined(separator: ", "))
        return [
            TextBlock(title: "Every day", rows: infos.map { (label: $0.name, text: $0.summary) }),
            TextBlock(
                title: "More ('\(name) help all' has a line for each, '\(name) help NAME' explains one)",
                rows: (rest + [topics]).filter { !$0.text.isEmpty }),
        ]
    }

    /// Returns the overview, which explains a group word if one is given.
    ///
    /// - Parameter isWhole: true to show every command with its summary, though there are everyday ones.
    func overview(of groupWord: String?, isWhole: Bool = false) -> String {
        let command = groupWord.map { "\($0) COMMAND" } ?? "COMMAND"
        var lines = ["Usage: \(name) \(command) [options]", "", "\(summary)."]
        if groupWord != nil, !groupDiscussion.isEmpty {
            lines += [""] + TextLayout.paragraphs(groupDiscussion)
        }
        if !everyday.isEmpty, !isWhole {
            lines += TextLayout.blocks(shortOverview)
            return lines.joined(separator: "\n") + "\n"
        }
        if !discussion.isEmpty { lines += [""] + TextLayout.paragraphs(discussion) }

        let commands = sections.map { section in
            let shown = section.verbs.map(\.info).filter { !$0.isHidden }
            return TextBlock(title: section.title, rows: shown.map { (label: $0.name, text: $0.summary) })
        }
        let others = [
            TextBlock(title: "Help topics", rows: topics.map { (label: $0.name, text: $0.summary) }),
            TextBlock(
                title: "Options", rows: [helpRow, (label: "    --version", text: "Print the version")]),
        ]
        lines += TextLayout.blocks(commands + others)
        lines += ["", "'\(name) help COMMAND' explains a command."]
        return lines.joined(separator: "\n") + "\n"
    }
}
