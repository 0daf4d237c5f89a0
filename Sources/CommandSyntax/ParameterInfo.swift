/// The description of an option or operand, for the parser, the help, the completions and the manual page.
public struct ParameterInfo: Equatable, Sendable {
    /// The kinds of parameters.
    public enum Kind: Equatable, Sendable {
        /// An option without a value.
        case flag
        /// An option with a value: `--name VALUE` or `--name=VALUE`.
        case option
        /// An option with an optional value, which can only be given as `--name=VALUE`.
        case optionalValue
        /// A positional argument that takes from `atLeast` to `atMost` words.
        case operand(atLeast: Int, atMost: Int)
    }

    /// The kind of parameter.
    public let kind: Kind
    /// The short spelling, such as `-q`.
    public let short: String?
    /// The long spelling, such as `--quiet`.
    public let long: String?
    /// The name of its value in help, such as `FILE`; empty for a flag.
    public let valueName: String
    /// One line that describes it, with a capital and without a full stop.
    public let summary: String
    /// How a shell completes its value.
    public let completion: Completion
    /// True if an option may be given more than once.
    public let isRepeatable: Bool
    /// The operand that this option can be given instead of.
    public let operandReplaced: String?
    /// True if an operand takes a word that is one of its choices even if a later operand then lacks one, and leaves any other word to
    /// the later operands.
    public let claimsChoices: Bool
    /// Its heading in help; nil for the command's own options.
    public internal(set) var group: String?

    init(
        _ kind: Kind, _ spelling: String = "", _ valueName: String = "", summary: String,
        _ completion: Completion = .none, isRepeatable: Bool = false, operandReplaced: String? = nil,
        claimsChoices: Bool = false
    ) {
        self.kind = kind
        let spellings = spelling.utf8.split(separator: UInt8(ascii: " "))
        short = spellings.first { !$0.starts(with: "--".utf8) }.map { String(Substring($0)) }
        long = spellings.first { $0.starts(with: "--".utf8) }.map { String(Substring($0)) }
        (self.valueName, self.summary, self.completion) = (valueName, summary, completion)
        (self.isRepeatable, self.operandReplaced) = (isRepeatable, operandReplaced)
        self.claimsChoices = claimsChoices
    }

    /// The name for messages: the long spelling, else the short one, else the operand's name.
    public var name: String { long ?? short ?? valueName }

    /// True if it is an operand, not an option.
    public var isOperand: Bool {
        if case .operand = kind { true } else { false }
    }

    /// Returns the choice of which a word is probably a misspelling; nil if there is none.
    func choice(near word: String?) -> String? {
        guard let word, case .choices(let choices) = completion else { return nil }
        return Suggestion.nearest(to: word, among: choices)
    }

    /// How many words it takes as an operand; zero for an option.
    var bounds: ClosedRange<Int> {
        if case .operand(let atLeast, let atMost) = kind { atLeast...max(atLeast, atMost) } else { 0...0 }
    }
}

/// How a shell completes the value of a parameter.
public enum Completion: Equatable, Sendable {
    /// Not at all.
    case none
    /// With file names.
    case file
    /// With names of programs.
    case command
    /// With one of these words.
    case choices([String])
    /// With words of this kind, which the program lists itself.
    case dynamic(String)
}
