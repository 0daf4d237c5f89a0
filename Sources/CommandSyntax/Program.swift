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
    public var sharedOptions: [ParameterInfo] { makeSharedOptions() }
    /// The commands, under their headings.
    public let sections: [Section<Action>]
    /// What `help` can explain beside the commands.
    public let topics: [HelpTopic]

    private let makeSharedOptions: @Sendable () -> [ParameterInfo]

    /// Describes a program.
    public init(
        name: String, summary: String, discussion: String = "", groupWords: [String] = [],
        sharedOptions: @autoclosure @escaping @Sendable () -> [ParameterInfo] = [],
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
    /// Its name, texts, options and operands.
    public var info: CommandInfo { makeInfo() }

    /// What it is called by.
    let name: String
    /// Whether a word is its name or one of its aliases.
    let isNamed: @Sendable (String) -> Bool
    /// What the words that follow the name make of it; nil if they ask for help.
    let parse: @Sendable ([String]) throws(UsageError) -> Action?
    private let makeInfo: @Sendable () -> CommandInfo

    /// A command, and what becomes of it once it is parsed.
    ///
    /// - Parameter action: may refuse what no declaration can express, such as options that exclude each other.
    public init<Command: ParsedCommand>(
        _ command: Command.Type, _ action: @escaping @Sendable (Command) throws(UsageError) -> Action
    ) {
        name = Command.info.name
        isNamed = { Command.info.isNamed($0) }
        makeInfo = { Command.completeInfo }
        parse = { (words: [String]) throws(UsageError) -> Action? in
            guard let command = try Command.parse(words) else { return nil }
            return try action(command)
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
