import Foundation
import Testing

/// Tests against the reader and writer written from the format page alone.
@Suite struct PythonReaderTests {
    private static let directory = Sandbox.package + "/Tests/PythonReader/"

    @Test func `Python reads what vault wrote`() throws {
        let sandbox = try Sandbox()
        #expect(try sandbox.run("init", "--kdf-memory", "64").outcome == .exit(0))
        let passphrase = try sandbox.write("passphrase", Array("correct horse\n".utf8))
        let all = ExactBytesTests.everyByte
        for arguments in [
            ["team", "A"], ["project", "--id", "web", "A"], ["cluster", "--id", "gpu", "B.x-1"],
        ] {
            let file = try sandbox.write("value", all + Array(arguments.joined().utf8))
            let result = try sandbox.program(
                [sandbox.root + "/bin/vault", "set", "--from-file", file] + arguments)
            try #require(result.outcome == .exit(0), "\(result)")
        }
        _ = try sandbox.run("set", "team", "A", input: Array("second".utf8))
        _ = try sandbox.run("delete", "cluster", "--id", "gpu", "B.x-1")
        let dump = try sandbox.program(
            [
                "/usr/bin/python3", PythonReaderTests.directory + "vaultdump.py", sandbox.vault,
                "--passphrase-file", passphrase, "--json",
            ])
        try #require(dump.outcome == .exit(0), "\(dump)")
        let found = try JSONDecoder().decode(Dump.self, from: Data(dump.output))
        #expect(found.verdict == "whole")
        let lines = found.secrets.flatMap { secret in
            secret.versions.map { "\(secret.scope) \(secret.id) \(secret.name) \($0.kind) \($0.value)" }
        }
        let base64 = { (suffix: String) in Data(all + Array(suffix.utf8)).base64EncodedString() }
        #expect(
            Set(lines) == [
                "team  A value \(base64("teamA"))",
                "team  A value \(Data("second".utf8).base64EncodedString())",
                "project web A value \(base64("project--idwebA"))",
                "cluster gpu B.x-1 value \(base64("cluster--idgpuB.x-1"))", "cluster gpu B.x-1 tombstone ",
            ])
    }

    @Test func `vault reads and writes on what Python wrote`() throws {
        let sandbox = try Sandbox()
        let passphrase = try sandbox.write("passphrase", Array("correct horse".utf8))
        let value = Data(ExactBytesTests.everyByte).base64EncodedString()
        let steps = """
            [[{"kind": "value", "scope": "team", "name": "A", "value": "\(value)", "time": 1600000000000}],
             [{"kind": "value", "scope": "project", "id": "web", "name": "A", "value": "d2Vi", "time": 1600000001000},
              {"kind": "value", "scope": "cluster", "id": "gpu", "name": "B", "value": "Z3B1", "time": 1600000002000}],
             [{"kind": "tombstone", "scope": "cluster", "id": "gpu", "name": "B", "time": 1600000003000},
              {"kind": "unknown", "number": 199, "value": "eA==", "time": 1600000004000}]]
            """
        let specification = try sandbox.write("steps.json", Array(steps.utf8))
        let made = try sandbox.program([
            "/usr/bin/python3", PythonReaderTests.directory + "vaultmake.py", sandbox.vault,
            "--passphrase-file",
            passphrase, "--json",
            specification, "--memory-kib", "8192", "--passes", "1",
        ])
        try #require(made.outcome == .exit(0), "\(made)")
        #expect(try sandbox.run("list", "--all").text == "project\tweb\tA\nteam\t\tA\n")
        #expect(try sandbox.run("get", "A").output == ExactBytesTests.everyByte)
        #expect(try sandbox.run("get", "A", "--project", "web").text == "web")
        #expect(
            try sandbox.run("history", "cluster", "--id", "gpu", "B").text
                == "0\t2020-09-13T12:26:43Z\tdeleted\n1\t2020-09-13T12:26:42Z\tset\n")
        #expect(try sandbox.run("undo", "cluster", "--id", "gpu", "B").outcome == .exit(0))
        #expect(try sandbox.run("get", "B", "--cluster", "gpu").text == "gpu")
        #expect(try sandbox.run("check").outcome == .exit(0))
        // Python still reads the file.
        let dump = try sandbox.program(
            [
                "/usr/bin/python3", PythonReaderTests.directory + "vaultdump.py", sandbox.vault,
                "--passphrase-file", passphrase, "--json",
            ])
        #expect(dump.outcome == .exit(0))
        #expect(dump.text.contains("\"verdict\": \"whole\""))
    }

    private struct Dump: Decodable {
        let verdict: String
        let secrets: [SecretID]

        struct SecretID: Decodable {
            let scope, id, name: String
            let versions: [Version]
        }

        struct Version: Decodable {
            let kind, value: String
        }
    }
}
