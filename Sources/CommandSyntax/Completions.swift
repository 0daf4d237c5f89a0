/// The completions of the last, unfinished word of a command line.
public struct Completions: Equatable, Sendable {
    /// A completion with its description.
    public struct Word: Equatable, Sendable {
        /// The whole word.
        public let text: String
        /// One line that describes it; may be empty.
        public let summary: String
    }

    /// The completions that the program's declarations provide.
    public internal(set) var words: [Word] = []
    /// The kinds of words that the program has to list itself, such as `names`.
    public internal(set) var dynamic: [String] = []
    /// True if the word can be a file name.
    public internal(set) var isFile = false
    /// True if the word can be the name of a program.
    public internal(set) var isCommand = false
    /// The option that the word is the value of, if any.
    public internal(set) var option: String?
    /// The prefix that belongs before each completion, such as `--id=`.
    public internal(set) var lead = ""
    /// The part of the word that was typed, after the lead.
    public internal(set) var typed = ""
    /// The values that earlier words give, by the long spelling of the option or the name of the operand.
    public internal(set) var given: [String: String] = [:]

    mutating func add(_ text: String, _ summary: String = "") {
        if text.utf8.starts(with: typed.utf8) { words.append(Word(text: text, summary: summary)) }
    }

    mutating func add(_ completion: Completion) {
        switch completion {
        case .none: break
        case .file: isFile = true
        case .command: isCommand = true
        case .choices(let choices): for choice in choices { add(choice) }
        case .dynamic(let kind): if !dynamic.contains(kind) { dynamic.append(kind) }
        }
    }
}

extension Program {
    /// Completes the last of `words`, which follow the program's name.
    ///
    /// There are no errors: if the earlier words are invalid, there are no completions.
    public func completions(of words: [String]) -> Completions {
        var result = Completions()
        result.typed = words.last ?? ""
        var walk = CompletionWalk(parameters: sharedOptions)
        var rest = words.dropLast()[...]
        while let word = rest.popFirst() {
            guard walk.isOperand(word) else {
                walk.take(word)
                continue
            }
            if groupWords.contains(word) { continue }
            if word == "help" { return topics(rest, result) }
            guard let verb = verbs.first(where: { $0.isNamed(word) }) else { return result }
            walk.enter(verb.info)
            for word in rest { walk.take(word) }
            walk.complete(&result)
            return result
        }
        walk.complete(&result)
        if result.typed.hasPrefix("-") || walk.isWaiting { return result }
        for verb in verbs where !verb.info.isHidden { result.add(verb.name, verb.info.summary) }
        result.add("help", "Explain a command or a topic")
        return result
    }

    private func topics(_ words: ArraySlice<String>, _ start: Completions) -> Completions {
        var result = start
        guard words.isEmpty else { return result }
        for verb in verbs where !verb.info.isHidden { result.add(verb.name, verb.info.summary) }
        for topic in topics { result.add(topic.name, topic.summary) }
        return result
    }
}

/// Reads the words of a command line that may be invalid or unfinished.
private struct CompletionWalk {
    private var parameters: [ParameterInfo]
    private var stopsAtFirstOperand = false
    private var optionsHaveEnded = false
    private var operands: [String] = []
    private var given: [String: String] = [:]
    /// The option that the next word is the value of.
    private var waiting: ParameterInfo?

    init(parameters: [ParameterInfo]) { self.parameters = parameters }

    var isWaiting: Bool { waiting != nil }

    /// Returns whether `word` would be read as an operand.
    func isOperand(_ word: String) -> Bool {
        waiting == nil && (optionsHaveEnded || word.utf8.count < 2 || !word.hasPrefix("-"))
    }

    /// Continues with the words after a command's name.
    mutating func enter(_ info: CommandInfo) {
        parameters = info.parameters
        stopsAtFirstOperand = info.stopsAtFirstOperand
    }

    mutating func take(_ word: String) {
        if let option = waiting {
            waiting = nil
            given[option.name] = word
        } else if isOperand(word) {
            operands.append(word)
            if stopsAtFirstOperand { optionsHaveEnded = true }
        } else if word == "--" {
            optionsHaveEnded = true
        } else {
            let (name, value) = ArgumentReader.split(word)
            guard let option = parameters.first(where: { $0.long == name || $0.short == name }) else {
                return
            }
            given[option.name] = value ?? ""
            if value == nil, option.kind == .option { waiting = option }
        }
    }

    /// Adds the completions of `result.typed`.
    func complete(_ result: inout Completions) {
        result.given = given
        let open = assignOperands(&result.given)
        if let waiting {
            result.option = waiting.name
            return result.add(waiting.completion)
        }
        let word = result.typed
        guard word.hasPrefix("-"), !optionsHaveEnded else { return completeOperand(open, &result) }
        let (name, value) = ArgumentReader.split(word)
        if let value {
            guard let option = parameters.first(where: { $0.long == name }) else { return }
            (result.option, result.lead, result.typed) = (option.name, name + "=", value)
            return result.add(option.completion)
        }
        for option in parameters where !option.isOperand {
            guard let long = option.long, option.isRepeatable || given[option.name] == nil else { continue }
            result.add(long, option.summary)
        }
        result.add("--help", "Print this help")
    }

    /// Assigns the words to operands, and returns the operands that are still open.
    private func assignOperands(_ given: inout [String: String]) -> ArraySlice<ParameterInfo> {
        var open = parameters.filter { parameter in
            parameter.isOperand
                && !parameters.contains { $0.operandReplaced == parameter.valueName && given[$0.name] != nil }
        }[...]
        for word in operands {
            // An optional operand with other choices is skipped: the word belongs to the next one.
            while let operand = open.first, operand.mayBeMissing,
                case .choices(let words) = operand.completion,
                !words.contains(word)
            {
                open = open.dropFirst()
            }
            guard let operand = open.first else { return [] }
            given[operand.valueName] = word
            if !operand.takesMany { open = open.dropFirst() }
        }
        return open
    }

    /// Adds the completions of the open operands, up to the first required one.
    private func completeOperand(_ open: ArraySlice<ParameterInfo>, _ result: inout Completions) {
        for operand in open {
            if operand.takesMany, result.given[operand.valueName] != nil {
                // A program's own arguments are mostly files.
                result.isFile = true
                return
            }
            result.add(operand.completion)
            if !operand.mayBeMissing { return }
        }
    }
}

extension ParameterInfo {
    fileprivate var mayBeMissing: Bool { bounds.lowerBound == 0 }
    fileprivate var takesMany: Bool { bounds.upperBound > 1 }
}
