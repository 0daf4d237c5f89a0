import Platform
import Sodium
import Testing

@testable import VaultCore

@Suite struct FormatTests {
    /// What a text assigns, or why it cannot be read.
    private func read(_ text: String, _ format: ImportFormat = .dotenv(nil)) throws(UnreadableText)
        -> [String: String]
    {
        let assignments = try Assignments.read(Array(text.utf8).span, as: format)
        var result: [String: String] = [:]
        for name in assignments.names {
            result[name] = assignments.withValue(of: name) { value in value.text(0..<value.count) }
        }
        return result
    }

    private func failure(_ text: String, _ format: ImportFormat = .dotenv(nil)) -> UnreadableText? {
        do throws(UnreadableText) {
            _ = try read(text, format)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a file of everyday is read`() throws {
        let text = """
            # settings of the shop
            export API_URL=https://api.example.com/v1?a=b&c=d

            DB_PASSWORD='it is $ecret # really'
            NAME = "Two words"   # a comment
            PLAIN=two words
            EMPTY=
            SHORT=a # b
            KEY="-----BEGIN-----\\nMII\\n-----END-----\\n"
            LINES='one
            two'
            SHORT=last
            """
        let found = try read(text)
        let expected = [
            "API_URL": "https://api.example.com/v1?a=b&c=d", "DB_PASSWORD": "it is $ecret # really",
            "NAME": "Two words", "PLAIN": "two words", "EMPTY": "", "SHORT": "last",
            "KEY": "-----BEGIN-----\nMII\n-----END-----\n", "LINES": "one\ntwo",
        ]
        #expect(found == expected)
    }

    @Test func `a byte order mark and Windows line ends are no part of a value`() throws {
        let found = try read("\u{FEFF}A=1\r\nB='x y'\r\n\r\n# c\r\nC=\"2\"\r\n")
        #expect(found == ["A": "1", "B": "x y", "C": "2"])
    }

    @Test(arguments: [
        ("A=1\nB=$HOME\n", 2, UnreadableText.Reason.expands),
        ("A=1\n\nB=\"${HOME}\"\n", 3, .expands),
        ("A='x\ny'\nB=a#b\n", 3, .disagreement),
        ("just text\n", 1, .malformed),
        ("A=1\nB='open\n", 2, .malformed),
        ("A=1\r\nB=\"open\r\n", 2, .malformed),
        ("A=1\n2B=2\n", 2, .invalidName),
        ("A=1\n=2\n", 2, .malformed),
    ])
    func `what is doubtful is refused with its line`(text: String, line: Int, reason: UnreadableText.Reason) {
        #expect(failure(text) == UnreadableText(line: line, reason))
    }

    @Test(arguments: DotenvDialect.allCases)
    func `a plain byte has no meaning in any dialect`(dialect: DotenvDialect) throws {
        var value = try ValueBuffer()
        let plain = (UInt8.min...UInt8.max).filter(Byte.isPlain)
        #expect(plain.count == 71)
        for first in plain {
            for second in plain {
                let text = Array("\nNAME=".utf8) + [first, second, first] + Array("\nB=1\n".utf8)
                value.removeAll()
                let statement = try dialect.reader.statement(in: text.span, at: 0, into: &value)
                let isRead = value.withBytes { $0.equals([first, second, first].span) }
                try #require(isRead && statement == Statement(name: 1..<5, end: 9), "\(first), \(second)")
            }
        }
    }

    @Test func `what begins or ends beside a plain line is read as its dialect has it`() throws {
        #expect(try read("A=1;B=2\nC=3\n", .dotenv(.posix)) == ["A": "1", "B": "2", "C": "3"])
        #expect(try read("A=1\\\nB=2\nC=3\n", .dotenv(.posix)) == ["A": "1B=2", "C": "3"])
        #expect(try read("A='1\nB=2\n'\nC=3\n") == ["A": "1\nB=2\n", "C": "3"])
        #expect(try read("A=1\rB=2\nC=3", .dotenv(.python)) == ["A": "1", "B": "2", "C": "3"])
        #expect(failure("export A=1 B=2\nC=3\n", .dotenv(.direnv)) == UnreadableText(line: 1, .malformed))
    }

    @Test func `of empty values the one that stands first is named, and none that is set later`() throws {
        func firstEmpty(_ text: String) throws -> String? {
            try Assignments.read(Array(text.utf8).span, as: .dotenv(nil)).firstEmptyName
        }
        #expect(try firstEmpty("C=1\nB=\nA=\n") == "B")
        #expect(try firstEmpty("B=\nA=\nB=1\n") == "A")
        #expect(try firstEmpty("B=1\n") == nil)
    }

    @Test func `each dialect reads its own language`() throws {
        let shell = #"export A="it's" B=x"y"'z' C=a\ b; D='it'\''s'"# + "\n"
        #expect(try read(shell, .dotenv(.posix)) == ["A": "it's", "B": "xyz", "C": "a b", "D": "it's"])
        let backslashes = #"A="a\tb""# + "\n" + #"B='a\'b'"# + "\n"
        #expect(try read(backslashes, .dotenv(.python)) == ["A": "a\tb", "B": "a'b"])
        let backticks = "A=`it's \"so\"`\nB=\"a\\tb\\nc\"\n"
        #expect(try read(backticks, .dotenv(.node)) == ["A": "it's \"so\"", "B": "a\\tb\nc"])
        let inside = "A='it's'\nB=\"a\\tb\"\n"
        #expect(try read(inside, .dotenv(.direnv)) == ["A": "it's", "B": "atb"])
        let unit = "; comment\nA=\"a b\" c 'd'\nB=x # y\nC=a\\\nb\n"
        #expect(try read(unit, .dotenv(.systemd)) == ["A": "a bc 'd'", "B": "x # y", "C": "ab"])
    }

    @Test(arguments: [
        "A=$(id)\n", "A=`id`\n", "A=\"$B\"\n", "A=~/x\n", "A==x\n", "A=x|y\n", "A=1 id\n", "id\n", "A=1\r\n",
        "A='\n",
    ])
    func `a shell's file is read only as far as it assigns plain values`(text: String) {
        #expect(failure(text, .dotenv(.posix)) != nil)
    }

    @Test func `an object of JSON is read`() throws {
        let text = #" { "A" : "x", "B":"\u00e9\ud83d\udd11\n\/\"", "C":"" } "# + "\n"
        #expect(try read(text, .json) == ["A": "x", "B": "é🔑\n/\"", "C": ""])
        #expect(try read("{}", .json).isEmpty)
    }

    @Test(arguments: [
        ("[]", 1, UnreadableText.Reason.malformed), ("{\n\"A\":1}", 2, .notAString),
        ("{\"A\":{\"B\":\"c\"}}", 1, .notAString), ("{\"A\":\"b\",\n\"A\":\"c\"}", 2, .repeatedName),
        ("{\"a b\":\"c\"}", 1, .invalidName), ("{\"A\":\"\\ud800\"}", 1, .notText),
        ("{\"A\":\"\\udc00\\ud800\"}", 1, .notText), ("{\"A\":\"b\"", 1, .malformed),
        ("{\"A\":\"b\",}", 1, .malformed), ("{\"A\":\"b\"} x", 1, .malformed),
        ("{\"A\":\"\n\"}", 1, .malformed),
        ("{\"A\":\"\\x\"}", 1, .malformed), ("{\"A\":\"\\u12\"}", 1, .malformed), ("", 1, .malformed),
        ("{\"A\"", 1, .malformed), ("{\"A\":", 1, .malformed), ("{\"A\":nul", 1, .notAString),
    ])
    func `any other JSON is refused`(text: String, line: Int, reason: UnreadableText.Reason) {
        #expect(failure(text, .json) == UnreadableText(line: line, reason))
    }

    @Test func `bytes that are no text are refused where text is wanted`() {
        let text: [UInt8] = Array("A=1\nB=".utf8) + [0xFF, 10]
        for format in [ImportFormat.json, .dotenv(nil), .dotenv(.node), .dotenv(.python), .dotenv(.systemd)] {
            #expect(throws: UnreadableText(line: 2, .notText)) {
                _ = try Assignments.read(text.span, as: format).names
            }
        }
    }

    @Test func `a value that is too long is refused with its line`() {
        let long = String(repeating: "x", count: 1_048_577)
        #expect(failure("A=1\nB=\(long)\n") == UnreadableText(line: 2, .valueTooLong))
        #expect(failure("{\"A\":\"\(long)\"}", .json) == UnreadableText(line: 1, .valueTooLong))
    }

    @Test func `no text makes a reader fail in any other way, or stand still`() {
        let pieces = [
            "A", "=", "'", "\"", "`", "\\", "\n", "\r", "$", "#", " ", "export ", "{", "}", ":", ",", "\u{1}",
            "é", ";",
        ]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<400 {
            let text = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                pieces.randomElement(using: &random)!
            }
            .joined()
            for format in [ImportFormat.json, .dotenv(nil)] + DotenvDialect.allCases.map({ .dotenv($0) }) {
                _ = failure(text, format)
            }
        }
    }

    @Test func `reading takes time that grows with the text, not with its square`() {
        // A million lines would take minutes otherwise.
        let text = String(repeating: "A=b\n", count: 1_000_000)
        #expect(throws: Never.self) { try read(text) }
    }

    @Test func `what is exported is imported again as it was`() throws {
        let values = ["A": "it's \"so\"\n$HOME", "B": "plain", "C": "x\\", "D": "", "E": "\t#\u{7F}"]
        for format in ExportFormat.all {
            let reader: ImportFormat
            switch format {
            case .json: reader = .json
            case .dotenv(let dialect): reader = .dotenv(dialect ?? .posix)
            case .sh: reader = .dotenv(.posix)
            case .fish, .docker: continue
            }
            var export = try Export(as: format)
            for (name, value) in values { try export.add(name, Array(value.utf8).span) }
            try export.finish()
            let refused = Set(export.refused)
            let found = export.withText { text in text.text(0..<text.count) }
            #expect(try read(found, reader) == values.filter { !refused.contains($0.key) })
        }
    }

    @Test func `references are found in a template, and other braces are none`() {
        let text = Array(
            "a {{ secret:A }}{{secret:b.c-d}}\n{{ other }} {{ secret: }} {{secret:A} {{ secret:A".utf8)
        let found = Template.references(in: text.span)
        #expect(found.map(\.name) == ["A", "b.c-d", "", "", ""])
        #expect(found.map(\.line) == [1, 1, 2, 2, 2])
        #expect(found[0].place == 2..<16)
        #expect(found[1].place == 16..<32)
        for count in 0...text.count { _ = Template.references(in: text.span.extracting(first: count)) }
    }
}
