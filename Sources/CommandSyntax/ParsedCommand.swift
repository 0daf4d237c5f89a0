// One declaration describes a command: the parser, the help text, completions and the manual page read the same lines, so that they
// cannot drift apart. Nothing here does I/O or knows what a command is for: words come in, and a plain value or a `UsageError` comes out.

/// A command that is read from a command line: its properties hold the values of its options and operands.
public protocol ParsedCommand: Sendable {
    /// What the command is called, and its texts.
    static var info: CommandInfo { get }

    /// The command as it is without any option or operand.
    init()

    /// Declares each option and operand, with the property that holds its value.
    mutating func declare(_ parameters: inout Parameters)
}

extension ParsedCommand {
    /// Reads the words that follow the command's name.
    ///
    /// - Returns: nil if they ask for help.
    public static func parse(_ words: [String]) throws(UsageError) -> Self? {
        var command = Self()
        var parameters = Parameters()
        command.declare(&parameters)
        guard try parameters.read(words, of: info) else { return nil }
        command.declare(&parameters)
        if let error = parameters.error { throw error }
        return command
    }

    /// The command's name and texts, with its options and operands.
    public static var completeInfo: CommandInfo {
        var info = info
        info.parameters = Parameters.declared { parameters in
            var command = Self()
            command.declare(&parameters)
        }
        return info
    }
}

/// The name and texts of a command, for help, completions and the manual page.
public struct CommandInfo: Sendable {
    /// The name that it is called by.
    public let name: String
    /// Other names for it.
    public let aliases: [String]
    /// One line: what it does, with a capital and without a full stop.
    public let summary: String
    /// Paragraphs that say more, or nothing.
    public let discussion: String
    /// Whether it is left out of the overview, of suggestions and of completions.
    public let isHidden: Bool
    /// Whether the first operand ends the options.
    public let stopsAtFirstOperand: Bool
    /// Its options and operands, in the order in which they are declared, without the `--help` that every command has.
    public internal(set) var parameters: [ParameterInfo] = []

    let givenUsage: String?

    /// Describes a command.
    ///
    /// - Parameters:
    ///   - usage: what follows the name and `[options]` in the usage line, one line for each form; nil makes it from the operands.
    ///   - discussion: paragraphs with empty lines between them; indented lines are kept as they are.
    ///   - stopsAtFirstOperand: whether everything from the first operand on is an operand, whatever it looks like.
    public init(
        name: String, aliases: [String] = [], usage: String? = nil, summary: String, discussion: String = "",
        isHidden: Bool = false, stopsAtFirstOperand: Bool = false
    ) {
        self.name = name
        self.aliases = aliases
        givenUsage = usage
        self.summary = summary
        self.discussion = discussion
        self.isHidden = isHidden
        self.stopsAtFirstOperand = stopsAtFirstOperand
    }

    /// The name and the aliases.
    public var names: [String] { [name] + aliases }

    func isNamed(_ word: String) -> Bool { word == name || aliases.contains(word) }
}
