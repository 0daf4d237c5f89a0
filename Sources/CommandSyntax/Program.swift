/// The table of a whole program: its commands, and the topics of its help.
///
/// `Action` is what the top floor makes of a parsed command.
public struct Program<Action>: Sendable {
    /// The name that it is called by.
    public let name: String
    /// One line: what it is, with a capital and without a full stop.
    public let summary: String
    /// Paragraphs that say more, or nothing.
    public let discussion: String
    /// Words that may stand before any command and mean nothing.
    public let groupWords: [String]
    /// Options of the commands that may also stand before the command.
    ///
    /// Made anew at each use, since most command lines never look at them.
    public var sharedOptions: [ParameterOutline] { makeSharedOptions() }
    /// The commands, under their headings.
    public let sections: [Section<Action>]
    /// What `help` can explain beside the commands.
    public let topics: [HelpTopic]

    private let makeSharedOptions: @Sendable () -> [ParameterOutline]

    /// Describes a program.
    public init(
        name: String, summary: String, discussion: String = "", groupWords: [String] = [],
        sharedOptions: @autoclosure @escaping @Sendable () -> [ParameterOutline] = [],
        sections: [Section<Action>], topics: [HelpTopic] = []
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.groupWords = groupWords
        makeSharedOptions = sharedOptions
        self.sections = sections
        self.topics = topics
    }

    /// All commands, hidden ones too.
    public var verbs: [Verb<Action>] { sections.flatMap(\.verbs) }
}

/// Commands that stand under one heading in the overview.
public struct Section<Action>: Sendable {
    /// The heading, without a colon.
    public let title: String
    /// The commands, in the order of the overview.
    public let verbs: [Verb<Action>]

    /// Puts commands under a heading.
    public init(_ title: String, _ verbs: [Verb<Action>]) {
        self.title = title
        self.verbs = verbs
    }
}

/// A command of a program, without the type of its parsed form.
public struct Verb<Action>: Sendable {
    /// What it is called by: its name, then its aliases.
    public let names: [String]
    /// The command's name and texts.
    public var outline: CommandOutline { makeOutline() }

    let parse: @Sendable ([String]) throws(UsageError) -> Parsed<Action>
    private let makeOutline: @Sendable () -> CommandOutline

    /// A command by its table, and what becomes of it once parsed.
    ///
    /// - Parameters:
    ///   - names: the names in the table, repeated here so that a program finds the command that it runs
    ///     without making the tables of all others.
    ///   - action: may refuse what no table can express, such as options that exclude each other.
    public init<Command>(
        named names: [String]? = nil, _ syntax: @autoclosure @escaping @Sendable () -> Syntax<Command>,
        _ action: @escaping @Sendable (Command) throws(UsageError) -> Action
    ) {
        self.names = names ?? syntax().outline.names
        makeOutline = { syntax().outline }
        parse = { (words: [String]) throws(UsageError) -> Parsed<Action> in
            switch try syntax().parse(words) {
            case .command(let command): .command(try action(command))
            case .help: .help
            }
        }
    }
}

/// A text of help that belongs to no command.
public struct HelpTopic: Sendable {
    /// The word that asks for it: `help NAME`.
    public let name: String
    /// One line for the overview, with a capital and without a full stop.
    public let summary: String
    /// Paragraphs, laid out as the discussion of a command is.
    public let text: String

    /// Describes a topic.
    public init(name: String, summary: String, text: String) {
        self.name = name
        self.summary = summary
        self.text = text
    }
}
