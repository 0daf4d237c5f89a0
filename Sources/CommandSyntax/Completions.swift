/// What can stand in the place of the last, unfinished word of a command line.
public struct Completions: Equatable, Sendable {
    /// A word and what it means.
    public struct Word: Equatable, Sendable {
        /// The word, whole.
        public let text: String
        /// One line about it, or nothing.
        public let summary: String
    }

    /// What is known from the table.
    public internal(set) var words: [Word] = []
    /// The kinds of words that the program itself has to name, such as `names`.
    public internal(set) var dynamic: [String] = []
    /// Whether it is the name of a file.
    public internal(set) var isFile = false
    /// Whether it is the name of a program.
    public internal(set) var isCommand = false
    /// The option whose value it is.
    public internal(set) var option: String?
    /// What stands before each word that is named, such as `--id=`.
    public internal(set) var lead = ""
    /// How the word begins, behind the lead.
    public internal(set) var typed = ""
    /// What the words before say, by the long spelling of the option or the name of the operand.
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
    /// What can stand in the place of the last of `words`, which follow the program's name.
    ///
    /// Nothing is an error: where the words before make no sense, there is nothing to name.
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
        result.add("help", "Tell about a command or a topic")
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

/// Goes over the words of a command line that may be wrong or unfinished.
private struct CompletionWalk {
    private var parameters: [ParameterInfo]
    private var stopsAtFirstOperand = false
    private var optionsHaveEnded = false
    private var operands: [String] = []
    private var given: [String: String] = [:]
    /// The option whose value the next word is.
    private var waiting: ParameterInfo?

    init(parameters: [ParameterInfo]) { self.parameters = parameters }

    var isWaiting: Bool { waiting != nil }

    /// Whether the next word would be an operand.
    func isOperand(_ word: String) -> Bool {
        waiting == nil && (optionsHaveEnded || word.utf8.count < 2 || !word.hasPrefix("-"))
    }

    /// Goes on with the words of a command.
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
            let (name, value) = CompletionWalk.split(word)
            guard let option = parameters.first(where: { $0.long == name || $0.short == name }) else {
                return
            }
            given[option.name] = value ?? ""
            if value == nil, option.kind == .option { waiting = option }
        }
    }

    /// Names what can stand in the place of `result.typed`.
    func complete(_ result: inout Completions) {
        result.given = given
        let open = assignOperands(&result.given)
        if let waiting {
            result.option = waiting.name
            return result.add(waiting.completion)
        }
        let word = result.typed
        guard word.hasPrefix("-"), !optionsHaveEnded else { return completeOperand(open, &result) }
        let (name, value) = CompletionWalk.split(word)
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

    /// Gives the words their operands, and returns those that are still open.
    private func assignOperands(_ given: inout [String: String]) -> ArraySlice<ParameterInfo> {
        var open = parameters.filter { parameter in
            parameter.isOperand
                && !parameters.contains { $0.operandReplaced == parameter.valueName && given[$0.name] != nil }
        }[...]
        for word in operands {
            // A word that an operand cannot be, and that may be missing, is the next one's.
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

    /// An operand that may be left out can be the next one's place too.
    private func completeOperand(_ open: ArraySlice<ParameterInfo>, _ result: inout Completions) {
        for operand in open {
            if operand.takesMany, result.given[operand.valueName] != nil {
                // Behind a program come its own words: files, most often.
                result.isFile = true
                return
            }
            result.add(operand.completion)
            if !operand.mayBeMissing { return }
        }
    }

    private static func split(_ word: String) -> (name: String, value: String?) {
        guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (word, nil) }
        return (String(word[..<equals]), String(Substring(word.utf8[equals...].dropFirst())))
    }
}

extension ParameterInfo {
    fileprivate var mayBeMissing: Bool {
        if case .operand(let atLeast, _) = kind { atLeast == 0 } else { true }
    }

    fileprivate var takesMany: Bool {
        if case .operand(_, let atMost) = kind { atMost > 1 } else { false }
    }
}
