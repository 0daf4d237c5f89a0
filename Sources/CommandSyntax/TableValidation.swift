// A program's tests check its declarations for contradictions, so the parser does not have to at every start.

extension CommandInfo {
    /// The mistakes in the declarations of the command; empty if there are none.
    public var inconsistencies: [String] {
        let options = parameters.filter { !$0.isOperand }
        let operands = parameters.filter(\.isOperand).map(\.valueName)
        let spellings = options.flatMap { [$0.short, $0.long].compactMap(\.self) }
        var found = repeated(spellings + ["-h", "--help"]) + repeated(operands)
        for option in options {
            if option.short?.utf8.count ?? 2 != 2 { found.append("short option \(option.name)") }
            if option.long == nil { found.append("no long spelling: \(option.name)") }
            if let operand = option.operandReplaced, !operands.contains(operand) {
                found.append("\(option.name) replaces an unknown operand \(operand)")
            }
        }
        for parameter in parameters where !isSummary(parameter.summary) {
            found.append("summary of \(parameter.name)")
        }
        if !isSummary(summary) { found.append("summary") }
        return found.map { "\(name): \($0)" }
    }
}

extension Program {
    /// The mistakes in the declarations of all commands and topics; empty if there are none.
    public var inconsistencies: [String] {
        let names = verbs.flatMap(\.info.names) + groupWords + topics.map(\.name) + ["help"]
        return repeated(names) + verbs.flatMap(\.info.inconsistencies)
    }
}

private func repeated(_ words: [String]) -> [String] {
    Dictionary(grouping: words, by: \.self).filter { $0.value.count > 1 }.keys.sorted()
        .map { "\($0) occurs twice" }
}

private func isSummary(_ text: String) -> Bool {
    guard let first = text.first, let last = text.last else { return false }
    return !first.isLowercase && last != "." && !text.contains("\n")
}
