import TOML
import Testing

/// Tests of the TOML reader, one for each kind of valid and invalid document in TOML 1.0.
@Suite struct DocumentTests {
    /// A value in one line, so that documents can be compared.
    private static func text(_ value: TOMLValue) -> String {
        switch value {
        case .string(let text): "\"\(text)\""
        case .integer(let number): "\(number)"
        case .boolean(let flag): "\(flag)"
        case .float: "float"
        case .date: "date"
        case .array(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .table(let table): self.text(table)
        }
    }

    private static func text(_ table: TOMLTable) -> String {
        "{" + table.entries.map { "\($0.key)=\(text($0.value))" }.joined(separator: ",") + "}"
    }

    private func parse(_ text: String) throws(TOMLError) -> TOMLTable {
        try TOMLTable(parsing: Array(text.utf8).span)
    }

    @Test(arguments: [
        ("", "{}"), ("\u{FEFF}a = 1", "{a=1}"), ("# only a comment", "{}"),
        ("a = 1\r\nb = 2\r\n", "{a=1,b=2}"),
        ("b = 1\na = 2", "{b=1,a=2}"),
        ("a = \"x\\ty\\\"\\\\\\u00e9\\U0001F511\"", "{a=\"x\ty\"\\é🔑\"}"), ("a = 'C:\\n'", "{a=\"C:\\n\"}"),
        ("a = \"\"\"\none\\\n   two\nthree\"\"\"", "{a=\"onetwo\nthree\"}"),
        ("a = '''\n'x' '''", "{a=\"'x' \"}"),
        ("a = +99_000", "{a=99000}"), ("a = [0xFF, 0o17, 0b11, -0]", "{a=[255,15,3,0]}"),
        ("a = -9223372036854775808", "{a=-9223372036854775808}"), ("a = [true, false]", "{a=[true,false]}"),
        ("a = [1.5, 1e3, inf, nan]", "{a=[float,float,float,float]}"),
        ("a = [1979-05-27T07:32:00Z, 1979-05-27, 07:32:00]", "{a=[date,date,date]}"),
        ("a = [ # comment\n  'x',\n  'y', # trailing\n]", "{a=[\"x\",\"y\"]}"),
        ("a = [[1, 2], ['x']]", "{a=[[1,2],[\"x\"]]}"), ("a = { b = 1, c = { d = 2 } }", "{a={b=1,c={d=2}}}"),
        ("a.b.\"c d\" = 1", "{a={b={c d=1}}}"), ("\"\" = 1\n'a.b' = 2", "{=1,a.b=2}"), ("1 = 2", "{1=2}"),
        ("[a]\nb = 1\n[a.c]\nd = 2", "{a={b=1,c={d=2}}}"),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", "{a=[{b=1},{b=2}]}"),
    ])
    func `a document of each valid kind has its value`(_ document: String, _ expected: String) throws {
        #expect(Self.text(try parse(document)) == expected)
    }

    @Test(arguments: [
        ("a = 1\na = 2", 2), ("a = 1\na.b = 2", 2), ("[a]\n[a]", 2), ("a = {}\n[a.b]", 2),
        ("a = [1]\n[[a]]", 2),
        ("a", 1), ("a =", 1), ("= 1", 1), ("a b = 1", 1), ("a = 1 b = 2", 1), ("\n\na = x", 3),
        ("a = \"x", 1), ("a = 'x\n'", 1), ("a = \"\\q\"", 1), ("a = \"\\uD800\"", 1), ("a = \"\u{1}\"", 1),
        ("a = 01", 1), ("a = 1__0", 1), ("a = 9223372036854775808", 1), ("a = 0x", 1), ("a = True", 1),
        ("a = [1, 2", 1), ("a = [1 2]", 1), ("a = {b = 1,}", 1), ("[a", 1), ("[]", 1), ("[a.]", 1),
        ("a = \0", 1),
    ])
    func `a document of each invalid kind is refused at its line`(_ document: String, _ line: Int) throws {
        let error = #expect(throws: TOMLError.self) { try parse(document) }
        #expect(error?.line == line)
        #expect(error?.message.isEmpty == false && error?.message.hasPrefix("Error while") == false)
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: TOMLError.self) { try TOMLTable(parsing: [0x61, 0x3D, 0x22, 0xFF, 0x22].span) }
    }

    @Test func `a document that is nested too deeply is refused`() {
        for depth in [1_000, 30_000] {
            #expect(throws: TOMLError.self) { try parse("a = " + String(repeating: "[", count: depth)) }
            #expect(throws: TOMLError.self) {
                try parse("a = " + String(repeating: "{a=", count: depth / 3))
            }
        }
        for depth in [70, 400, 5_000] {
            #expect(throws: TOMLError.self) { try parse(String(repeating: "a.", count: depth) + "a = 1") }
        }
    }

    @Test func `an entry knows its line`() throws {
        let table = try parse("# one\n\nb = 1\n[c]\nd = [\n1]\n")
        #expect(table.entries.map(\.line) == [3, 4])
        guard case .table(let inner)? = table.entries.last?.value else { throw Missing() }
        #expect(inner.entries.map(\.line) == [5])
    }

    private struct Missing: Error {}
}
