/// The options and operands of a command, and the values that a command line gives them.
///
/// A command declares them twice with the same code: the first time collects their descriptions, by which the command line is then read;
/// the second time stores the values.
///
/// The spelling of an option is the long one, or both: `-q --quiet`. Operands take the words in the order of declaration. If there are
/// fewer words than operands, required operands come first: a single word for `[SCOPE] NAME` is the NAME.
public struct Parameters {
    /// The declared options and operands.
    private(set) var infos: [ParameterInfo] = []
    /// The first error: a word that is not in its parameter's format, else too few or too many operands.
    var error: UsageError? { malformed ?? miscounted }

    private var malformed: UsageError?
    private var miscounted: UsageError?
    private var misplacedAdvice: CommandInfo.MisplacedAdvice?

    /// True if the words were read, so that declarations now store values.
    private var isRead = false
    /// The index of the next declaration, once the words were read.
    private var position = 0
    /// The values in the order of the words.
    private var values: [GivenValue] = []

    private struct GivenValue {
        /// The index of its parameter.
        let index: Int
        /// Nil for an option without a value.
        let text: String?
    }

    init() {}

    /// Returns the options and operands that `body` declares.
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

    /// Adds a description or, once the words were read, passes each value to `store`, which returns false if it is not in the format.
    private mutating func declare(
        _ info: @autoclosure () -> ParameterInfo, _ expected: () -> String = { "text" },
        store: (String?) -> Bool
    ) {
        guard isRead else { return infos.append(info()) }
        for value in values where value.index == position {
            if store(value.text) || malformed != nil { continue }
            let parameter = infos[position]
            let subject = parameter.isOperand ? "operand \(parameter.name)" : "option '\(parameter.name)'"
            var error = UsageError(
                "\(subject) must be \(expected())", kind: parameter.isOperand ? .noChoice : .other)
            error.hint = parameter.choice(near: value.text).map { "did you mean '\($0)'?" }
            malformed = error.hint != nil ? error : misplaced(error, parameter)
        }
        position += 1
    }

    /// The hint if an option whose value must be attached was given without one; its value is then probably the misplaced operand.
    private var hintToAttach: String? {
        let bare = values.first { infos[$0.index].kind == .optionalValue && $0.text == nil }
        guard let option = bare.map({ infos[$0.index] }) else { return nil }
        return "a value is attached to the option: \(option.name)=\(option.valueName)"
    }

    /// Adds the command's advice to the error for a word that an operand does not take.
    private func misplaced(_ error: UsageError, _ parameter: ParameterInfo) -> UsageError {
        // Without its kind, so that the command's advice does not replace this hint.
        if parameter.isOperand, let hint = hintToAttach { return UsageError(error.message, hint: hint) }
        guard parameter.isOperand, let advice = misplacedAdvice else { return error }
        return UsageError("\(error.message); \(advice.message)", hint: advice.hint, kind: error.kind)
    }

    /// Declares a parameter that collects any number of values.
    private mutating func declareList(_ info: @autoclosure () -> ParameterInfo, _ list: inout [String]) {
        declare(info()) { text in
            list.append(text ?? "")
            return true
        }
    }
}

extension Parameters {
    /// Declares an option without a value.
    public mutating func flag(
        _ spelling: String, _ summary: String, _ value: inout Bool, sets newValue: Bool = true
    ) {
        declare(ParameterInfo(.flag, spelling, summary: summary)) { _ in
            value = newValue
            return true
        }
    }

    /// Declares an option with a value in a format; nil unless given.
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

    /// Declares an option with a value in a format, which has a default.
    public mutating func option<Value>(
        _ spelling: String, _ valueName: String, _ summary: String, _ value: inout Value,
        as format: ValueFormat<Value>, completing completion: Completion? = nil
    ) {
        var given: Value?
        option(spelling, valueName, summary, &given, as: format, completing: completion)
        if let given { value = given }
    }

    /// Declares an option with any text as its value; nil unless given.
    public mutating func option(
        _ spelling: String, _ valueName: String, _ summary: String, _ value: inout String?,
        completing completion: Completion? = nil, insteadOf operand: String? = nil
    ) {
        option(spelling, valueName, summary, &value, as: .text, completing: completion, insteadOf: operand)
    }

    /// Declares an option with an optional value, which can only be attached: `--name=VALUE`.
    ///
    /// - Parameter bare: the value if none is attached.
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

    /// Declares an option with any text as its value, which may be given any number of times.
    public mutating func repeatable(
        _ spelling: String, _ valueName: String, _ summary: String, _ values: inout [String],
        completing completion: Completion = .none
    ) {
        declareList(
            ParameterInfo(.option, spelling, valueName, summary: summary, completion, isRepeatable: true),
            &values)
    }
}

extension Parameters {
    /// Declares an operand in a format; nil unless given.
    ///
    /// - Parameter claimsChoices: see ``ParameterInfo/claimsChoices``.
    public mutating func operand<Value>(
        _ name: String, _ summary: String, _ value: inout Value?, as format: ValueFormat<Value>,
        isRequired: Bool = false, claimsChoices: Bool = false, completing completion: Completion? = nil
    ) {
        declare(
            ParameterInfo(
                .operand(atLeast: isRequired ? 1 : 0, atMost: 1), "", name, summary: summary,
                completion ?? format.completion, claimsChoices: claimsChoices), format.expected
        ) { format.store($0, in: &value) }
    }

    /// Declares an operand in a format, which has a default or is required.
    public mutating func operand<Value>(
        _ name: String, _ summary: String, _ value: inout Value, as format: ValueFormat<Value>,
        isRequired: Bool = true, completing completion: Completion? = nil
    ) {
        var given: Value?
        operand(name, summary, &given, as: format, isRequired: isRequired, completing: completion)
        if let given { value = given }
    }

    /// Declares an operand of any text; nil unless given.
    public mutating func operand(
        _ name: String, _ summary: String, _ value: inout String?, isRequired: Bool = false,
        completing completion: Completion? = nil
    ) {
        operand(name, summary, &value, as: .text, isRequired: isRequired, completing: completion)
    }

    /// Declares an operand of any text, which has a default or is required.
    public mutating func operand(
        _ name: String, _ summary: String, _ value: inout String, isRequired: Bool = true,
        completing completion: Completion? = nil
    ) {
        operand(name, summary, &value, as: .text, isRequired: isRequired, completing: completion)
    }

    /// Declares an operand that takes several words.
    public mutating func operands(
        _ name: String, _ summary: String, _ values: inout [String], atLeast: Int = 0, atMost: Int = .max,
        completing completion: Completion = .none
    ) {
        declareList(
            ParameterInfo(
                .operand(atLeast: atLeast, atMost: atMost), "", name, summary: summary, completion),
            &values)
    }
}

extension Parameters {
    /// Reads the words after a command's name; false if they ask for help.
    mutating func read(_ words: [String], of info: CommandInfo) throws(UsageError) -> Bool {
        var reader = ArgumentReader(words, parameters: infos, stopsAtFirstOperand: info.stopsAtFirstOperand)
        var operands: [String] = []
        while let argument = try reader.next() {
            switch argument {
            case .help:
                return false
            case .operand(let word):
                operands.append(word)
            case .option(let index, let value):
                if !infos[index].isRepeatable, isGiven(index) {
                    if reader.helpFollows { return false }
                    throw UsageError("option '\(infos[index].name)' was given twice")
                }
                values.append(GivenValue(index: index, text: value))
            }
        }
        isRead = true
        misplacedAdvice = info.misplacedAdvice
        do throws(UsageError) { try assign(operands, of: info) } catch { miscounted = error }
        return true
    }

    /// Assigns words to the operands: to each as many as it can take, less those that later ones require.
    private mutating func assign(_ words: [String], of info: CommandInfo) throws(UsageError) {
        let replacing = infos.indices.first { infos[$0].operandReplaced != nil && isGiven($0) }
        let replaced = replacing.flatMap { infos[$0].operandReplaced }
        let open = infos.indices.filter { infos[$0].isOperand && infos[$0].valueName != replaced }
        var required = open.reduce(0) { $0 + infos[$1].bounds.lowerBound }
        var rest = words[...]
        for (position, index) in open.enumerated() {
            let bounds = infos[index].bounds
            required -= bounds.lowerBound
            var count = max(bounds.lowerBound, min(bounds.upperBound, rest.count - required))
            if infos[index].claimsChoices, let word = rest.first,
                case .choices(let choices) = infos[index].completion
            {
                if choices.contains(word) {
                    count = 1
                } else if rest.count < open.count - position {
                    count = 0
                }
            }
            guard count <= rest.count else {
                throw UsageError("missing operand \(infos[index].valueName)", kind: .incomplete)
            }
            for word in rest.prefix(count) { values.append(GivenValue(index: index, text: word)) }
            rest = rest.dropFirst(count)
        }
        if rest.isEmpty { return }
        // The extra word is not repeated: it may be a secret in the wrong place.
        if let last = open.last {
            let name = infos[last].valueName
            let error = UsageError("unexpected operand after \(name)", kind: .tooManyOperands)
            throw misplaced(error, infos[last])
        }
        if let replacing {
            let option = infos[replacing].name
            throw UsageError("unexpected operand beside '\(option)'", kind: .tooManyOperands)
        }
        throw UsageError("unexpected operand: '\(info.name)' takes none", kind: .tooManyOperands)
    }

    private func isGiven(_ index: Int) -> Bool { values.contains { $0.index == index } }
}
