import Foundation
import Testing

/// Tests that values of any bytes survive every way in and out.
@Suite struct ExactBytesTests {
    static let everyByte = (0...255).map { UInt8($0) }

    /// The values; none ends with a newline, which standard input would lose.
    static let values: [(name: String, bytes: [UInt8])] = [
        ("EVERY_BYTE", everyByte),
        ("EVERY_BYTE_BACKWARDS", everyByte.reversed()),
        ("NUL", [0]),
        ("NULS", [UInt8](repeating: 0, count: 100)),
        ("INVALID_UTF8", [0xFF, 0xFE, 0xC0, 0x80, 0xED, 0xA0, 0x80, 0xF5]),
        ("CR", Array("a\r".utf8)),
        ("NEWLINES_INSIDE", Array("\n\na\r\n\nb".utf8)),
        ("BLANKS", Array("  \t ".utf8)),
        ("ESCAPE", Array("\u{1B}[31m\u{7}".utf8)),
        ("ONE", [0x78]),
        ("LARGE", (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) | 1 }),
    ]

    @Test func `what goes in by standard input comes out of get byte for byte`() throws {
        let sandbox = try Sandbox.withVault()
        for (name, bytes) in ExactBytesTests.values {
            #expect(try sandbox.run("set", "team", name, "-q", input: bytes).outcome == .exit(0), "\(name)")
            #expect(try sandbox.run("get", name).output == bytes, "\(name)")
        }
    }

    @Test func `descriptors that do not wait are waited for`() throws {
        let sandbox = try Sandbox.withVault()
        let script = """
            import os, subprocess, sys, time
            value = os.urandom(500_000).replace(b"\\n", b"x")
            def start(words, descriptor, side):
                os.set_blocking(descriptor, False)
                child = subprocess.Popen(["vault", *words], **{side: descriptor})
                os.close(descriptor)
                time.sleep(0.3)
                return child
            out, into = os.pipe()
            child = start(["set", "team", "A", "-q"], out, "stdin")
            with os.fdopen(into, "wb") as pipe: pipe.write(value)
            assert child.wait() == 0
            out, into = os.pipe()
            child = start(["get", "A"], into, "stdout")
            with os.fdopen(out, "rb") as pipe: assert pipe.read() == value
            assert child.wait() == 0
            """
        let result = try sandbox.program(["/usr/bin/python3", "-c", script])
        #expect(result.outcome == .exit(0), "\(result)")
    }

    @Test func `what goes in by a file comes out of get byte for byte, final newlines too`() throws {
        let sandbox = try Sandbox.withVault()
        let newlines: [[UInt8]] = [
            [0x0A], [0x0D, 0x0A], [0x61, 0x0A], [0x61, 0x0A, 0x0A], [0x61, 0x0D, 0x0A],
        ]
        for bytes in ExactBytesTests.values.map(\.bytes) + newlines {
            let path = try sandbox.write("file", bytes)
            #expect(try sandbox.run("set", "team", "A", "-q", "--from-file", path).outcome == .exit(0))
            #expect(try sandbox.run("get", "A").output == bytes)
        }
    }

    @Test(arguments: [("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), ("\n\n", "\n"), ("a\n\r", "a\n\r")])
    func `of standard input exactly one final newline is taken off`(_ input: String, _ value: String) throws {
        let sandbox = try Sandbox.withVault()
        #expect(try sandbox.run("set", "team", "A", "-q", input: Array(input.utf8)).outcome == .exit(0))
        #expect(try sandbox.run("get", "A").text == value)
        #expect(
            try sandbox.run("set", "team", "A", "-q", "--raw", input: Array(input.utf8)).outcome == .exit(0))
        #expect(try sandbox.run("get", "A").text == input)
    }

    @Test func `1 MiB is taken and a byte more is refused, whichever way it comes`() throws {
        let sandbox = try Sandbox.withVault()
        let most = [UInt8](repeating: 0x61, count: 1_048_576)
        let file = try sandbox.write("most", most)
        let tooLong = try sandbox.write("more", most + [0x61])
        for result in [
            try sandbox.run("set", "team", "INPUT", "-q", input: most),
            try sandbox.run("set", "team", "NEWLINE", "-q", input: most + [0x0A]),
            try sandbox.run("set", "team", "FILE", "-q", "--from-file", file),
        ] { #expect(result.outcome == .exit(0), "\(result.errors)") }
        for name in ["INPUT", "NEWLINE", "FILE"] { #expect(try sandbox.run("get", name).output == most) }
        for result in [
            try sandbox.run("set", "team", "INPUT", "-q", input: most + [0x61]),
            try sandbox.run("set", "team", "INPUT", "-q", "--raw", input: most + [0x0A]),
            try sandbox.run("set", "team", "INPUT", "-q", "--from-file", tooLong),
        ] {
            #expect(result.outcome == .exit(2))
            #expect(result.errors == "vault: error: the value has more than 1,048,576 bytes (1 MiB)\n")
        }
        #expect(try sandbox.run("get", "INPUT").output == most)
    }

    @Test func `run hands on every byte but NUL`() throws {
        let sandbox = try Sandbox.withVault()
        let bytes = Array(ExactBytesTests.everyByte.dropFirst()) + [0x0A, 0x0A]
        #expect(try sandbox.run("set", "team", "A", "-q", "--raw", input: bytes).outcome == .exit(0))
        #expect(try sandbox.run("run", "--", "printenv", "A").output == bytes + [0x0A])
        #expect(
            try sandbox.run("run", "--no-all", "--env", "B=secret:A", "--", "printenv", "B").output == bytes
                + [0x0A])
    }

    @Test func `run refuses what an environment cannot carry, to the byte`() throws {
        let sandbox = try Sandbox.withVault()
        // NAME=VALUE has at most 131,071 bytes.
        let most = [UInt8](repeating: 0x61, count: 131_071 - "LONG=".utf8.count)
        #expect(try sandbox.run("set", "team", "LONG", "-q", input: most).outcome == .exit(0))
        #expect(try sandbox.run("run", "--", "printenv", "LONG").output == most + [0x0A])
        #expect(try sandbox.run("set", "team", "LONG", "-q", input: most + [0x61]).outcome == .exit(0))
        #expect(try sandbox.run("set", "team", "NUL", "-q", input: [0x61, 0, 0x62]).outcome == .exit(0))
        let result = try sandbox.run("run", "--", "touch", "started")
        #expect(result.outcome == .exit(11))
        #expect(result.errors.contains("LONG (too long), NUL (has a NUL byte)"))
        #expect(!FileManager.default.fileExists(atPath: sandbox.directory + "/started"))
    }
}
