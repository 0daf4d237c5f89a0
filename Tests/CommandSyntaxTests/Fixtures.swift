import CommandSyntax

enum Place: String, CaseIterable, Sendable {
    case team, project, cluster
}

struct Common: Equatable, Sendable {
    var vault: String?
    var quiet = false

    static var options: [ParameterInfo] {
        Parameters.declared { parameters in
            var common = Common()
            common.declare(&parameters)
        }
    }

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option("--vault", "FILE", "Use this vault", &vault, completing: .file)
        parameters.flag("-q --quiet", "Say less", &quiet)
    }
}

/// A command with parameters of every kind.
struct Put: ParsedCommand, Equatable {
    var place: Place?
    var name: String?
    var value: String?
    var level = 3
    var generate: Int?
    var force = false
    var all = true
    var output: String?
    var variables: [String] = []
    var ports: [String] = []
    var common = Common()

    static let info = CommandInfo(
        name: "put", aliases: ["store"], summary: "Put something somewhere",
        discussion: """
            The first paragraph is long enough that it has to be broken over more than one single line \
            of the help.

                an example, kept as it is

            The second paragraph.
            """)
    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("PLACE", "Where to put it", &place, as: .oneOf, isRequired: true)
        parameters.operand("NAME", "Its name", &name)
        parameters.option("--name", "NAME", "Its name", &name, insteadOf: "NAME")
        parameters.option("--value", "V", "Its value", &value)
        parameters.option("-l --level", "N", "How far up it goes", &level, as: .number(in: 0...9))
        parameters.option(
            "--generate", optional: "LENGTH", "Make up a value", &generate, as: .number(in: 1...64),
            bare: 32)
        parameters.flag("-f --force", "Do it anyway", &force)
        parameters.flag("--no-all", "Leave some out", &all, sets: false)
        parameters.option("-o --output", "FILE", "Where to write", &output, completing: .file)
        parameters.repeatable("-e --env", "K=V", "Set a variable", &variables)
        parameters.repeatable("--port", "N", "Open a port", &ports)
        parameters.group("Common options") { common.declare(&$0) }
    }

    /// Parses words; nil if they ask for help.
    static func parse(_ words: String...) throws(UsageError) -> Put? {
        try parse(words)
    }
}

/// A command that starts another program.
struct Start: ParsedCommand, Equatable {
    var only: [String] = []
    var words: [String] = []
    var common = Common()

    static let info = CommandInfo(
        name: "start", usage: "[--] COMMAND [ARGUMENT...]", summary: "Start a command",
        stopsAtFirstOperand: true)
    mutating func declare(_ parameters: inout Parameters) {
        parameters.repeatable("--only", "GLOB", "Take only these", &only)
        parameters.operands("COMMAND", "What to start", &words, atLeast: 1, completing: .command)
        parameters.group("Common options") { common.declare(&$0) }
    }
}

struct Copy: ParsedCommand, Equatable {
    var from = ""
    var to = "-"

    static let info = CommandInfo(name: "copy", aliases: ["cp"], summary: "Copy a file")
    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("FROM", "The old file", &from, completing: .file)
        parameters.operand("TO", "The new file", &to, isRequired: false, completing: .file)
    }
}

struct Lock: ParsedCommand, Equatable {
    static let info = CommandInfo(name: "lock", summary: "Lock it")
    mutating func declare(_ parameters: inout Parameters) {}
}

struct Hidden: ParsedCommand, Equatable {
    static let info = CommandInfo(name: "hidden", summary: "Not for people", isHidden: true)
    mutating func declare(_ parameters: inout Parameters) {}
}

enum Action: Equatable {
    case put(Put)
    case start(Start)
    case copy(Copy)
    case lock
    case hidden

    static let program = Program<Action>(
        name: "tool", summary: "A tool for tests", groupWords: ["things"],
        groupDiscussion: "Things are what this tool does.",
        sharedOptions: Common.options,
        sections: [
            Section(
                "Things",
                [
                    Verb(Put.self, Action.put),
                    Verb(Copy.self) { (copy) throws(UsageError) in
                        guard copy.from != copy.to else { throw UsageError("both files are the same") }
                        return .copy(copy)
                    },
                ]),
            Section(
                "Others",
                [
                    Verb(Start.self, Action.start),
                    Verb(Lock.self) { _ in .lock },
                    Verb(Hidden.self) { _ in .hidden },
                ]),
        ],
        topics: [HelpTopic(name: "codes", summary: "The exit codes", text: "0 is done.")])
}
