import CommandSyntax
import Testing

@Suite struct HelpRequestTests {
    @Test(arguments: [
        ["--help"], ["-h"], ["team", "--help"], ["--force", "-h", "--force"], ["-fh"],
        ["a", "b", "c", "d", "--help"],
    ])
    func `help is asked for by either spelling`(words: [String]) throws {
        #expect(try Put.parse(words) == nil)
    }

    @Test(arguments: [
        ["--bogus", "--help"], ["--force=x", "team", "-h"], ["--level", "x", "--help"],
        ["--force", "--force", "--help"], ["-z", "--help"],
    ])
    func `help goes before complaints about other words`(words: [String]) throws {
        #expect(try Put.parse(words) == nil)
    }

    @Test func `help behind two dashes is an operand`() throws {
        #expect(try Put.parse("team", "--", "--help") == Put(place: .team, name: "--help"))
        #expect(throws: UsageError.self) { try Put.parse("--bogus", "--", "--help") }
    }

    @Test func `help belongs to the command that is started`() throws {
        #expect(try Start.parse(["npm", "--help"]) == Start(words: ["npm", "--help"]))
        #expect(try Start.parse(["--help", "npm"]) == nil)
        #expect(throws: UsageError.self) { try Start.parse(["--bogus", "npm", "--help"]) }
    }
}
