import CommandSyntax
import Testing

@Suite struct OptionTests {
    @Test func `nothing given leaves the defaults`() throws {
        #expect(try Put.parse("team") == Put(place: .team))
    }

    @Test func `a value follows its option or an equals sign`() throws {
        #expect(try Put.parse("team", "--value", "x")?.value == "x")
        #expect(try Put.parse("team", "--value=x")?.value == "x")
        #expect(try Put.parse("team", "--value=a=b")?.value == "a=b")
    }

    @Test func `a value may be empty`() throws {
        #expect(try Put.parse("team", "--value=")?.value == "")
        #expect(try Put.parse("team", "--value", "")?.value == "")
    }

    @Test(arguments: ["-x", "--force", "--", "-", "--help", "-h", "--value"])
    func `the word after an option is its value, whatever it looks like`(word: String) throws {
        #expect(try Put.parse("team", "--value", word) == Put(place: .team, value: word))
        #expect(try Put.parse("team", "--value=\(word)") == Put(place: .team, value: word))
    }

    @Test func `a missing value is refused`() {
        #expect(throws: UsageError("option '--value' needs a value", kind: .incomplete)) {
            try Put.parse("team", "--value")
        }
        #expect(throws: UsageError("option '--output' needs a value", kind: .incomplete)) {
            try Put.parse("team", "-o")
        }
    }

    @Test func `options stand before or after operands`() throws {
        let expected = Put(place: .team, name: "N", value: "v", force: true)
        #expect(try Put.parse("--value", "v", "--force", "team", "N") == expected)
        #expect(try Put.parse("team", "--force", "N", "--value=v") == expected)
        #expect(try Put.parse("team", "N", "--value", "v", "--force") == expected)
    }

    @Test(arguments: [
        (["--force", "--force"], "--force"), (["-f", "--force"], "--force"), (["-ff"], "--force"),
        (["--name", "a", "--name=a"], "--name"), (["-o", "a", "--output", "b"], "--output"),
        (["--generate", "--generate=3"], "--generate"), (["--no-all", "--no-all"], "--no-all"),
        (["--quiet", "-q"], "--quiet"),
    ])
    func `an option given twice is refused`(words: [String], name: String) {
        #expect(throws: UsageError("option '\(name)' was given twice")) { try Put.parse(["team"] + words) }
    }

    @Test func `a repeatable option keeps every value in order`() throws {
        #expect(
            try Put.parse("team", "-e", "A=1", "--env=B=2", "--env", "A=1")?.variables == [
                "A=1", "B=2", "A=1",
            ])
        #expect(try Put.parse("team", "--port=1", "--port", "2")?.ports == ["1", "2"])
    }

    @Test func `a flag takes no value`() {
        #expect(throws: UsageError("option '--force' takes no value")) {
            try Put.parse("team", "--force=yes")
        }
        #expect(throws: UsageError("option '--force' takes no value")) { try Put.parse("team", "--force=") }
        #expect(throws: UsageError("option '--force' takes no value")) { try Put.parse("team", "-f=yes") }
        #expect(throws: UsageError("option '--help' takes no value")) { try Put.parse("team", "--help=put") }
    }

    @Test func `a value may have a default`() throws {
        #expect(try Put.parse("team")?.level == 3)
        #expect(try Put.parse("team", "--level=4")?.level == 4)
    }

    @Test func `a flag may set false`() throws {
        #expect(try Put.parse("team", "--no-all")?.all == false)
    }

    @Test func `an optional value is given by an equals sign only`() throws {
        #expect(try Put.parse("team")?.generate == nil)
        #expect(try Put.parse("team", "--generate")?.generate == 32)
        #expect(try Put.parse("team", "--generate=7")?.generate == 7)
        let beside = try Put.parse("team", "--generate", "7")
        #expect(beside?.generate == 32)
        #expect(beside?.name == "7")
    }

    @Test func `an optional value that is empty is not an absent one`() {
        #expect(throws: UsageError("option '--generate' must be a number from 1 to 64")) {
            try Put.parse("team", "--generate=")
        }
    }

    @Test func `a short option takes its value attached or from the next word`() throws {
        for words in [["-o", "f"], ["-of"], ["-o=f"], ["--output", "f"], ["--output=f"]] {
            #expect(try Put.parse(["team"] + words)?.output == "f", "\(words)")
        }
        #expect(try Put.parse("team", "-o", "-f") == Put(place: .team, output: "-f"))
        #expect(try Put.parse("team", "-o=")?.output == "")
    }

    @Test func `short options may share a dash`() throws {
        let put = try Put.parse("team", "-fqofile")
        #expect(put == Put(place: .team, force: true, output: "file", common: Common(quiet: true)))
        #expect(try Put.parse("team", "-fo", "file") == Put(place: .team, force: true, output: "file"))
    }

    @Test func `a shared option fills in its part of the command`() throws {
        let put = try Put.parse("team", "--vault", "f", "-q")
        #expect(put?.common == Common(vault: "f", quiet: true))
    }

    @Test func `a number is decimal and within its range`() throws {
        #expect(try Put.parse("team", "--level=9")?.level == 9)
        #expect(try Put.parse("team", "-l0")?.level == 0)
        for word in ["", "10", "-1", "+1", "1.0", " 1", "0x1", "one", "٣", "99999999999999999999"] {
            #expect(throws: UsageError("option '--level' must be a number from 0 to 9"), "\(word)") {
                try Put.parse("team", "--level", word)
            }
        }
    }

    @Test func `a number may have no upper bound`() {
        struct Count: ParsedCommand {
            var count: Int?
            static let info = CommandInfo(name: "x", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.option("--n", "N", "N", &count, as: .number(in: 2 ... .max))
            }
        }
        #expect(throws: UsageError("option '--n' must be a number of at least 2")) {
            try Count.parse(["--n", "1"])
        }
    }

    @Test func `abbreviations are not options`() {
        #expect(throws: UsageError("unknown option '--forc'", hint: "did you mean '--force'?")) {
            try Put.parse("team", "--forc")
        }
        #expect(throws: UsageError("unknown option '--gen'", hint: "did you mean '--generate'?")) {
            try Put.parse("team", "--gen")
        }
    }

    @Test(arguments: [
        ("--nmae", "--name"), ("--nam", "--name"), ("--valeu", "--value"), ("--quite", "--quiet"),
        ("--hlep", "--help"),
        ("--FORCE", nil), ("--zzzzzz", nil),
    ])
    func `an unknown option suggests the nearest`(word: String, nearest: String?) {
        #expect(throws: UsageError("unknown option '\(word)'", hint: nearest.map { "did you mean '\($0)'?" }))
        {
            try Put.parse("team", word)
        }
    }

    @Test func `an unknown short option is named by its letter`() {
        #expect(throws: UsageError("unknown option '-z'")) { try Put.parse("team", "-z") }
        #expect(throws: UsageError("unknown option '-z'")) { try Put.parse("team", "-fzsecret") }
        #expect(throws: UsageError("unknown option '-n'", hint: "did you mean '--name'?")) {
            try Put.parse("team", "-name=x")
        }
    }

    @Test func `an option in place of an operand closes the operand`() throws {
        #expect(try Put.parse("team", "--name", "N") == Put(place: .team, name: "N"))
        #expect(try Put.parse("--name=N", "team") == Put(place: .team, name: "N"))
        #expect(throws: UsageError("unexpected operand after PLACE", kind: .tooManyOperands)) {
            try Put.parse("team", "M", "--name=N")
        }
    }
}
