import CommandSyntax
import Testing

@Suite struct ProgramTests {
    private func resolve(_ words: String...) throws(UsageError) -> Invocation<Action> {
        try Action.program.resolve(words)
    }

    @Test func `a command is found by its name and its aliases`() throws {
        #expect(try resolve("put", "team") == .command(.put(Put(place: .team))))
        #expect(try resolve("store", "team") == .command(.put(Put(place: .team))))
        #expect(try resolve("lock") == .command(.lock))
        #expect(try resolve("hidden") == .command(.hidden))
    }

    @Test func `a group word before a command means nothing`() throws {
        #expect(
            try resolve("things", "put", "team", "--name=N") == .command(.put(Put(place: .team, name: "N"))))
        #expect(try resolve("things", "-q", "lock", "--help") == .help(Lock.completeInfo.help(in: "tool")))
        #expect(try resolve("put", "team", "things") == .command(.put(Put(place: .team, name: "things"))))
    }

    @Test(arguments: [
        ["things", "--help"], ["things", "help"], ["help", "things"], ["-q", "things", "-h"],
    ])
    func `the overview after a group word explains the word`(words: [String]) throws {
        let overview = Action.program.overview
        let explained = overview.replacing("tool COMMAND", with: "tool things COMMAND", maxReplacements: 1)
            .replacing("\n\nThings:", with: "\n\nThings are what this tool does.\n\nThings:")
        #expect(explained != overview)
        #expect(try Action.program.resolve(words) == .help(explained))
    }

    @Test func `shared options may stand before the command`() throws {
        let common = Common(vault: "put", quiet: true)
        #expect(
            try resolve("--vault", "put", "-q", "put", "team")
                == .command(.put(Put(place: .team, common: common))))
        #expect(
            try resolve("-q", "things", "--vault=put", "put", "team")
                == .command(.put(Put(place: .team, common: common))))
        #expect(throws: UsageError("option '--quiet' was given twice", hint: "see 'tool help put'")) {
            try resolve("-q", "put", "team", "-q")
        }
        #expect(throws: UsageError("unknown option '--force'", hint: "see 'tool help'")) {
            try resolve("--force", "put", "team")
        }
        #expect(throws: UsageError("unknown option '-q'", hint: "see 'tool help copy'")) {
            try resolve("-q", "copy", "a", "b")
        }
    }

    @Test func `words of the command are left alone`() throws {
        #expect(
            try resolve("start", "tool", "--version")
                == .command(.start(Start(words: ["tool", "--version"]))))
        #expect(try resolve("copy", "help", "things") == .command(.copy(Copy(from: "help", to: "things"))))
    }

    @Test(arguments: [
        ["--help"], ["-h"], ["help"], ["help", "--help"], ["help", "help"], ["-q", "-h"], ["-h", "put"],
    ])
    func `help without a topic is the overview`(words: [String]) throws {
        #expect(try Action.program.resolve(words) == .help(Action.program.overview))
    }

    @Test(arguments: [
        ["help", "copy"], ["help", "cp"], ["things", "help", "copy"], ["help", "things", "copy"],
        ["copy", "--help"],
        ["copy", "-h"], ["cp", "a", "b", "c", "--help"],
    ])
    func `help for a command`(words: [String]) throws {
        #expect(try Action.program.resolve(words) == .help(Copy.completeInfo.help(in: "tool")))
    }

    @Test func `help on a topic`() throws {
        #expect(try resolve("help", "codes") == .help("0 is done.\n"))
        #expect(throws: UsageError("unknown help topic 'code'", hint: "did you mean 'codes'?")) {
            try resolve("help", "code")
        }
        #expect(throws: UsageError("unexpected operand after TOPIC", hint: "see 'tool help'")) {
            try resolve("help", "put", "lock")
        }
    }

    @Test func `the version is asked for before a command`() throws {
        #expect(try resolve("--version") == .version)
        #expect(try resolve("-q", "--version") == .version)
        #expect(throws: UsageError("unknown option '--version'", hint: "see 'tool help lock'")) {
            try resolve("lock", "--version")
        }
    }

    @Test(arguments: [
        ("ptu", "put"), ("lokc", "lock"), ("sart", "start"), ("stroe", "store"), ("hlep", "help"),
    ])
    func `an unknown command suggests the nearest`(word: String, nearest: String) {
        #expect(throws: UsageError("unknown command '\(word)'", hint: "did you mean '\(nearest)'?")) {
            try resolve(word, "hunter2")
        }
    }

    @Test(arguments: ["hiden", "xyzzy", "x", "tsroe"])
    func `no suggestion is made from afar or of what is hidden`(word: String) {
        #expect(throws: UsageError("unknown command '\(word)'", hint: "see 'tool help'")) {
            try resolve(word)
        }
    }

    @Test func `a command is needed`() {
        let missing = UsageError("missing command", hint: "see 'tool help'")
        #expect(throws: missing) { try resolve() }
        #expect(throws: missing) { try resolve("-q") }
        #expect(throws: missing) { try resolve("things") }
        #expect(throws: missing) { try resolve("--") }
    }

    @Test func `an error points to the help of its command`() {
        #expect(throws: UsageError("missing operand FROM", hint: "see 'tool help copy'", kind: .incomplete)) {
            try resolve("cp")
        }
        #expect(throws: UsageError("both files are the same", hint: "see 'tool help copy'")) {
            try resolve("cp", "a", "a")
        }
        #expect(throws: UsageError("unknown option '--frce'", hint: "did you mean '--force'?")) {
            try resolve("put", "team", "--frce")
        }
    }

    @Test func `help goes before a complaint about an earlier option`() throws {
        #expect(try resolve("--bogus", "--help") == .help(Action.program.overview))
    }
}

@Suite struct InconsistencyTests {
    @Test func `sound tables have none`() {
        #expect(Action.program.inconsistencies == [])
    }

    @Test func `contradictions in a table are found`() {
        struct Sample: ParsedCommand {
            var value = Put()
            static let info = CommandInfo(name: "x", summary: "ends in a stop.")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.flag("-h --force", "Fine", &value.force)
                parameters.flag("--force", "Fine", &value.all)
                parameters.flag("-x", "Fine", &value.force)
                parameters.flag("-long --long", "", &value.force)
                parameters.option("--name", "NAME", "Fine", &value.name, insteadOf: "NAME")
            }
        }
        #expect(
            Sample.completeInfo.inconsistencies == [
                "x: --force occurs twice", "x: -h occurs twice", "x: no long spelling: -x",
                "x: short option --long", "x: --name replaces an unknown operand NAME",
                "x: summary of --long",
                "x: summary",
            ])
    }

    @Test func `two commands of one name are found`() {
        let program = Program<Action>(
            name: "t", summary: "T",
            sections: [Section("S", [Verb(Lock.self) { _ in .lock }, Verb(Lock.self) { _ in .lock }])])
        #expect(program.inconsistencies == ["lock occurs twice"])
    }
}
