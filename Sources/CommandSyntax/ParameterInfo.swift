/// All that the parser, help, completions and a man page need to know of a parameter: everything but its
/// effect.
public struct ParameterInfo: Equatable, Sendable {
    /// What a parameter takes.
    public enum Kind: Equatable, Sendable {
        /// An option without a value.
        case flag
        /// An option with a value: `--name VALUE` or `--name=VALUE`.
        case option
        /// An option whose value can only be given as `--name=VALUE`, and can be left out.
        case optionalValue
        /// A word in its place, from `atLeast` to `atMost` times.
        case operand(atLeast: Int, atMost: Int)
    }

    /// What it takes.
    public let kind: Kind
    /// The short spelling, such as `-q`.
    public let short: String?
    /// The long spelling, such as `--quiet`.
    public let long: String?
    /// What its value is called in help, such as `FILE`; empty for a flag.
    public let valueName: String
    /// What it does, with a capital and without a full stop.
    public let summary: String
    /// How a shell can complete its value.
    public let completion: Completion
    /// Whether an option may be given more than once.
    public let isRepeatable: Bool
    /// The operand that this option is another way to give.
    public let operandReplaced: String?
    /// The heading that it stands under in help; nil among the command's own.
    public internal(set) var group: String?

    init(
        _ kind: Kind, _ spelling: String = "", _ valueName: String = "", summary: String,
        _ completion: Completion = .none, isRepeatable: Bool = false, operandReplaced: String? = nil
    ) {
        self.kind = kind
        if spelling.isEmpty {
            (short, long) = (nil, nil)
        } else if spelling.utf8.starts(with: "--".utf8) {
            (short, long) = (nil, spelling)
        } else {
            let spellings = spelling.split(separator: " ").map(String.init)
            short = spellings.first
            long = spellings.dropFirst().first
        }
        self.valueName = valueName
        self.summary = summary
        self.completion = completion
        self.isRepeatable = isRepeatable
        self.operandReplaced = operandReplaced
    }

    /// The name used in messages: the long spelling, else the short one, else the operand's name.
    public var name: String { long ?? short ?? valueName }

    /// Whether it is a word in its place, not an option.
    public var isOperand: Bool {
        if case .operand = kind { true } else { false }
    }
}

/// How a shell can complete the value of a parameter.
public enum Completion: Equatable, Sendable {
    /// Not at all.
    case none
    /// With names of files.
    case file
    /// With names of programs.
    case command
    /// With one of these words.
    case choices([String])
    /// With what the program itself answers for this kind of word.
    case dynamic(String)
}
