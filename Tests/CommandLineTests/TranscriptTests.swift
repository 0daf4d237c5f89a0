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

    @Test func `every command in the documents gives the output shown there`() throws {
        for difference in try Transcript(Page.all).differences() { Issue.record("\(difference)") }
    }

    @Test func `every document with commands is run`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Sandbox.package + "/docs")
        let known = Set(Page.all.map(\.name))
        for name in names.filter({ $0.hasSuffix(".md") }).map({ "docs/" + $0 }) {
            #expect(try known.contains(name) || !Page(name).text.contains("```console"), "\(name)")
        }
        #expect(Page.all.allSatisfy { $0.text.contains("```console\n$ ") })
    }
}

/// A document of the package.
struct Page {
    let name: String
    let text: String

    init(_ name: String) throws {
        self.name = name
        text = try String(contentsOfFile: Sandbox.package + "/" + name, encoding: .utf8)
    }

    /// The documents with commands, in the order of their session.
    static let all: [Page] = {
        let names = ["guide", "scripting", "json", "web", "backup", "several-machines"].map {
            "docs/\($0).md"
        }
        return (["README.md"] + names).compactMap { try? Page($0) }
    }()
}
