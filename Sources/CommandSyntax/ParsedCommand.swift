/// A command that is read from a command line: its properties hold the values of its options and operands.
///
/// ```swift
/// struct Greet: ParsedCommand {
///     var name: String?
///     var isLoud = false
///
///     static let info = CommandInfo(name: "greet", summary: "Greet somebody")
///
///     mutating func declare(_ parameters: inout Parameters) {
///         parameters.operand("NAME", "Whom to greet", &name)
///         parameters.flag("-l --loud", "Use capital letters", &isLoud)
///     }
/// }
/// ```
///
/// The parser, the help, the completions and the manual page all derive from ``declare(_:)``, so they cannot disagree. This module does
/// no I/O and does not know what a command does: it turns words into a value of this type or a ``UsageError``.
public protocol ParsedCommand: Sendable {
    /// The name of the command and its help texts.
    static var info: CommandInfo { get }

    /// Creates the command with its defaults, as without any option or operand.
    init()

    /// Declares each option and operand, together with the property that receives its value.
    mutating func declare(_ parameters: inout Parameters)
}

extension ParsedCommand {
    /// Parses the words after the command's name; nil if they ask for help.
    public static func parse(_ words: [String]) throws(UsageError) -> Self? {
        var command = Self()
        var parameters = Parameters()
        command.declare(&parameters)
        guard try parameters.read(words, of: info) else { return nil }
        command.declare(&parameters)
        if let error = parameters.error { throw error }
        return command
    }

    /// The name and help texts of the command, with its options and operands.
    public static var completeInfo: CommandInfo {
        var info = info
        info.parameters = Parameters.declared { parameters in
            var command = Self()
            command.declare(&parameters)
        }
        return info
    }
}

/// The name and help texts of a command.
public struct CommandInfo: Sendable {
    /// The name that calls it.
    public let name: String
    /// Other names for it.
    public let aliases: [String]
    /// One line that says what it does, with a capital and without a full stop.
    public let summary: String
    /// More paragraphs of help; may be empty.
    public let discussion: String
    /// True if the overview, suggestions and completions omit it.
    public let isHidden: Bool
    /// True if the first operand ends the options.
    public let stopsAtFirstOperand: Bool
    /// Its options and operands in the order of declaration, without the `--help` that every command has.
    public internal(set) var parameters: [ParameterInfo] = []

    let givenUsage: String?
    let misplacedAdvice: MisplacedAdvice?
    let advice: Advice

    /// Returns a hint for an error in the command's words that is better than the usual one; nil if it knows none.
    public typealias Advice = @Sendable (UsageError.Kind, [String]) -> String?

    /// The end of the message and the hint for an operand too many, or one in the place of another.
    public struct MisplacedAdvice: Sendable {
        let message, hint: String

        /// Creates the end of a message, without a full stop, and its hint.
        public init(message: String, hint: String) { (self.message, self.hint) = (message, hint) }
    }

    /// Describes a command.
    ///
    /// - Parameters:
    ///   - usage: the usage line after the name and `[options]`, one line for each form; nil derives it from the operands.
    ///   - discussion: paragraphs separated by empty lines; indented lines keep their line breaks.
    ///   - stopsAtFirstOperand: whether all words after the first operand are operands, even those that begin with a dash.
    ///   - misplacedAdvice: what to add to the error for an operand too many, or one in the place of another.
    ///   - advice: gives hints for mistakes that are typical of this command.
    public init(
        name: String, aliases: [String] = [], usage: String? = nil, summary: String, discussion: String = "",
        isHidden: Bool = false, stopsAtFirstOperand: Bool = false, misplacedAdvice: MisplacedAdvice? = nil,
        advice: @escaping Advice = { _, _ in nil }
    ) {
        self.name = name
        self.aliases = aliases
        givenUsage = usage
        (self.summary, self.discussion, self.isHidden) = (summary, discussion, isHidden)
        self.stopsAtFirstOperand = stopsAtFirstOperand
        self.misplacedAdvice = misplacedAdvice
        self.advice = advice
    }

    /// The name and the aliases.
    public var names: [String] { [name] + aliases }

    func isNamed(_ word: String) -> Bool { word == name || aliases.contains(word) }
}
