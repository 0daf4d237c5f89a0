import Foundation
import Testing

@Suite struct TranscriptTests {
    @Test(arguments: Transcript.all)
    func `every command of the transcript does what is written there`(_ transcript: Transcript) throws {
        try #require(!transcript.steps.isEmpty)
        for difference in try transcript.differences() { Issue.record("\(transcript.name), \(difference)") }
    }

    @Test func `there are transcripts`() {
        #expect(Transcript.all.count >= 12)
    }

    @Test func `a transcript that is wrong is noticed`() throws {
        let transcript = Transcript(
            "self",
            "$ echo a b; echo c >&2; exit_with() { return $1; }; exit_with 3\na [..]\nerr> c\ncode> 3\n")
        #expect(try transcript.differences().isEmpty)
        for wrong in [
            "$ echo a\nb\n", "$ echo a\n", "$ true\na\n", "$ false\n", "$ true\ncode> 1\n",
            "$ echo a\nerr> a\n", "$ echo abc\na[..]b\n",
        ] {
            #expect(try Transcript("self", wrong).differences().count == 1, "\(wrong)")
        }
        #expect(try Transcript("self", "$ exit 3\n$ true\n").differences().count == 1)
    }

    @Test(.enabled(if: Readme.hasConsole))
    func `every command in the README gives the output shown there`() throws {
        for difference in try Transcript(readme: Readme.text).differences() {
            Issue.record("README.md, \(difference)")
        }
    }
}

/// The README of the package.
enum Readme {
    static let text = (try? String(contentsOfFile: Sandbox.package + "/README.md", encoding: .utf8)) ?? ""
    static let hasConsole = text.contains("```console\n")
}
