import CommandSyntax

enum Place: String, CaseIterable {
    case team, project, cluster
}

struct Common: Equatable {
    var vault: String?
    var quiet = false

    static let parameters: Parameters<Common> = [
        .option("--vault", "FILE", "Use this vault", \.vault, completing: .file),
        .flag("-q --quiet", "Say less", \.quiet),
    ]
}

/// A command with a parameter of every kind.
struct Put: Equatable {
    var place: Place?
    var name: String?
    var value: String?
    var level = 3
    var generate: Int?
    var force = false
    var all = true
    var output: String?
    var variables: [String] = []
    var ports: [Int] = []
    var common = Common()

    static let syntax = Syntax(
        Put(), name: "put", aliases: ["store"], summary: "Put something somewhere",
        discussion: """
            The first paragraph is long enough that it has to be broken over more than one single line \
            of the help.

                an example, kept as it is

            The second paragraph.
            """,
        parameters: [
            .operand("PLACE", "Where to put it", \.place, as: .oneOf, isRequired: true),
            .operand("NAME", "Its name", \.name),
            .option("--name", "NAME", "Its name", \.name, insteadOf: "NAME"),
            .option("--value", "V", "Its value", \.value),
            .option("-l --level", "N", "How far up it goes", \.level, as: .number(in: 0...9)),
            .option(
                "--generate", optional: "LENGTH", "Make up a value", \.generate, as: .number(in: 1...64),
                bare: 32),
            .flag("-f --force", "Do it anyway", \.force),
            .flag("--no-all", "Leave some out", \.all, sets: false),
            .option("-o --output", "FILE", "Where to write", \.output, completing: .file),
            .repeatable("-e --env", "K=V", "Set a variable", \.variables),
            .repeatable("--port", "N", "Open a port", \.ports, as: .number(in: 1...65535)),
            .options(Common.parameters, \.common, group: "Common options"),
        ])

    /// What the words make of it; nil when they ask for help.
    static func parse(_ words: String...) throws(UsageError) -> Put? {
        try parse(words)
    }

    static func parse(_ words: [String]) throws(UsageError) -> Put? {
        switch try syntax.parse(words) {
        case .command(let put): put
        case .help: nil
        }
    }
}

/// A command that starts another.
struct Start: Equatable {
    var only: [String] = []
    var words: [String] = []
    var common = Common()

    static let syntax = Syntax(
        Start(), name: "start", usage: "[--] COMMAND [ARGUMENT...]", summary: "Start a command",
        stopsAtFirstOperand: true,
        parameters: [
            .repeatable("--only", "GLOB", "Take only these", \.only),
            .operands("COMMAND", "What to start", \.words, atLeast: 1, completing: .command),
            .options(Common.parameters, \.common, group: "Common options"),
        ])
}

struct Copy: Equatable {
    var from = ""
    var to = "-"

    static let syntax = Syntax(
        Copy(), name: "copy", aliases: ["cp"], summary: "Copy a file",
        parameters: [
            .operand("FROM", "The old file", \.from, completing: .file),
            .operand("TO", "The new file", \.to, isRequired: false, completing: .file),
        ])
}

struct Lock: Equatable {
    static let syntax = Syntax(Lock(), name: "lock", summary: "Lock it", parameters: [])
}

struct Hidden: Equatable {
    static let syntax = Syntax(
        Hidden(), name: "hidden", summary: "Not for people", isHidden: true, parameters: [])
}

enum Action: Equatable {
    case put(Put)
    case start(Start)
    case copy(Copy)
    case lock
    case hidden

    static let program = Program<Action>(
        name: "tool", summary: "A tool for tests", groupWords: ["things"],
        sharedOptions: Common.parameters.outlines,
        sections: [
            Section(
                "Things",
                [
                    Verb(Put.syntax, Action.put),
                    Verb(Copy.syntax) { (copy) throws(UsageError) in
                        guard copy.from != copy.to else { throw UsageError("both files are the same") }
                        return .copy(copy)
                    },
                ]),
            Section(
                "Others",
                [
                    Verb(Start.syntax, Action.start),
                    Verb(Lock.syntax) { _ in .lock },
                    Verb(Hidden.syntax) { _ in .hidden },
                ]),
        ],
        topics: [HelpTopic(name: "codes", summary: "The exit codes", text: "0 is done.")])
}
