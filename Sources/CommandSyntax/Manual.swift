extension Program {
    /// A page for `man`, in section 1: every command, option and topic.
    ///
    /// - Parameter version: the program's version, for the foot of the page.
    public func manual(version: String) -> String {
        var page = Roff()
        page.request(".TH \(name.uppercased()) 1 \"\" \"\(name) \(version)\" \"User Commands\"")
        page.request(".ad l")
        page.heading("NAME")
        page.paragraph("\(name) - \(summary.prefix(1).lowercased() + summary.dropFirst())")
        page.heading("SYNOPSIS")
        page.paragraph("\(name) COMMAND [options]")
        page.heading("DESCRIPTION")
        page.text(discussion)
        for section in sections {
            page.heading(section.title.uppercased())
            for verb in section.verbs where !verb.info.isHidden { page.command(verb.info, of: name) }
        }
        page.heading("OPTIONS OF MANY COMMANDS")
        page.options(sharedOptions)
        page.entry("-h, --help", "Print help")
        page.entry("--version", "Print the version")
        for topic in topics {
            page.heading(topic.name.uppercased())
            page.text(topic.text)
        }
        return page.lines.joined(separator: "\n") + "\n"
    }
}

/// Lines in the language of `man`.
private struct Roff {
    var lines: [String] = []

    mutating func request(_ line: String) { lines.append(line) }

    mutating func heading(_ text: String) { lines.append(".SH \"\(Roff.escaped(text))\"") }

    mutating func paragraph(_ text: String) {
        lines.append(".PP")
        lines.append(Roff.line(text))
    }

    mutating func entry(_ label: String, _ text: String) {
        lines.append(".TP")
        lines.append(".B \(Roff.escaped(label))")
        lines.append(Roff.line(text + "."))
    }

    /// Paragraphs; indented lines stay as they are.
    mutating func text(_ text: String) {
        var isExample = false
        var isNew = true
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.allSatisfy(\.isWhitespace) {
                isNew = true
                if isExample { lines.append("") }
                continue
            }
            let isIndented = line.first?.isWhitespace == true
            if isIndented != isExample {
                lines += isIndented ? [".PP", ".nf"] : [".fi", ".PP"]
                isExample = isIndented
            } else if isNew, !isIndented {
                lines.append(".PP")
            }
            isNew = false
            lines.append(Roff.line(String(line)))
        }
        if isExample { lines.append(".fi") }
    }

    mutating func command(_ info: CommandInfo, of program: String) {
        lines.append(".SS \"\(Roff.escaped("\(program) \(info.name)"))\"")
        for form in info.usage {
            lines.append(".B \(Roff.escaped("\(program) \(info.name)"))")
            lines.append(Roff.line("[options] \(form)"))
            lines.append(".br")
        }
        paragraph(info.summary + ".")
        text(info.discussion)
        if !info.aliases.isEmpty { paragraph("Aliases: " + info.aliases.joined(separator: ", ")) }
        options(info.parameters)
    }

    mutating func options(_ parameters: [ParameterInfo]) {
        for parameter in parameters { entry(parameter.manualLabel, parameter.summary) }
    }

    /// A line of text: one that begins with a dot or a quote would be a request.
    private static func line(_ text: String) -> String {
        let escaped = escaped(text)
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "\"": result += "\\(dq"
            case "…": result += "..."
            default: result.append(character)
            }
        }
    }
}

extension ParameterInfo {
    fileprivate var manualLabel: String {
        let spelling = isOperand ? valueName : [short, long].compactMap(\.self).joined(separator: ", ")
        return switch kind {
        case .flag, .operand: spelling
        case .option: "\(spelling) \(valueName)"
        case .optionalValue: "\(spelling)[=\(valueName)]"
        }
    }
}
