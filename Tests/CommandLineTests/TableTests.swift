import Foundation
import Testing

/// Tests of tables, on terminals of several sizes.
@Suite struct TableTests {
    private let sandbox: Sandbox

    /// Two copies: `v` has one secret of its own, `other` another, and both set `DATABASE_URL`.
    init() throws {
        sandbox = try Sandbox.withVault()
        try set("team", "DATABASE_URL")
        try copy("v", to: "other")
        try set("team", "DATABASE_URL")
        try set("project", "--id", "web", "KEY")
        try set("team", "DATABASE_URL", file: "other")
        try set("cluster", "--id", "gpu", "KEY", file: "other")
    }

    private func set(_ words: String..., file: String = "v") throws {
        let path = sandbox.directory + "/" + file
        let words = [sandbox.root + "/bin/vault", "set", "--quiet", "--generate", "--vault", path] + words
        #expect(try sandbox.program(words).outcome == .exit(0))
    }

    private func copy(_ file: String, to copy: String) throws {
        try sandbox.write(copy, try Sandbox.read(sandbox.directory + "/" + file))
    }

    /// Sets secrets with these names in `other`.
    private func add(_ names: [String]) throws {
        let lines = names.map { $0 + "=1\n" }.joined()
        let result = try sandbox.run(
            "import", "team", "--format", "dotenv", "-", "--vault", sandbox.directory + "/other",
            input: Array(lines.utf8))
        #expect(result.outcome == .exit(0))
    }

    /// Returns the lines that a command prints on a terminal, with `TIME` for times.
    private func screen(_ columns: UInt16, _ rows: UInt16, _ words: String...) throws -> [String] {
        let terminal = try PseudoTerminal(
            sandbox, words: words, environment: ["VAULT_PASSPHRASE": "correct horse"],
            usesTerminalForOutput: true, columns: columns, rows: rows)
        let end = terminal.finish()
        #expect(end.outcome == .exit(0))
        return terminal.screen.replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/, with: "TIME" + time)
            .split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Makes `TIME` as wide as a time.
    private let time = String(repeating: ".", count: 16)

    @Test func `diff names both files, and the times if there is room`() throws {
        let paths = ["this file:   \(sandbox.vault)", "other file:  other", ""]
        #expect(
            try screen(100, 40, "diff", "other") == paths + [
                "CHANGED IN  SCOPE    ID   NAME          THIS FILE             OTHER FILE",
                "other file  cluster  gpu  KEY           -                     TIME\(time)",
                "this file   project  web  KEY           TIME\(time)  -",
                "both files  team          DATABASE_URL  TIME\(time)  TIME\(time)", "",
            ])
        #expect(
            try screen(80, 40, "diff", "other") == paths + [
                "CHANGED IN  SCOPE    ID   NAME", "other file  cluster  gpu  KEY",
                "this file   project  web  KEY", "both files  team          DATABASE_URL", "",
            ])
    }

    @Test func `merge names both files, and the command that shows the versions`() throws {
        let table = [
            "this file:   \(sandbox.vault)", "other file:  other", "",
            "SCOPE  ID  NAME          CURRENT VALUE FROM  OTHER VALUE",
            "team       DATABASE_URL  other file          version 1",
        ]
        #expect(
            try screen(80, 40, "merge", "other", "--dry-run") == table + [
                "Would merge 2 versions of 2 secrets from other; 1 conflict", "",
            ])
        let hint = "'vault --vault \(sandbox.vault) history team DATABASE_URL'"
        #expect(
            try screen(80, 40, "merge", "other") == table + [
                "vault: hint: \(hint) lists the versions of 'DATABASE_URL'",
                "Merged 2 versions of 2 secrets from other; 1 conflict", "",
            ])
    }

    @Test func `a name that is too long for the terminal does not widen the columns of the others`() throws {
        let long = String(repeating: "N", count: 128)
        try add([long])
        #expect(
            try screen(80, 40, "diff", "other").dropFirst(3) == [
                "CHANGED IN  SCOPE    ID   NAME", "other file  cluster  gpu  KEY",
                "this file   project  web  KEY", "both files  team          DATABASE_URL",
                "other file  team  \(long)", "",
            ])
        let list = try screen(80, 40, "list", "--vault", sandbox.directory + "/other")
        #expect(list == ["NAME          SCOPE  ID", "DATABASE_URL  team   ", "\(long)  team", ""])
        // Without a size, nothing is too long.
        #expect(try screen(0, 0, "list", "--vault", sandbox.directory + "/other")[1].contains("   team"))
    }

    @Test func `a list that is longer than the screen is cut if it can be shown again`() throws {
        try add((10...49).map { "KEY\($0)" })
        let cut = try screen(80, 20, "diff", "other")
        #expect(cut.count <= 20)
        let shown = cut.count { $0.contains("  KEY") || $0.contains("DATABASE_URL") }
        #expect(shown >= 10)
        #expect(cut[cut.count - 3] == "… and \(43 - shown) more")
        #expect(
            cut[cut.count - 2] == "vault: hint: 'vault --vault \(sandbox.vault) diff other | less' shows all")
        #expect(try screen(80, 50, "diff", "other").count == 3 + 1 + 43 + 1)
        #expect(try sandbox.run("diff", "other").text.split(separator: "\n").count == 43)

        // Both files now have values of their own for all of these names.
        let lines = (10...49).map { "KEY\($0)=2\n" }.joined()
        _ = try sandbox.run("import", "team", "--format", "dotenv", "-", input: Array(lines.utf8))
        let trial = try screen(80, 20, "merge", "other", "--dry-run")
        #expect(trial.contains { $0.hasPrefix("… and ") })
        #expect(
            trial.contains(
                "vault: hint: 'vault --vault \(sandbox.vault) merge other --dry-run | less' shows all"))
        #expect(trial.count <= 21)
        // What a merge says cannot be had again.
        let merged = try screen(80, 20, "merge", "other")
        #expect(merged.count { $0.hasSuffix("version 1") } == 41)
    }

    @Test func `a dry run of a merge warns of ten secrets on a terminal, and of all otherwise`() throws {
        let script = """
            import vaultfile
            vault = vaultfile.open("other", b"correct horse")
            vault.append([vaultfile.value(vaultfile.TEAM, "", f"LATE{n}", b"x", 253402300799999) for n in range(12)])
            """
        #expect(try sandbox.program([sandbox.root + "/bin/forge", "-c", script]).outcome == .exit(0))
        let trial = try screen(80, 40, "merge", "other", "--dry-run")
        #expect(trial.count { $0.contains("left out a version of 'LATE") } == 10)
        #expect(trial.contains("vault: warning: … and 2 more"))
        #expect(
            trial.contains(
                "vault: hint: 'vault --vault \(sandbox.vault) merge other --dry-run --json' lists all"))
        let piped = try sandbox.run("merge", "other", "--dry-run").errors
        #expect(piped.split(separator: "\n").count { $0.contains("left out a version of 'LATE") } == 12)
        let merged = try screen(80, 40, "merge", "other")
        #expect(merged.count { $0.contains("left out a version of 'LATE") } == 12)
    }

    @Test func `restore and accept show the two files alike before they ask`() throws {
        let environment = ["VAULT_PASSPHRASE": "correct horse"]
        let restore = try PseudoTerminal(
            sandbox, "restore", "other", environment: environment, usesTerminalForOutput: true)
        try restore.expect(" with other?", answer: "n\n")
        _ = restore.finish()
        let id = #/vault [0-9a-f]{8} /#
        let time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/
        let lines = restore.screen.replacing(id, with: "vault ID ").replacing(time, with: "TIME")
            .split(separator: "\r\n").map(String.init)
        #expect(
            lines.prefix(4) == [
                "the backup: vault ID in other", "  changed TIME, generation 1, 2 secrets in 3 versions",
                "there now:  vault ID in \(sandbox.vault)",
                "  changed TIME, generation 1, 2 secrets in 3 versions",
            ])

        try copy("other", to: "v")
        let accept = try PseudoTerminal(
            sandbox, "accept", environment: environment, usesTerminalForOutput: true)
        try accept.expect("Trust the file as it is now?", answer: "n\n")
        _ = accept.finish()
        let shown = accept.screen.replacing(time, with: "TIME").split(separator: "\r\n").map(String.init)
        #expect(shown[0].hasPrefix("last seen:  vault ") && shown[2].hasPrefix("there now:  vault "))
        #expect(shown[2].hasSuffix(" in \(sandbox.vault)"))
        #expect(shown[1].hasPrefix("  seen    TIME, generation 1, "))
        #expect(shown[3] == "  changed TIME, generation 1, 2 secrets in 3 versions")
    }
}
