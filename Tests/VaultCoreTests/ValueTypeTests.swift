import Sodium
import Testing

@testable import VaultCore

@Suite struct ValueTypeTests {
    private func problem(_ type: ValueType, _ value: String) -> String? {
        problem(type, Array(value.utf8))
    }

    private func problem(_ type: ValueType, _ value: [UInt8]) -> String? { type.problem(in: value.span) }

    @Test(arguments: ["", "plain", "two\nlines\t", "é😀", " "])
    func `a string is any text`(_ value: String) {
        #expect(problem(.string, value) == nil)
    }

    @Test func `a string is neither binary nor has a NUL byte`() {
        #expect(problem(.string, [0xFF]) == "not a string: not UTF-8 text")
        #expect(problem(.string, [0xC3]) == "not a string: not UTF-8 text")
        #expect(problem(.string, "a\0b") == "not a string: it has a NUL byte")
    }

    @Test(arguments: [
        "0", "1", "-1", "42", "9223372036854775807", "-9223372036854775808",
    ])
    func `an int is a number of 64 bits`(_ value: String) {
        #expect(problem(.int, value) == nil)
    }

    @Test(arguments: [
        "", "-", "+1", "01", "-0", "00", "1\n", " 1", "1.0", "1e3", "0x1F", "ten", "9223372036854775808",
        "-9223372036854775809", "99999999999999999999", "１", "1,000", "1_000",
    ])
    func `an int is nothing else`(_ value: String) {
        #expect(problem(.int, value) == "not an int: not a whole number of 64 bits in decimal digits")
    }

    @Test(arguments: ["1", "80", "8080", "65535"])
    func `a port is a number of 16 bits`(_ value: String) {
        #expect(problem(.port, value) == nil)
    }

    @Test(arguments: [
        "", "0", "65536", "-1", "080", "80\n", "http", "8080/tcp", ":80", "18446744073709551617",
    ])
    func `a port is nothing else`(_ value: String) {
        #expect(problem(.port, value) == "not a port: not a number from 1 to 65535")
    }

    @Test(arguments: [
        "https://example.com", "http://localhost:3000/",
        "postgres://user:p%40ss@db.example:5432/shop?a[]=1#x",
        "redis://:secret@10.0.0.1:6379/0", "mongodb://a:1,b:27017,c/db", "sqlite:///var/db.sqlite",
        "file:///x",
        "jdbc:postgresql://db:5432/x", "jdbc:sqlserver://db:1433;databaseName=x;encrypt=true",
        "amqp://u:p@[::1]:5672/%2F", "http://[fe80::1%25eth0]/", "s3://bucket/key", "a+b-c.d://x",
        "https://sentry@example.com/1", "kafka://a:9092,b:9092", "http://h:65535", "http://h:",
    ])
    func `a URL has a scheme and hosts`(_ value: String) {
        #expect(problem(.url, value) == nil)
    }

    @Test(arguments: [
        ("", "begin"), ("example.com", "begin"), ("localhost:8080", "begin"), ("mailto:a@b", "begin"),
        ("://x", "begin"), ("1http://x", "begin"), ("http:/x", "begin"), ("https://", "nothing follows"),
        (" https://x", "begin"), ("https://x\n", "percent-encoded"), ("https://a b", "percent-encoded"),
        ("https://x/é", "percent-encoded"), ("https://x/\"q\"", "percent-encoded"),
        ("postgres://u:p#ss@db/x", "port"), ("postgres://u:p/ss@db/x", "port"),
        ("postgres://u:p?ss@db/x", "port"), ("postgres://u:p@ss@db/x", "%40"), ("http://h:65536", "port"),
        ("http://h:99999999", "port"), ("http://h:80a", "port"), ("http://[::1", "port"),
        ("http://a]b", "port"), ("http://[x y]", "percent-encoded"), ("https://x/%zz", "two hexadecimal"),
        ("https://x/%4", "two hexadecimal"), ("https://x/100%", "two hexadecimal"),
        ("postgres://u:100%@h/", "two"),
    ])
    func `a URL that programs would misread is none`(_ value: String, _ words: String) throws {
        let found = try #require(problem(.url, value))
        #expect(found.hasPrefix("not a URL: ") && found.contains(words), "\(found)")
    }

    @Test(arguments: [
        "null", "true", "false", "0", "-0.5e+10", "1E5", "\"\"", "\"\\u00e9\\n\\/\"", "[]", "{}",
        " [ 1 , [ ] ] ",
        "{\"a\": {\"b\": [1, \"x\", null]}, \"a\": 2}", "\n{ }\r\n", "[{},{\"\":[]}]", "\"é😀\"", "10",
    ])
    func `JSON is any JSON value`(_ value: String) {
        #expect(problem(.json, value) == nil)
    }

    @Test(arguments: [
        ("", "ends too early"), ("{", "ends too early"), ("[1, 2", "ends too early"),
        ("\"a", "ends too early"),
        ("{\"a\"", "ends too early"), ("{\"a\":", "ends too early"), ("-", "ends too early"),
        ("1.", "ends too early"), ("\"\\u12", "ends too early"), ("[1,]", "in line 1"),
        ("{\"a\":1,}", "in line 1"),
        ("{a:1}", "in line 1"), ("{'a':1}", "in line 1"), ("[1 2]", "in line 1"), ("{\"a\" 1}", "in line 1"),
        ("[1}", "in line 1"), ("{\"a\":1]", "in line 1"), ("]", "in line 1"), ("01", "in line 1"),
        (".5", "in line 1"), ("+1", "in line 1"), ("NaN", "in line 1"), ("True", "in line 1"),
        ("1 2", "in line 1"),
        ("{}\n{}", "in line 2"), ("{\n\"a\": 1\n\"b\": 2\n}", "in line 3"), ("\"a\nb\"", "in line 1"),
        ("\"\\x\"", "in line 1"), ("\"\\u12g4\"", "in line 1"), ("\u{FEFF}{}", "in line 1"),
        ("[,1]", "in line 1"),
        ("{,}", "in line 1"), ("{1:2}", "in line 1"), ("1e", "ends too early"), ("// x\n1", "in line 1"),
    ])
    func `what is not JSON is refused`(_ value: String, _ words: String) throws {
        let found = try #require(problem(.json, value))
        #expect(found.hasPrefix("not JSON: ") && found.contains(words), "\(found)")
    }

    @Test func `JSON is nested to a limit`() {
        let nested = { (depth: Int) in
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(problem(.json, nested(JSONSyntax.maxDepth)) == nil)
        #expect(
            problem(.json, nested(JSONSyntax.maxDepth + 1))
                == "not JSON: more than 512 arrays and objects are nested")
        #expect(problem(.json, [0x22, 0xFF, 0x22]) == "not JSON: not UTF-8 text")
    }

    private static let block = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n"

    @Test(arguments: [
        block, block + block, "subject=x: y\n\n" + block + "between\n" + block,
        block.replacing("\n", with: "\r\n"), String(block.dropLast()),
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n  more\n\nAAA=\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN A-----\n AA\nA=  \n-----END A-----".replacing(" AA", with: "AA"),
        "-----BEGIN A-----\n\nAAAA\n\n-----END A-----",
    ])
    func `PEM is one or more blocks`(_ value: String) {
        #expect(problem(.pem, value) == nil)
    }

    @Test(arguments: [
        ("", "it has no BEGIN line"), ("MIIB", "it has no BEGIN line"), ("-----", "line 1 is no BEGIN line"),
        ("-----BEGIN A-----\nAAAA\n", "its END line is missing"),
        ("-----BEGIN A-----\nAAAA\n-----END B-----", "line 3 is not the END line of the block"),
        ("-----BEGIN A-----\n-----BEGIN A-----", "line 2 is not the END line of the block"),
        ("-----BEGIN A-----\n-----END A-----", "the base64 before line 2 is incomplete"),
        ("-----BEGIN A-----\nAAA\n-----END A-----", "the base64 before line 3 is incomplete"),
        ("-----BEGIN A-----\nAA-A\n-----END A-----", "line 2 is not base64"),
        ("-----BEGIN A-----\nAAA=\nAAAA\n-----END A-----", "line 3 is not base64"),
        ("-----BEGIN A-----\nAAAA\nX: y\n-----END A-----", "line 3 is not base64"),
        ("-----BEGIN A-----\\nAAAA\\n-----END A-----", "its line breaks are missing"),
        ("-----BEGIN A----- AAAA -----END A-----", "its line breaks are missing"),
        ("-----END A-----\n", "line 1 is no BEGIN line"), ("-----BEGIN -----\n", "line 1 is no BEGIN line"),
        ("text\n---- BEGIN A ----\n", "it has no BEGIN line"),
    ])
    func `what is not PEM is refused`(_ value: String, _ reason: String) {
        #expect(problem(.pem, value) == "not PEM: \(reason)")
    }

    @Test(arguments: [
        "aGk=", "aGVsbG8=", "YQ==", "YWJj", "YWJj\nYWJj\r\n", "-_-_", "YQ", "YWI", "+/+/", "YWJj-_8",
    ])
    func `base64 has either alphabet`(_ value: String) {
        #expect(problem(.base64, value) == nil)
    }

    @Test(arguments: [
        ("", "it is empty"), ("\n", "it is incomplete"), ("a", "it is incomplete"),
        ("YWJja", "it is incomplete"),
        ("YQ=", "it is incomplete"), ("+w", "it is incomplete"), ("====", "it has other characters"),
        ("+_==", "it has other characters"), ("YQ==YQ==", "it has other characters"),
        ("Y Q=", "it has other characters"),
        ("a.b.", "it has other characters"), ("é", "it has other characters"), ("==", "it is incomplete"),
    ])
    func `what is not base64 is refused`(_ value: String, _ reason: String) {
        #expect(problem(.base64, value) == "not base64: \(reason)")
    }

    /// Each of them would take minutes if the work were not linear.
    @Test func `values of 1 MiB are checked`() {
        let size = 1 << 20
        let filled = { (piece: String) in
            let bytes = Array(piece.utf8)
            return Array((0...size / bytes.count).flatMap { _ in bytes }.prefix(size))
        }
        let pem = filled("-----BEGIN A-----\nAAAA\n-----END A-----\n")
        #expect(problem(.pem, pem)?.hasPrefix("not PEM: ") == true)
        #expect(problem(.pem, Array(pem.prefix(39 * 20_000))) == nil)
        #expect(problem(.pem, filled("-----BEGIN A-----:\n"))?.hasPrefix("not PEM: ") == true)
        #expect(problem(.pem, filled("-")) == "not PEM: line 1 is no BEGIN line")
        #expect(problem(.json, filled("[")) == "not JSON: more than 512 arrays and objects are nested")
        #expect(problem(.json, [0x5B] + filled("1,").dropLast(1) + [0x5D]) == nil)
        #expect(problem(.json, [0x22] + filled("\\\\") + [0x22]) == nil)
        #expect(problem(.base64, filled("AAAA")) == nil)
        #expect(problem(.string, filled("a")) == nil)
        #expect(problem(.int, filled("1")) != nil)
        #expect(problem(.port, filled("1")) != nil)
        #expect(problem(.url, Array("http://".utf8) + filled("a")) == nil)
        #expect(problem(.url, Array("http://".utf8) + filled("a,")) == nil)
        #expect(problem(.url, Array("http://".utf8) + filled("@")) != nil)
        #expect(problem(.url, Array("http://".utf8) + filled("[,"))?.contains("port") == true)
    }

    @Test(arguments: ValueType.allCases)
    func `no problem quotes the value`(_ type: ValueType) {
        for value in [
            "SECRETsecret", "SECRET://SECRET:SECRETsecret", "{\"SECRET\": SECRET}", "-----BEGIN SECRET",
        ] {
            #expect(problem(type, value)?.contains("SECRET") != true)
        }
    }
}

@Suite struct ValueGeneratorTests {
    private static let patterns: [ValueGenerator.Alphabet: String] = [
        .alphanumeric: "[A-Za-z0-9]*", .hex: "[0-9a-f]*", .digits: "[0-9]*", .lowercase: "[a-z]*",
        .base64url: "[A-Za-z0-9_-]*", .symbols: "[!-~]*",
    ]

    @Test(arguments: ValueGenerator.Alphabet.allCases)
    func `a generated value has its length and only characters of its alphabet`(
        _ alphabet: ValueGenerator.Alphabet
    ) throws {
        let pattern = try Regex(#require(ValueGeneratorTests.patterns[alphabet]))
        var seen: Set<UInt8> = []
        for length in [8, 32, 4096] {
            let buffer = try ValueGenerator(length: length, alphabet: alphabet).make()
            let value = buffer.withBytes { span in span.indices.map { span[$0] } }
            #expect(value.count == length)
            #expect(String(decoding: value, as: UTF8.self).wholeMatch(of: pattern) != nil)
            seen.formUnion(value)
        }
        // With 4096 characters, that one of 94 is missing has a probability of 10⁻¹⁷.
        #expect(seen == Set(alphabet.characters) && alphabet.characters.count == seen.count)
    }

    @Test func `a generated value is of each type that the generator makes`() throws {
        for alphabet in ValueGenerator.Alphabet.allCases {
            for length in 8...13 {
                let generator = ValueGenerator(length: length, alphabet: alphabet)
                for type in ValueType.allCases where generator.makes(type) {
                    let problem = try generator.make().withBytes { type.problem(in: $0) }
                    #expect(problem == nil, "\(alphabet) \(length) \(type)")
                }
            }
        }
        #expect(!ValueGenerator().makes(.port) && ValueGenerator().makes(.base64))
        #expect(!ValueGenerator(length: 9).makes(.base64))
        #expect(!ValueGenerator(alphabet: .symbols).makes(.base64))
    }
}
