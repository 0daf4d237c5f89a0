import Foundation
import Testing

/// Tests of questions on a terminal before something is replaced, dropped or removed.
@Suite struct QuestionTests {
    @Test(
        arguments: [
            ("y\n", 0), ("YES\n", 0), ("n\n", 3), ("\n", 3), ("yep\n", 3), ("\u{3}", 3), ("\u{4}", 3),
        ] as [(String, Int32)])
    func `delete asks, and only a yes deletes`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "project", "--id", "web", "A", input: [0x61])
        let terminal = try PseudoTerminal(
            sandbox, "delete", "project", "--id", "web", "A",
            environment: ["VAULT_PASSPHRASE": "correct horse"])
        try terminal.expect("Are you sure you want to delete the project secret 'A'?", answer: answer)
        #expect(terminal.screen.hasPrefix("'A' in project web\r\n"))
        #expect(terminal.finish().outcome == .exit(code))
        #expect(try sandbox.run("list", "--all").text == (code == 0 ? "" : "project\tweb\tA\n"))
    }

    @Test(arguments: [("y\n", 0), ("n\n", 3), ("\u{3}", 3)] as [(String, Int32)])
    func `restore and accept ask, and only a yes does it`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        #expect(try sandbox.run("backup", "old").outcome == .exit(0))
        _ = try sandbox.run("set", "team", "A", input: [0x61])
        let restore = try PseudoTerminal(sandbox, "restore", "old", environment: environment)
        try restore.expect(" with old?", answer: answer)
        #expect(restore.finish().outcome == .exit(code))
        #expect(try sandbox.run("list").text == (code == 0 ? "" : "A\n"))
        // Regardless of the answer, an older file that arrives in another way is not used until it is accepted.
        _ = try sandbox.run("set", "team", "A", input: [0x61])
        try sandbox.write("v", try Sandbox.read(sandbox.directory + "/old"))
        #expect(try sandbox.run("list").outcome == .exit(13))
        let accept = try PseudoTerminal(sandbox, "accept", environment: environment)
        try accept.expect("Trust the file as it is now?", answer: answer)
        #expect(accept.finish().outcome == .exit(code))
        #expect(try sandbox.run("list").outcome == .exit(code == 0 ? 0 : 13))
    }

    @Test(arguments: [("y\n", 0), ("n\n", 3)] as [(String, Int32)])
    func `purge asks, and only a yes removes anything`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        for value in ["one", "two"] { _ = try sandbox.run("set", "team", "A", input: Array(value.utf8)) }
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        let one = try PseudoTerminal(
            sandbox, "purge", "team", "A", "--version", "0", environment: environment)
        try one.expect(") of 'A' in team?", answer: answer)
        #expect(one.screen.contains("Permanently remove version 0 (set 20"))
        #expect(one.finish().outcome == .exit(code))
        #expect(try sandbox.run("get", "A").text == (code == 0 ? "one" : "two"))
        let all = try PseudoTerminal(sandbox, "purge", "team", "A", "--all", environment: environment)
        let what = code == 0 ? "the only version" : "all 2 versions"
        try all.expect("Permanently remove \(what) of 'A' in team?", answer: answer)
        #expect(all.finish().outcome == .exit(code))
        #expect(try sandbox.run("list").text == (code == 0 ? "" : "A\n"))
    }

    @Test(arguments: [("y\n", 0), ("n\n", 3)] as [(String, Int32)])
    func `undo asks before it deletes`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        _ = try sandbox.run("set", "team", "A", input: [0x61])
        _ = try sandbox.run("delete", "team", "A")
        let back = try PseudoTerminal(sandbox, "undo", "team", "A", environment: environment)
        #expect(back.finish().outcome == .exit(0))
        let again = try PseudoTerminal(sandbox, "undo", "team", "A", environment: environment)
        try again.expect("Version 1 is a deletion. Delete 'A' in team?", answer: answer)
        #expect(again.finish().outcome == .exit(code))
        #expect(try sandbox.run("list").text == (code == 0 ? "" : "A\n"))
    }

    @Test(arguments: [("y\n", 0), ("n\n", 3)] as [(String, Int32)])
    func `compact asks before it drops what the default keeps`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        for value in ["one", "two"] { _ = try sandbox.run("set", "team", "A", input: Array(value.utf8)) }
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        for keep in [[], ["--keep", "all"], ["--keep", "91d"]] {
            let usual = try PseudoTerminal(sandbox, words: ["compact"] + keep, environment: environment)
            #expect(usual.finish().outcome == .exit(0))
        }
        let hour = try PseudoTerminal(sandbox, "compact", "--keep", "1h", environment: environment)
        try hour.expect("Drop all versions replaced or deleted before 20", answer: answer)
        #expect(hour.finish().outcome == .exit(code))
        #expect(try sandbox.run("get", "A", "--version", "1").outcome == .exit(0))
        let none = try PseudoTerminal(sandbox, "compact", "--keep", "none", environment: environment)
        try none.expect(
            "Drop all older versions and the values of deleted secrets, which undo", answer: answer)
        #expect(none.finish().outcome == .exit(code))
        #expect(try sandbox.run("get", "A", "--version", "1").outcome == .exit(code == 0 ? 9 : 0))
        let sure = try PseudoTerminal(sandbox, "compact", "--keep", "none", "-y", environment: environment)
        #expect(sure.finish().outcome == .exit(0))
    }

    @Test func `purge says which other versions go because they have the same time`() throws {
        let sandbox = try Sandbox()
        let versions = ["one", "two"].map { value in
            let text = Data(value.utf8).base64EncodedString()
            return """
                [{"kind": "value", "scope": "team", "name": "A", "value": "\(text)", "time": 1700000000000}]
                """
        }
        try sandbox.write("steps", Array("[\(versions.joined(separator: ", "))]".utf8))
        try sandbox.write("passphrase", Array("correct horse".utf8))
        let forged = try sandbox.program([
            sandbox.root + "/bin/forge", Sandbox.package + "/Tests/PythonReader/vaultmake.py", sandbox.vault,
            "--passphrase-file", "passphrase", "--json", "steps", "--memory-kib", "8192", "--passes", "1",
        ])
        #expect(forged.outcome == .exit(0), "\(forged)")
        let purge = try PseudoTerminal(
            sandbox, "purge", "team", "A", "--version", "0",
            environment: ["VAULT_PASSPHRASE": "correct horse"])
        let question = "and 1 more of the same time, of 'A' in team?"
        try purge.expect(question, answer: "y\n")
        #expect(purge.screen.hasPrefix("Permanently remove version 0 (set 2023-11-14T22:13:20Z), "))
        let end = purge.finish()
        #expect(end.outcome == .exit(0))
        #expect(end.printed.contains("Purged 2 versions of 'A' in team\n"))
        #expect(try sandbox.run("list").text == "")
    }

    @Test(arguments: ["v", "old"])
    func `restore puts nothing in place of what was not shown`(_ changed: String) throws {
        let sandbox = try Sandbox.withVault()
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        #expect(try sandbox.run("backup", "old").outcome == .exit(0))
        let restore = try PseudoTerminal(sandbox, "restore", "old", environment: environment)
        try restore.expect(" with old?", answer: "")
        let set = try sandbox.run("--vault", changed, "set", "team", "MEANWHILE", input: [0x61])
        #expect(set.outcome == .exit(0), "\(set)")
        restore.type("y\n")
        let end = restore.finish()
        #expect(end.outcome == .exit(1))
        #expect(end.printed.contains("has changed since it was shown; nothing was restored\n"))
        #expect(try sandbox.run("list").text == (changed == "v" ? "MEANWHILE\n" : ""))
    }

    @Test(arguments: [("y\n", 0), ("n\n", 3)] as [(String, Int32)])
    func `merge asks before it takes newer keys`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        try sandbox.write("other", try Sandbox.read(sandbox.vault))
        try sandbox.write("new", Array("seven quiet otters read maps".utf8))
        let passwd = try sandbox.run(
            "--vault", "other", "passwd", "--new-passphrase-file", "new", "--kdf-memory", "64", "-q")
        #expect(passwd.outcome == .exit(0))
        let merge = try PseudoTerminal(
            sandbox, "merge", "other", "--other-passphrase-file", "new",
            environment: ["VAULT_PASSPHRASE": "correct horse"])
        try merge.expect("other has newer keys.", answer: answer)
        #expect(merge.finish().outcome == .exit(code))
        #expect(try sandbox.run("list").outcome == .exit(code == 0 ? 5 : 0))
        let list = try sandbox.run("list", environment: ["VAULT_PASSPHRASE": "seven quiet otters read maps"])
        #expect(list.outcome == .exit(code == 0 ? 0 : 5))
    }

    @Test(arguments: [("y\n", 0), ("n\n", 3)] as [(String, Int32)])
    func `init asks where a vault was seen before`(_ answer: String, _ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        #expect(try sandbox.run("list").outcome == .exit(0))
        try FileManager.default.removeItem(atPath: sandbox.vault)
        let terminal = try PseudoTerminal(
            sandbox, "init", "--kdf-memory", "64", environment: ["VAULT_PASSPHRASE": "correct horse"])
        try terminal.expect("Create a new vault there anyway?", answer: answer)
        #expect(terminal.finish().outcome == .exit(code))
        #expect(FileManager.default.fileExists(atPath: sandbox.vault) == (code == 0))
    }

    @Test func `delete --yes does not ask, and an absent name is not asked about`() throws {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "team", "A", input: [0x61])
        let present = try PseudoTerminal(
            sandbox, "delete", "team", "A", "--yes", environment: ["VAULT_PASSPHRASE": "correct horse"])
        #expect(present.finish().outcome == .exit(0))
        let absent = try PseudoTerminal(
            sandbox, "delete", "team", "A", environment: ["VAULT_PASSPHRASE": "correct horse"])
        #expect(absent.finish().outcome == .exit(9))
        #expect(present.screen + absent.screen == "")
    }
}
