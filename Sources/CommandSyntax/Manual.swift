extension Program {
    /// Makes the page for `man`, in section 1: every command, option and topic.
    ///
    /// - Parameter version: the program's version, for the footer of the page.
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
        page.heading("COMMON OPTIONS")
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

/// Lines of roff, the language of `man`.
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

    /// Adds paragraphs; indented lines keep their line breaks.
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
        for parameter in parameters { entry(parameter.label, parameter.summary) }
    }

    /// Escapes a line of text; without `\&` a leading dot or quote would make it a request.
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
