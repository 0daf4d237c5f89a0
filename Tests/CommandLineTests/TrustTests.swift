import Foundation
import Testing

/// Tests of the prompts about a `.vault.toml`.
@Suite struct TrustTests {
    /// A vault with a team's and a project's secret.
    private func sandbox(_ content: String) throws -> Sandbox {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "team", "A", input: Array("team".utf8))
        _ = try sandbox.run("set", "project", "--id", "prod", "A", input: Array("prod".utf8))
        try sandbox.write(".vault.toml", Array(content.utf8))
        return sandbox
    }

    private let passphrase = ["VAULT_PASSPHRASE": "correct horse"]

    @Test(
        arguments: [
            ("y\n", 0), ("Yes\n", 0), ("n\n", 3), ("\n", 3), ("\u{3}", 3), ("\u{4}", 3),
        ] as [(String, Int32)])
    func `a new context file is shown and asked about, and only a yes trusts it`(
        _ answer: String, _ code: Int32
    ) throws {
        let sandbox = try sandbox("# mine\nproject = \"prod\"\nrequire = [\"A\"]\n")
        let terminal = try PseudoTerminal(sandbox, "run", "printenv", "A", environment: passphrase)
        try terminal.expect("Trust it (project prod, 1 required name)? [y/N] ", answer: answer)
        let end = terminal.finish()
        #expect(end.outcome == .exit(code))
        #expect(
            end.printed == (code == 0 ? "prod\n" : "vault: error: cancelled\nvault: hint: add --no-context\n")
        )
        #expect(
            terminal.screen.hasPrefix(
                """
                \(sandbox.directory)/.vault.toml is not trusted. It contains:

                    # mine
                    project = "prod"
                    require = ["A"]

                Trust it
                """.replacingOccurrences(of: "\n", with: "\r\n")))
        #expect(try sandbox.run("get", "A").outcome == .exit(code == 0 ? 0 : 2))
        // A trusted file causes no prompt.
        if code == 0 {
            let again = try PseudoTerminal(sandbox, "get", "A", environment: passphrase)
            #expect(again.finish().printed == "prod")
            #expect(again.screen == "")
        }
    }

    @Test func `a context file that changed since it was trusted is asked about again`() throws {
        let sandbox = try sandbox("project = \"prod\"\n")
        #expect(try sandbox.run("trust", "-q").outcome == .exit(0))
        #expect(try sandbox.run("get", "A").text == "prod")
        try sandbox.write(".vault.toml", Array("project = \"web\"\n".utf8))
        #expect(try sandbox.run("get", "A").outcome == .exit(2))
        let terminal = try PseudoTerminal(sandbox, "get", "A", environment: passphrase)
        try terminal.expect(
            "has changed since it was trusted. It contains:\r\n\r\n    project = \"web\"\r\n\r\nTrust it (project web)? ",
            answer: "y\n")
        #expect(terminal.finish().printed == "team")
        #expect(try sandbox.run("get", "A").text == "team")
    }

    @Test func `a context file cannot steer the terminal on which it is shown`() throws {
        let sandbox = try sandbox("project = \"prod\" # \u{9B}1A\u{202E}project = \"web\"\n\t#\u{85}\n")
        let terminal = try PseudoTerminal(sandbox, "get", "A", environment: passphrase)
        try terminal.expect("Trust it (project prod)?", answer: "n\n")
        #expect(terminal.finish().outcome == .exit(3))
        let shown = #"    project = "prod" # \u{9b}1A\u{202e}project = "web""#
        #expect(terminal.screen.contains("\(shown)\r\n    \\u{9}#\\u{85}\r\n"))
    }

    @Test(arguments: ["\u{1B}[2J", "\u{7}", "\r"])
    func `a context file with a control character is refused, and the character does not reach the terminal`(
        _ character: String
    ) throws {
        let sandbox = try sandbox("project = \"prod\" # \(character)x\n\(character)=\n")
        let terminal = try PseudoTerminal(sandbox, "get", "A", environment: passphrase)
        let end = terminal.finish()
        #expect(end.outcome == .exit(2))
        #expect(end.printed.contains(".vault.toml: line 1: "))
        #expect(!(end.printed + terminal.screen).contains(character))
    }

    @Test func `what is trusted is what was shown, though the file changes while the question stands`() throws
    {
        let sandbox = try sandbox("project = \"none\"\n")
        let terminal = try PseudoTerminal(sandbox, "get", "A", environment: passphrase)
        try terminal.expect("Trust it (project none)?", answer: "")
        try sandbox.write(".vault.toml", Array("project = \"prod\"\n".utf8))
        terminal.type("y\n")
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        #expect(end.printed == "team")
        #expect(try sandbox.run("get", "A").outcome == .exit(2))
    }

    @Test func `nobody is asked about a context file that cannot be trusted, or is not needed`() throws {
        let sandbox = try sandbox("project = \"prod\"\n")
        for words in [
            ["get", "A", "--no-context"], ["get", "team", "A"], ["status", "--no-context", "-q"],
            ["status", "-q", "--json"],
        ] {
            let terminal = try PseudoTerminal(sandbox, words[0], words[1], words[2], environment: passphrase)
            _ = terminal.finish()
            #expect(terminal.screen == "", "\(words)")
        }
        chmod(sandbox.directory + "/.vault.toml", 0o664)
        let terminal = try PseudoTerminal(sandbox, "get", "A", environment: passphrase)
        let end = terminal.finish()
        #expect(end.outcome == .exit(2))
        #expect(
            end.printed == """
                vault: error: \(sandbox.directory)/.vault.toml can be written by others
                vault: hint: chmod go-w \(sandbox.directory)/.vault.toml

                """)
        #expect(terminal.screen == "")
    }
}
