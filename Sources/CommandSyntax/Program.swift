/// The description of a whole program: its commands and its help topics.
///
/// `Action` is the type that the program turns each parsed command into.
public struct Program<Action>: Sendable {
    /// The name that calls it.
    public let name: String
    /// One line that says what it does, with a capital and without a full stop.
    public let summary: String
    /// More paragraphs of help; may be empty.
    public let discussion: String
    /// The names of the commands that the overview describes, with blanks between them, while it only names the others;
    /// empty describes all.
    public let everyday: String
    /// Words that are allowed before any command and have no effect.
    public let groupWords: [String]
    /// Returns what is suggested for a word by which other programs call a command; nil if there is nothing.
    public let synonym: @Sendable (String) -> String?
    /// A paragraph that says what the group words are for; the overview begins with it after one of them.
    public let groupDiscussion: String
    /// The options of the commands that may also precede the command; computed at each use, since few command lines need them.
    public var sharedOptions: [ParameterInfo] { makeSharedOptions() }
    /// The commands, grouped by heading.
    public let sections: [Section<Action>]
    /// The help topics other than commands.
    public let topics: [HelpTopic]

    private let makeSharedOptions: @Sendable () -> [ParameterInfo]

    /// Describes a program.
    public init(
        name: String, summary: String, discussion: String = "", groupWords: [String] = [],
        groupDiscussion: String = "", everyday: String = "",
        synonym: @escaping @Sendable (String) -> String? = { _ in nil },
        sharedOptions: @autoclosure @escaping @Sendable () -> [ParameterInfo] = [],
        sections: [Section<Action>], topics: [HelpTopic] = []
    ) {
        (self.name, self.summary, self.discussion) = (name, summary, discussion)
        (self.groupWords, self.groupDiscussion, self.everyday) = (groupWords, groupDiscussion, everyday)
        self.synonym = synonym
        makeSharedOptions = sharedOptions
        self.sections = sections
        self.topics = topics
    }

    /// All commands, including hidden ones.
    public var verbs: [Verb<Action>] { sections.flatMap(\.verbs) }
}

/// Commands under one heading of the overview.
public struct Section<Action>: Sendable {
    /// The heading, without a colon.
    public let title: String
    /// The commands, in the order of the overview.
    public let verbs: [Verb<Action>]

    /// Groups commands under a heading.
    public init(_ title: String, _ verbs: [Verb<Action>]) {
        self.title = title
        self.verbs = verbs
    }
}

/// A command of a program, with the type of the parsed command erased.
public struct Verb<Action>: Sendable {
    private let command: any ParsedCommand.Type
    /// Parses the words after the name; nil if they ask for help.
    let parse: @Sendable ([String]) throws(UsageError) -> Action?

    /// Describes a command, and the action that it becomes when parsed.
    ///
    /// - Parameter action: may throw for what declarations cannot express, such as options that exclude each other.
    public init<Command: ParsedCommand>(
        _ command: Command.Type, _ action: @escaping @Sendable (Command) throws(UsageError) -> Action
    ) {
        self.command = command
        parse = { (words: [String]) throws(UsageError) -> Action? in
            guard let command = try Command.parse(words) else { return nil }
            return try action(command)
        }
    }

    /// Its name, help texts, options and operands.
    public var info: CommandInfo { command.completeInfo }

    var name: String { command.info.name }

    /// Returns whether a word is its name or one of its aliases.
    func isNamed(_ word: String) -> Bool { command.info.isNamed(word) }
}

/// A help text that does not belong to a command.
public struct HelpTopic: Sendable {
    /// The word that selects it: `help NAME`.
    public let name: String
    /// One line for the overview, with a capital and without a full stop.
    public let summary: String
    /// Paragraphs, in the form of a command's discussion; computed at each use, since few command lines need them.
    public var text: String { makeText() }

    private let makeText: @Sendable () -> String

    /// Describes a topic.
    public init(name: String, summary: String, text: @autoclosure @escaping @Sendable () -> String) {
        (self.name, self.summary) = (name, summary)
        makeText = text
    }
}
