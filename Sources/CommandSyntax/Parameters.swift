/// The options and operands of a command, with the values that its words give them.
///
/// A command declares them twice: first to tell what there is, then to take the values out of the words that were read in between.
///
/// The spelling of an option is the long one, or both: `-q --quiet`. Operands are filled in the order in which they are declared; where
/// there are fewer words than operands, the optional ones give way: of `[SCOPE] NAME`, a single word is the NAME.
public struct Parameters {
    /// What was declared.
    private(set) var infos: [ParameterInfo] = []
    /// What is wrong with the values: a word that is not in its parameter's format, else too few or too many operands.
    var error: UsageError? { malformed ?? miscounted }

    private var malformed: UsageError?
    private var miscounted: UsageError?

    /// Whether the words were read, and declarations take their values.
    private var isRead = false
    /// How many were declared since the words were read.
    private var position = 0
    /// For each word that gives a parameter its value, the parameter's place; and the word, or nil for an option without one.
    private var places: [Int] = []
    private var values: [String?] = []

    init() {}

    /// What `body` declares.
    public static func declared(_ body: (inout Parameters) -> Void) -> [ParameterInfo] {
        var parameters = Parameters()
        body(&parameters)
        return parameters.infos
    }

    /// Puts the options that `body` declares under a heading in help.
    public mutating func group(_ heading: String, _ body: (inout Parameters) -> Void) {
        let start = infos.count
        body(&self)
        for index in start..<infos.count { infos[index].group = heading }
    }

    /// Tells of a parameter, or gives each of its values to `store`, which answers false for one that is not in the format.
    private mutating func declare(
        _ info: @autoclosure () -> ParameterInfo, _ expected: () -> String?, store: (String?) -> Bool
    ) {
        guard isRead else { return infos.append(info()) }
        for index in places.indices where places[index] == position {
            if !store(values[index]), malformed == nil {
                malformed = .malformed(infos[position], expected())
            }
        }
        position += 1
    }
}

extension Parameters {
    /// An option without a value.
    public mutating func flag(
        _ spelling: String, _ summary: String, _ value: inout Bool, sets newValue: Bool = true
    ) {
        declare(ParameterInfo(.flag, spelling, summary: summary), { nil }) { _ in
            value = newValue
            return true
        }
    }

    /// An option with a value in a format, which is absent unless given.
    public mutating func option<Value>(
        _ spelling: String, _ valueName: String, _ summary: String, _ value: inout Value?,
        as format: ValueFormat<Value>, completing completion: Completion? = nil,
        insteadOf operand: String? = nil
    ) {
        declare(
            ParameterInfo(
                .option, spelling, valueName, summary: summary, completion ?? format.completion,
                operandReplaced: operand), format.expected
        ) { format.store($0, in: &value) }
    }

    /// An option with a value in a format, which has a default.
    public mutating func option<Value>(
        _ spelling: String, _ valueName: String, _ summary: String, _ value: inout Value,
        as format: ValueFormat<Value>, completing completion: Completion? = nil
    ) {
        var given: Value?
        option(spelling, valueName, summary, &given, as: format, completing: completion)
        if let given { value = given }
    }

    /// An option with any text for a value, which is absent unless given.
    public mutating func option(
        _ spelling: String, _ valueName: String, _ summary: String, _ value: inout String?,
        completing completion: Completion? = nil, insteadOf operand: String? = nil
    ) {
        option(spelling, valueName, summary, &value, as: .text, completing: completion, insteadOf: operand)
    }

    /// An option whose value, if there is one, can only be attached: `--name=VALUE`.
    ///
    /// - Parameter bare: stands for the value where there is none.
    public mutating func option<Value>(
        _ spelling: String, optional valueName: String, _ summary: String, _ value: inout Value?,
        as format: ValueFormat<Value>, bare: Value
    ) {
        declare(
            ParameterInfo(.optionalValue, spelling, valueName, summary: summary, format.completion),
            format.expected
        ) { text in
            if text != nil { return format.store(text, in: &value) }
            value = bare
            return true
        }
    }

    /// An option with any text for a value that may be given any number of times.
    public mutating func repeatable(
        _ spelling: String, _ valueName: String, _ summary: String, _ values: inout [String],
        completing completion: Completion = .none
    ) {
        declare(
            ParameterInfo(.option, spelling, valueName, summary: summary, completion, isRepeatable: true),
            { nil }
        ) { text in
            values.append(text ?? "")
            return true
        }
    }
}

extension Parameters {
    /// An operand in a format.
    public mutating func operand<Value>(
        _ name: String, _ summary: String, _ value: inout Value?, as format: ValueFormat<Value>,
        isRequired: Bool = false, completing completion: Completion? = nil
    ) {
        declare(
            ParameterInfo(
                .operand(atLeast: isRequired ? 1 : 0, atMost: 1), "", name, summary: summary,
                completion ?? format.completion), format.expected
        ) { format.store($0, in: &value) }
    }

    /// An operand in a format, which has a default or must be given.
    public mutating func operand<Value>(
        _ name: String, _ summary: String, _ value: inout Value, as format: ValueFormat<Value>,
        isRequired: Bool = true, completing completion: Completion? = nil
    ) {
        var given: Value?
        operand(name, summary, &given, as: format, isRequired: isRequired, completing: completion)
        if let given { value = given }
    }

    /// An operand of any text.
    public mutating func operand(
        _ name: String, _ summary: String, _ value: inout String?, isRequired: Bool = false,
        completing completion: Completion? = nil
    ) {
        operand(name, summary, &value, as: .text, isRequired: isRequired, completing: completion)
    }

    /// An operand of any text, which has a default or must be given.
    public mutating func operand(
        _ name: String, _ summary: String, _ value: inout String, isRequired: Bool = true,
        completing completion: Completion? = nil
    ) {
        operand(name, summary, &value, as: .text, isRequired: isRequired, completing: completion)
    }

    /// A list of operands of any text.
    public mutating func operands(
        _ name: String, _ summary: String, _ values: inout [String], atLeast: Int = 0, atMost: Int = .max,
        completing completion: Completion = .none
    ) {
        declare(
            ParameterInfo(
                .operand(atLeast: atLeast, atMost: atMost), "", name, summary: summary, completion),
            { nil }
        ) { text in
            values.append(text ?? "")
            return true
        }
    }
}

extension Parameters {
    /// Reads the words that follow a command's name, for the parameters that were declared.
    ///
    /// - Returns: false if they ask for help.
    mutating func read(_ words: [String], of info: CommandInfo) throws(UsageError) -> Bool {
        var reader = ArgumentReader(words, parameters: infos, stopsAtFirstOperand: info.stopsAtFirstOperand)
        do throws(UsageError) {
            return try read(&reader, of: info)
        } catch {
            // Whoever asks for help is not told first what is wrong with the rest.
            if reader.helpFollows { return false }
            throw error
        }
    }

    private mutating func read(
        _ reader: inout ArgumentReader, of info: CommandInfo
    ) throws(UsageError) -> Bool {
        var operands: [String] = []
        while let argument = try reader.next() {
            switch argument {
            case .help:
                return false
            case .operand(let word):
                operands.append(word)
            case .option(let index, let value):
                if !infos[index].isRepeatable, places.contains(index) {
                    throw UsageError("option '\(infos[index].name)' was given twice")
                }
                give(value, to: index)
            }
        }
        isRead = true
        do throws(UsageError) { try giveOperands(operands, of: info) } catch { miscounted = error }
        return true
    }

    /// Gives each operand its words: as many as it may have, less those that later ones cannot do without.
    private mutating func giveOperands(_ words: [String], of info: CommandInfo) throws(UsageError) {
        let replacing = infos.indices.first { infos[$0].operandReplaced != nil && places.contains($0) }
        let replaced = replacing.flatMap { infos[$0].operandReplaced }
        let open = infos.indices.filter { infos[$0].isOperand && infos[$0].valueName != replaced }
        var needed = open.reduce(0) { $0 + infos[$1].bounds.lowerBound }
        var rest = words[...]
        for index in open {
            let bounds = infos[index].bounds
            needed -= bounds.lowerBound
            let count = max(bounds.lowerBound, min(bounds.upperBound, rest.count - needed))
            guard count <= rest.count else {
                throw UsageError("missing operand \(infos[index].valueName)")
            }
            for word in rest.prefix(count) { give(word, to: index) }
            rest = rest.dropFirst(count)
        }
        if rest.isEmpty { return }
        // A word too many is not repeated: it may be a secret typed in the wrong place.
        if let last = open.last { throw UsageError("unexpected operand after \(infos[last].valueName)") }
        if let replacing { throw UsageError("unexpected operand beside '\(infos[replacing].name)'") }
        throw UsageError("unexpected operand: '\(info.name)' takes none")
    }

    private mutating func give(_ value: String?, to index: Int) {
        places.append(index)
        values.append(value)
    }
}

extension ParameterInfo {
    fileprivate var bounds: ClosedRange<Int> {
        if case .operand(let atLeast, let atMost) = kind { atLeast...max(atLeast, atMost) } else { 0...0 }
    }
}

extension UsageError {
    fileprivate static func malformed(_ parameter: ParameterInfo, _ expected: String?) -> UsageError {
        let subject = parameter.isOperand ? "operand \(parameter.name)" : "option '\(parameter.name)'"
        return UsageError("\(subject) must be \(expected ?? "text")")
    }
}
