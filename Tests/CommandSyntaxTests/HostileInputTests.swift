import CommandSyntax
import Testing

@Suite struct HostileInputTests {
    @Test func `an empty word is an operand`() throws {
        #expect(try Copy.parse([""]) == Copy(from: ""))
        #expect(throws: UsageError("operand PLACE must be one of team, project, cluster", kind: .noChoice)) {
            try Put.parse("")
        }
    }

    @Test(arguments: [
        "--=x", "---", "----=x", "--=", "--\u{1B}[31m", "--ключ", "-é", "-\u{1B}", "-\u{301}f", "---=-",
    ])
    func `a word that is no name is refused without being shown`(word: String) {
        #expect(throws: UsageError("unknown option")) { try Put.parse("team", word) }
    }

    @Test func `no message shows a value`() {
        let secret = "hunter2"
        let lines: [[String]] = [
            ["--foo=\(secret)"], ["--nmae=\(secret)"], ["--force=\(secret)"], ["-z\(secret)"],
            ["-f=\(secret)"],
            ["-l\(secret)"], ["--level", secret], ["--level=\(secret)"], ["--generate=\(secret)"], [secret],
            ["team", "N", secret], ["--port", secret], ["--value", secret, "--value", secret],
        ]
        for line in lines {
            let error = #expect(throws: UsageError.self) { try Put.parse(line) }
            let text = "\(error?.message ?? "") \(error?.hint ?? "")"
            #expect(!text.contains("hunter"), "\(line)")
        }
    }

    @Test func `a name that is unknown is shown without its value`() {
        #expect(throws: UsageError("unknown option '--foo'")) { try Put.parse("team", "--foo=hunter2") }
    }

    @Test func `very long words are neither shown nor compared`() {
        let long = String(repeating: "a", count: 1_000_000)
        #expect(throws: UsageError("unknown option")) { try Put.parse("team", "--\(long)") }
        #expect(throws: UsageError("unknown option '-a'")) { try Put.parse("team", "-\(long)") }
        #expect(throws: UsageError("unknown command", hint: "see 'tool help'")) {
            try Action.program.resolve([long])
        }
    }

    @Test func `a very long value arrives whole`() throws {
        let long = String(repeating: "é=", count: 500_000)
        #expect(try Put.parse("team", "--value=\(long)")?.value == long)
    }

    @Test func `values keep their bytes`() throws {
        // A combining mark after the equals sign, a word joiner, a line end, two encodings of one letter.
        for value in [
            "\u{301}x", "\u{200D}", "\r\n", "e\u{301}", "\u{E9}", "日本語", "\u{1F469}\u{200D}\u{1F4BB}",
        ] {
            for words in [["--value=\(value)"], ["--value", value]] {
                let parsed = try Put.parse(["team"] + words)?.value
                #expect(parsed.map { Array($0.utf8) } == Array(value.utf8))
            }
            let output = try Put.parse("team", "-o\(value)")?.output
            #expect(output.map { Array($0.utf8) } == Array(value.utf8))
        }
    }

    @Test func `a dash with a combining mark is still a dash`() {
        #expect(throws: UsageError("unknown option")) { try Put.parse("team", "-\u{301}-force") }
    }

    @Test(.timeLimit(.minutes(10)))
    func `ten thousand words are read quickly`() throws {
        let count = 10_000
        let start = ContinuousClock.now
        let options = (0..<count).flatMap { ["--env", "K\($0)=V"] }
        #expect(try Put.parse(["team"] + options)?.variables.count == count)
        let words = (0..<count).map { "-\($0)" }
        #expect(try Start.parse(["--"] + words) == Start(words: words))
        #expect(throws: UsageError("option '--force' was given twice")) {
            try Put.parse(["-" + String(repeating: "f", count: count)])
        }
        #expect(throws: UsageError("unexpected operand after NAME", kind: .tooManyOperands)) {
            try Put.parse(["team"] + words.map { "x" + $0 })
        }
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test func `random words never trap`() {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "-", "--", "=", "", "f", "o", "force", "value", "name", "h", "\u{301}", "é", "\0", "team", "e",
            "\n",
        ]
        for _ in 0..<2_000 {
            let words = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    pieces.randomElement(using: &random) ?? ""
                }
                .joined()
            }
            _ = try? Put.parse(words)
            _ = try? Start.parse(words)
            _ = try? Action.program.resolve(words)
        }
    }
}
