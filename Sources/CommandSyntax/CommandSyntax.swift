// One table describes a command: the parser, the help text, and whatever else is drawn from it (completions,
// a man page) read the same lines, so that they cannot drift apart. Nothing here does I/O or knows what a
// command is for: words come in, and a plain value or a `UsageError` comes out.

/// The table of one command, whose parsed form is a plain `Command`.
public struct Syntax<Command>: Sendable {
    /// The command's name and texts.
    public let outline: CommandOutline

    let initial: @Sendable () -> Command
    let parameters: @Sendable () -> Parameters<Command>

    /// Describes a command that starts as `initial` and is filled in by its parameters.
    ///
    /// `usage` is what follows the name and `[options]` in the usage line, one line for each form; without
    /// it, it is made from the operands. The paragraphs of `discussion` are separated by empty lines;
    /// indented lines are kept as they are. With `stopsAtFirstOperand` everything from the first operand on
    /// is an operand, whatever it looks like.
    ///
    /// The parameters are a closure so that a program pays only for the table of the command that it runs.
    public init(
        _ initial: @autoclosure @escaping @Sendable () -> Command, name: String, aliases: [String] = [],
        usage: String? = nil, summary: String, discussion: String = "", isHidden: Bool = false,
        stopsAtFirstOperand: Bool = false,
        parameters: @autoclosure @escaping @Sendable () -> Parameters<Command>
    ) {
        self.initial = initial
        self.parameters = parameters
        outline = CommandOutline(
            name: name, aliases: aliases, givenUsage: usage, summary: summary, discussion: discussion,
            isHidden: isHidden, stopsAtFirstOperand: stopsAtFirstOperand,
            list: { parameters().outlines })
    }
}

/// All that help, completions and a man page need to know of a command: everything but its effect.
public struct CommandOutline: Sendable {
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

    let givenUsage: String?
    private let list: @Sendable () -> [ParameterOutline]

    init(
        name: String, aliases: [String], givenUsage: String?, summary: String, discussion: String,
        isHidden: Bool, stopsAtFirstOperand: Bool, list: @escaping @Sendable () -> [ParameterOutline]
    ) {
        self.name = name
        self.aliases = aliases
        self.givenUsage = givenUsage
        self.summary = summary
        self.discussion = discussion
        self.isHidden = isHidden
        self.stopsAtFirstOperand = stopsAtFirstOperand
        self.list = list
    }

    /// Its options and operands, in the order of the table, without the `--help` that every command has.
    public var parameters: [ParameterOutline] { list() }

    /// The name and the aliases.
    public var names: [String] { [name] + aliases }
}
