/// What a command line asks of one command.
public enum Parsed<Command> {
    /// To do something.
    case command(Command)
    /// To say what it can do.
    case help
}

extension Parsed: Equatable where Command: Equatable {}
extension Parsed: Sendable where Command: Sendable {}

extension Syntax {
    /// Reads the words that follow the command's name.
    public func parse(_ words: [String]) throws(UsageError) -> Parsed<Command> {
        let hasOptions = words.contains { $0.utf8.first == UInt8(ascii: "-") }
        let parameters = parameters().made(hasOptions ? .all : .operands)
        var reader = ArgumentReader(
            words, parameters: parameters.map(\.outline), stopsAtFirstOperand: outline.stopsAtFirstOperand)
        do throws(UsageError) {
            return try parse(&reader, parameters)
        } catch {
            // Whoever asks for help is not told first what is wrong with the rest.
            if reader.helpFollows { return .help }
            throw error
        }
    }

    private func parse(
        _ reader: inout ArgumentReader, _ parameters: [Parameter]
    ) throws(UsageError) -> Parsed<Command> {
        var command: Any = initial()
        var given = Array(repeating: false, count: parameters.count)
        var operands: [String] = []

        while let argument = try reader.next() {
            switch argument {
            case .help:
                return .help
            case .operand(let word):
                operands.append(word)
            case .option(let index, let value):
                let option = parameters[index]
                if given[index], !option.outline.isRepeatable {
                    throw UsageError("option '\(option.outline.name)' was given twice")
                }
                given[index] = true
                guard option.store(&command, value) else { throw .malformed(option.outline) }
            }
        }

        let replacing = parameters.indices.filter { given[$0] }.map { parameters[$0].outline }
        try store(operands, into: &command, parameters.filter(\.outline.isOperand), replacing: replacing)
        guard let command = command as? Command else { preconditionFailure("a command stays what it was") }
        return .command(command)
    }

    /// Gives each operand its words: as many as it may have, less those that later ones cannot do without.
    private func store(
        _ words: [String], into command: inout Any, _ operands: [Parameter],
        replacing options: [ParameterOutline]
    ) throws(UsageError) {
        let open = operands.filter { operand in
            !options.contains { $0.operandReplaced == operand.outline.valueName }
        }
        var needed = open.reduce(0) { $0 + $1.outline.bounds.lowerBound }
        var rest = words[...]
        for operand in open {
            let bounds = operand.outline.bounds
            needed -= bounds.lowerBound
            let count = max(bounds.lowerBound, min(bounds.upperBound, rest.count - needed))
            guard count <= rest.count else {
                throw UsageError("missing operand \(operand.outline.valueName)")
            }
            for word in rest.prefix(count) {
                guard operand.store(&command, word) else { throw .malformed(operand.outline) }
            }
            rest = rest.dropFirst(count)
        }
        guard rest.isEmpty else {
            throw surplus(after: open.last?.outline, replacing: options.first { $0.operandReplaced != nil })
        }
    }

    /// A word too many is not repeated: it may be a secret typed in the wrong place.
    private func surplus(after last: ParameterOutline?, replacing option: ParameterOutline?) -> UsageError {
        if let last { return UsageError("unexpected operand after \(last.valueName)") }
        if let option { return UsageError("unexpected operand beside '\(option.name)'") }
        return UsageError("unexpected operand: '\(outline.name)' takes none")
    }
}

extension ParameterOutline {
    fileprivate var bounds: ClosedRange<Int> {
        if case .operand(let atLeast, let atMost) = kind { atLeast...max(atLeast, atMost) } else { 0...0 }
    }
}

extension UsageError {
    fileprivate static func malformed(_ parameter: ParameterOutline) -> UsageError {
        let subject = parameter.isOperand ? "operand \(parameter.name)" : "option '\(parameter.name)'"
        return UsageError("\(subject) must be \(parameter.expected ?? "text")")
    }
}
