import Testing

@testable import CommandSyntax

@Suite struct SuggestionTests {
    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("", "ab", 2), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "abd", 1),
        ("abc", "ab", 1), ("abc", "abcd", 1), ("ca", "abc", 3), ("kitten", "sitting", 3),
    ])
    func `the distance counts edits and swaps`(old: String, new: String, expected: Int) {
        #expect(Suggestion.distance(from: Array(old.utf8), to: Array(new.utf8)) == expected)
    }

    @Test func `short words must be nearer`() {
        #expect(Suggestion.nearest(to: "ls", among: ["rm"]) == nil)
        #expect(Suggestion.nearest(to: "lz", among: ["ls"]) == "ls")
        #expect(Suggestion.nearest(to: "abcd", among: ["abxd"]) == "abxd")
        #expect(Suggestion.nearest(to: "abcd", among: ["abxy"]) == nil)
        #expect(Suggestion.nearest(to: "abcde", among: ["abxye"]) == "abxye")
        #expect(Suggestion.nearest(to: "abcde", among: ["axyze"]) == nil)
    }

    @Test func `the nearest wins, then the first`() {
        #expect(Suggestion.nearest(to: "liste", among: ["lists", "list", "listen"]) == "lists")
        #expect(Suggestion.nearest(to: "undoo", among: ["umdo", "undo"]) == "undo")
    }

    @Test func `the beginning of one word suggests it, of two neither`() {
        #expect(Suggestion.nearest(to: "--pass", among: ["--passphrase-fd"]) == "--passphrase-fd")
        #expect(Suggestion.nearest(to: "--pass", among: ["--passphrase-fd", "--passphrase-file"]) == nil)
        #expect(Suggestion.nearest(to: "--p", among: ["--passphrase"]) == nil)
    }

    @Test func `nothing is near an empty word`() {
        #expect(Suggestion.nearest(to: "", among: ["a"]) == nil)
        #expect(Suggestion.nearest(to: "--", among: ["--a"]) == nil)
    }
}
