import Testing

@testable import CommandSyntax

@Suite struct CompletionTests {
    private static let program = Program<Put>(
        name: "tool", summary: "Does things", groupWords: ["group"],
        sharedOptions: Common.options,
        sections: [Section("All", [Verb(Put.self) { $0 }])],
        topics: [HelpTopic(name: "topic", summary: "About it", text: "Text.")])

    private func words(_ line: String...) -> [String] {
        let found = Self.program.completions(of: line)
        return found.words.map { found.lead + $0.text }
    }

    @Test func `a command is named by its beginning, behind options and group words too`() {
        #expect(words("") == ["put", "help"])
        #expect(words("p") == ["put"])
        #expect(words("group", "-q", "--vault", "x", "p") == ["put"])
        #expect(words("help", "t") == ["topic"])
        #expect(words("nonsense", "") == [])
    }

    @Test func `options are named that may still be given`() {
        #expect(words("put", "--le") == ["--level"])
        #expect(words("put", "--level", "3", "--le") == [])
        #expect(words("put", "-l", "3", "--le") == [])
        #expect(words("put", "--env", "a", "--en") == ["--env"])
        #expect(words("put", "--", "--le") == [])
    }

    @Test func `the value of an option is what its table says, behind an equals sign too`() {
        #expect(Self.program.completions(of: ["put", "-o", ""]).isFile)
        let attached = Self.program.completions(of: ["put", "--output=ab"])
        #expect(attached.isFile)
        #expect(attached.lead == "--output=")
        #expect(attached.typed == "ab")
        #expect(Self.program.completions(of: ["--vault", ""]).isFile)
    }

    @Test func `operands take their places in turn, and say what they are`() {
        #expect(words("put", "") == ["team", "project", "cluster"])
        #expect(words("put", "pro") == ["project"])
        let second = Self.program.completions(of: ["put", "team", "x"])
        #expect(second.words.isEmpty)
        #expect(second.given["PLACE"] == "team")
        #expect(words("put", "team", "name", "more", "") == [])
    }

    @Test func `no words at all are no error`() {
        #expect(Self.program.completions(of: []).words.count == 2)
        #expect(words("-", "") == [])
        #expect(words("put", "=", "==", "--=", "--=x") == [])
    }
}
