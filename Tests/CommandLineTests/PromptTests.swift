import Foundation
import Testing

/// Tests of prompts, on a terminal.
@Suite struct PromptTests {
    private static let strong = "correct horse battery staple"

    @Test func `init asks twice, and the passphrase never appears`() throws {
        let sandbox = try Sandbox()
        let terminal = try PseudoTerminal(sandbox, "init", "--kdf-memory", "64")
        try terminal.expect("New passphrase for \(sandbox.vault)", answer: PromptTests.strong + "\n")
        try terminal.expect("Repeat: ", answer: PromptTests.strong + "\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        let prompt = "New passphrase for \(sandbox.vault) (leave empty to generate one): "
        #expect(terminal.screen == prompt + "\r\nRepeat: \r\n")
        #expect(end.printed == "Created the vault \(sandbox.vault)\n")
        #expect(terminal.echoes)
        let check = try sandbox.run("check", environment: ["VAULT_PASSPHRASE": PromptTests.strong])
        #expect(check.outcome == .exit(0))
    }

    @Test func `init refuses two passphrases that differ, and makes nothing`() throws {
        let sandbox = try Sandbox()
        let terminal = try PseudoTerminal(sandbox, "init", "--kdf-memory", "64")
        for number in 1...3 {
            let again = number > 1 ? "vault: the two passphrases differ, try again\r\n" : ""
            try terminal.expect(
                "\(again)New passphrase for \(sandbox.vault)", answer: PromptTests.strong + "\n")
            try terminal.expect("Repeat: ", answer: "correct house battery staple\n")
        }
        let end = terminal.finish()
        #expect(end.outcome == .exit(1))
        #expect(end.printed == "vault: error: the two passphrases differ\n")
        #expect(!FileManager.default.fileExists(atPath: sandbox.vault))
    }

    @Test
    func `a weak new passphrase is told with its estimate and asked for again, until a better one comes`()
        throws
    {
        let sandbox = try Sandbox()
        let terminal = try PseudoTerminal(sandbox, "init", "--kdf-memory", "64")
        let prompt = "New passphrase for \(sandbox.vault) (leave empty to generate one): "
        for typed in ["x", "password1", "x", "letmein", PromptTests.strong] {
            try terminal.expect(prompt, answer: typed + "\n")
        }
        try terminal.expect("Repeat: ", answer: PromptTests.strong + "\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        #expect(end.printed == "Created the vault \(sandbox.vault)\n")
        #expect(terminal.screen.components(separatedBy: " bits of at least 50: ").count == 5)
        let check = try sandbox.run("check", environment: ["VAULT_PASSPHRASE": PromptTests.strong])
        #expect(check.outcome == .exit(0))
    }

    @Test func `a weak new passphrase that a person insists on is taken`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(
            sandbox, "passwd", "--kdf-memory", "64", environment: ["VAULT_PASSPHRASE": "correct horse"])
        let prompt = "New passphrase for \(sandbox.vault) (leave empty to generate one): "
        for _ in 1...2 { try terminal.expect(prompt, answer: "x\n") }
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        #expect(terminal.screen.contains("vault: this passphrase is weak, about 4 bits of at least 50: "))
        #expect(!terminal.screen.contains("The same again"))
        #expect(try sandbox.run("check", environment: ["VAULT_PASSPHRASE": "x"]).outcome == .exit(0))
    }

    @Test func `left empty, a new passphrase of ten words is generated, shown once and used`() throws {
        let sandbox = try Sandbox()
        let terminal = try PseudoTerminal(sandbox, "init", "--kdf-memory", "64")
        try terminal.expect("New passphrase for \(sandbox.vault)", answer: "\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        #expect(end.printed == "Created the vault \(sandbox.vault)\n")
        let lines = terminal.screen.components(separatedBy: "\r\n")
        #expect(lines.count == 4 && lines[1].hasSuffix("is shown only now; write it down:") && lines[3] == "")
        #expect(lines[2].wholeMatch(of: /[a-z]{3,8}(-[a-z]{3,8}){9}/) != nil)
        let check = try sandbox.run("check", environment: ["VAULT_PASSPHRASE": lines[2]])
        #expect(check.outcome == .exit(0))
    }

    @Test func `passwd asks for the old passphrase, tries it, and asks twice for the new one`() throws {
        let sandbox = try Sandbox.withVault()
        let wrong = try PseudoTerminal(sandbox, "passwd")
        for _ in 1...3 {
            try wrong.expect("Passphrase for \(sandbox.vault): ", answer: "correct house\n")
        }
        #expect(wrong.finish().outcome == .exit(5))
        let prompt = "Passphrase for \(sandbox.vault): \r\n"
        let again = "vault: wrong passphrase, try again\r\n"
        #expect(wrong.screen == prompt + again + prompt + again + prompt)
        let terminal = try PseudoTerminal(sandbox, "passwd", "--kdf-memory", "64")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "correct horse\n")
        try terminal.expect("New passphrase for \(sandbox.vault)", answer: "seven quiet otters read maps\n")
        try terminal.expect("Repeat: ", answer: "seven quiet otters read maps\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        #expect(end.printed == "Changed the passphrase of \(sandbox.vault)\n")
        #expect(
            terminal.screen
                == "Passphrase for \(sandbox.vault): \r\nNew passphrase for \(sandbox.vault) (leave empty to generate one): \r\nRepeat: \r\n"
        )
        let check = try sandbox.run(
            "check", environment: ["VAULT_PASSPHRASE": "seven quiet otters read maps"])
        #expect(check.outcome == .exit(0))
        #expect(try sandbox.run("check").outcome == .exit(5))
    }

    @Test func `the recovery key is typed hidden, and a slip of the hand is told`() throws {
        let sandbox = try Sandbox.withVault()
        let made = try sandbox.run("recovery-key", "-q")
        #expect(made.outcome == .exit(0) && made.errors.isEmpty)
        let key = String(made.text.dropLast())
        let terminal = try PseudoTerminal(sandbox, "passwd", "--recovery", "--kdf-memory", "64", "-q")
        try terminal.expect("Recovery key for \(sandbox.vault): ", answer: key.lowercased() + "\n")
        try terminal.expect("New passphrase for \(sandbox.vault)", answer: "seven quiet otters read maps\n")
        try terminal.expect("Repeat: ", answer: "seven quiet otters read maps\n")
        #expect(terminal.finish().outcome == .exit(0))
        #expect(
            terminal.screen
                == "Recovery key for \(sandbox.vault): \r\nNew passphrase for \(sandbox.vault) (leave empty to generate one): \r\nRepeat: \r\n"
        )
        let slip = try PseudoTerminal(sandbox, "passwd", "--recovery")
        for _ in 1...3 {
            try slip.expect("Recovery key for \(sandbox.vault): ", answer: String(key.dropLast()) + "\n")
        }
        let end = slip.finish()
        #expect(end.outcome == .exit(5))
        #expect(end.printed.hasPrefix("vault: error: the recovery key is mistyped"))
    }

    @Test func `a person has three tries, and a source that is no terminal has one`() throws {
        let sandbox = try Sandbox.withVault()
        let second = try PseudoTerminal(sandbox, "list")
        try second.expect("Passphrase for \(sandbox.vault): ", answer: "wrong\n")
        try second.expect(
            "vault: wrong passphrase, try again\r\nPassphrase for \(sandbox.vault): ",
            answer: "correct horse\n")
        #expect(second.finish().outcome == .exit(0))
        let third = try PseudoTerminal(sandbox, "list")
        for _ in 1...3 { try third.expect("Passphrase for \(sandbox.vault): ", answer: "wrong\n") }
        let end = third.finish()
        #expect(end.outcome == .exit(5))
        #expect(
            end.printed == """
                vault: error: wrong passphrase
                vault: hint: if you are sure that it is right, try it on a backup: 'vault help restore'

                """)
        let command = try PseudoTerminal(sandbox, "list", "--passphrase-command", "echo wrong; echo >>ran")
        #expect(command.finish().outcome == .exit(5))
        #expect(try Sandbox.read(sandbox.directory + "/ran") == [0x0A])
        #expect(command.screen == "")
    }

    @Test
    func `a prompt names the vault, below home with a tilde, and no control character reaches the terminal`()
        throws
    {
        let sandbox = try Sandbox.withVault()
        try FileManager.default.copyItem(atPath: sandbox.vault, toPath: sandbox.home + "/app.vault")
        let name = "a\u{1B}]0;owned\u{7}\u{9B}31m\u{202E}b"
        try FileManager.default.copyItem(atPath: sandbox.vault, toPath: sandbox.directory + "/" + name)
        for (path, shown) in [
            (sandbox.home + "/app.vault", "~/app.vault"), ("v", "v"), (sandbox.vault, sandbox.vault),
            (name, "a\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{202e}b"),
        ] {
            let terminal = try PseudoTerminal(sandbox, "list", "--vault", path)
            try terminal.expect("Passphrase for \(shown): ", answer: "correct horse\n")
            #expect(terminal.finish().outcome == .exit(0))
            #expect(terminal.screen == "Passphrase for \(shown): \r\n")
        }
    }

    @Test
    func `Ctrl-Z where no shell could continue the command throws away what was typed, and it asks again`()
        throws
    {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "list")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "half\u{1A}")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "correct horse\n")
        #expect(terminal.finish().outcome == .exit(0))
        #expect(terminal.echoes)
    }

    @Test func `Ctrl-Z amidst other keys is never missed, whenever it comes`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "list")
        // Ctrl-C discards the pending input, even what the program was about to read.
        for _ in 1...300 {
            try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "half a pass")
            terminal.type("\u{1A}")
        }
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "correct horse\n")
        #expect(terminal.finish().outcome == .exit(0))
    }

    @Test func `an empty line is one of the tries`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "list")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "\n")
        try terminal.expect(
            "vault: nothing was typed, try again\r\nPassphrase for \(sandbox.vault): ",
            answer: "correct horse\n")
        #expect(terminal.finish().outcome == .exit(0))
    }

    @Test func `set asks for the passphrase and twice for the value, hidden`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "set", "team", "A")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "correct horse\n")
        try terminal.expect("Value: ", answer: "the välue\n")
        try terminal.expect("Repeat: ", answer: "the välue\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        #expect(end.printed == "Set 'A' in team\n")
        #expect(terminal.screen == "Passphrase for \(sandbox.vault): \r\nValue: \r\nRepeat: \r\n")
        #expect(try sandbox.run("get", "A").text == "the välue")
    }

    @Test func `set refuses two values that differ, and an empty one`() throws {
        let sandbox = try Sandbox.withVault()
        let different = try PseudoTerminal(
            sandbox, "set", "team", "A", environment: ["VAULT_PASSPHRASE": "correct horse"])
        for _ in 1...3 {
            try different.expect("Value: ", answer: "one\n")
            try different.expect("Repeat: ", answer: "two\n")
        }
        #expect(different.finish().outcome == .exit(1))
        let empty = try PseudoTerminal(
            sandbox, "set", "team", "A", environment: ["VAULT_PASSPHRASE": "correct horse"])
        try empty.expect("Value: ", answer: "\n")
        try empty.expect("Repeat: ", answer: "\n")
        #expect(empty.finish().outcome == .exit(2))
        #expect(try sandbox.run("list").text == "")
    }

    @Test(arguments: [0, 3, 9000])
    func `set refuses a pasted value of several lines instead of taking the first`(_ more: Int) throws {
        let paste = "one\n" + String(repeating: "x", count: more) + "\n"
        let sandbox = try Sandbox.withVault()
        let first = try PseudoTerminal(
            sandbox, "set", "team", "A", environment: ["VAULT_PASSPHRASE": "correct horse"])
        try first.expect("Value: ", answer: paste)
        let end = first.finish()
        #expect(end.outcome == .exit(2))
        #expect(
            end.printed.hasPrefix(
                "vault: error: the pasted value has several lines; nothing was set\n"))
        let second = try PseudoTerminal(
            sandbox, "set", "team", "A", environment: ["VAULT_PASSPHRASE": "correct horse"])
        try second.expect("Value: ", answer: "one\n")
        try second.expect("Repeat: ", answer: paste)
        #expect(second.finish().outcome == .exit(2))
        #expect(try sandbox.run("list").text == "")
    }

    @Test func `set refuses a typed value that is too long instead of cutting it`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(
            sandbox, "set", "team", "A", environment: ["VAULT_PASSPHRASE": "correct horse"])
        try terminal.expect("Value: ", answer: String(repeating: "x", count: 1_048_577) + "\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(2))
        #expect(end.printed == "vault: error: the value has more than 1,048,576 bytes (1 MiB)\n")
        #expect(try sandbox.run("list").text == "")
    }

    @Test func `set asks for a name that is missing`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(
            sandbox, "set", "team", environment: ["VAULT_PASSPHRASE": "correct horse"])
        try terminal.expect("Name: ", answer: "ASKED\n")
        try terminal.expect("Value: ", answer: "v\n")
        try terminal.expect("Repeat: ", answer: "v\n")
        #expect(terminal.finish().outcome == .exit(0))
        #expect(try sandbox.run("list").text == "ASKED\n")
    }

    @Test func `backspace and Ctrl-U work at a hidden prompt`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "list")
        try terminal.expect(
            "Passphrase for \(sandbox.vault): ", answer: "wrong\u{15}correct hörs\u{7F}\u{7F}\u{7F}orse\n")
        #expect(terminal.finish().outcome == .exit(0))
    }

    @Test(arguments: ["\u{3}", "\u{4}", "half\u{3}", "\u{1C}"])
    func `Ctrl-C and Ctrl-D cancel with 3, and the terminal is as before`(_ key: String) throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "set", "team", "A")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "")
        #expect(!terminal.echoes)
        terminal.type(key)
        let end = terminal.finish()
        #expect(end.outcome == .exit(3))
        #expect(terminal.echoes)
        #expect(!terminal.screen.contains("half"))
    }

    @Test(arguments: [true, false])
    func `no-input asks nothing on a terminal either`(byOption: Bool) throws {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "team", "A", input: [0x61])
        let option = byOption ? ["--no-input"] : []
        let variable = byOption ? [:] : ["VAULT_NO_INPUT": "1"]
        let passphrase = ["VAULT_PASSPHRASE": "correct horse"].merging(variable) { $1 }
        for (words, environment, code) in [
            (["get", "A"], variable, 4), (["passwd"], passphrase, 4), (["set", "team", "B"], passphrase, 4),
            (["set", "team", "B"], variable, 4), (["delete", "team", "A"], passphrase, 2),
        ] as [([String], [String: String], Int32)] {
            let terminal = try PseudoTerminal(sandbox, words: words + option, environment: environment)
            let end = terminal.finish()
            #expect(terminal.screen == "", "\(words)")
            #expect(end.printed.contains("--no-input or VAULT_NO_INPUT forbids"), "\(words) \(end.printed)")
            #expect(end.outcome == .exit(code), "\(words)")
        }
        #expect(try sandbox.run("list").text == "A\n")
    }

    @Test func `the passphrase is asked on the terminal though everything else is redirected`() throws {
        let sandbox = try Sandbox.withVault()
        let terminal = try PseudoTerminal(sandbox, "get", "NOPE")
        try terminal.expect("Passphrase for \(sandbox.vault): ", answer: "correct horse\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(9))
        #expect(end.printed == "vault: error: no secret 'NOPE' in team\n")
    }

    @Test(
        arguments: [
            ("", "", "xterm", true), ("", "1", "xterm", false), ("", "", "dumb", false),
            ("never", "", "xterm", false), ("always", "1", "dumb", true), ("auto", "", "xterm", true),
        ])
    func `on a terminal the word error is coloured, unless a setting or a variable says no`(
        setting: String, noColor: String, term: String, isColored: Bool
    ) throws {
        let sandbox = try Sandbox.withVault()
        if !setting.isEmpty {
            let directory = sandbox.home + "/.config/vault"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data("color = \"\(setting)\"\n".utf8).write(to: URL(filePath: directory + "/config.toml"))
        }
        let environment = ["VAULT_PASSPHRASE": "correct horse", "NO_COLOR": noColor, "TERM": term]
        let terminal = try PseudoTerminal(
            sandbox, "get", "A\u{1B}[2J", environment: environment, usesTerminalForOutput: true)
        #expect(terminal.finish().outcome == .exit(2))
        let label = isColored ? "vault: \u{1B}[1;31merror:\u{1B}[0m " : "vault: error: "
        #expect(terminal.screen.hasPrefix(label))
        // Nothing that was typed becomes a control sequence.
        #expect(!terminal.screen.contains("[2J"))
        // A pipe gets plain text.
        let piped = try sandbox.run("get", "B", environment: environment)
        #expect(piped.errors.hasPrefix("vault: error: ") == (setting != "always"))
    }

    @Test func `on a terminal get adds a newline and holds back control characters, and list is a table`()
        throws
    {
        let sandbox = try Sandbox.withVault()
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        _ = try sandbox.run("set", "team", "A", input: Array("plain".utf8))
        _ = try sandbox.run("set", "project", "--id", "web", "RED", input: Array("\u{1B}[31mred".utf8))
        let show = { (words: [String]) throws -> (String, Child.Outcome) in
            let terminal = try PseudoTerminal(
                sandbox, words[0], words[1], words[2], environment: environment, usesTerminalForOutput: true)
            let outcome = terminal.finish().outcome
            return (terminal.screen, outcome)
        }
        #expect(try show(["get", "team", "A"]) == ("plain\r\n", .exit(0)))
        #expect(
            try show(["list", "--project", "web"]) == (
                "NAME  SCOPE    ID\r\nA     team     \r\nRED   project  web\r\n", .exit(0)
            ))
        let held = try show(["get", "RED", "--project=web"])
        #expect(held.1 == .exit(1))
        #expect(held.0.contains("add --force") && !held.0.contains("\u{1B}"))
        // An 8-bit control character; as part of a UTF-8 letter the same byte is harmless.
        _ = try sandbox.run("set", "team", "C1", "--raw", input: [0x9B, 0x33, 0x31, 0x6D])
        let csi = try show(["get", "team", "C1"])
        #expect(csi.1 == .exit(1) && csi.0.contains("add --force"))
        _ = try sandbox.run("set", "team", "LETTER", input: Array("\u{16B}\u{C5}\u{1F600}".utf8))
        #expect(try show(["get", "team", "LETTER"]) == ("\u{16B}\u{C5}\u{1F600}\r\n", .exit(0)))
    }
}
