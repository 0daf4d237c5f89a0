import Foundation
import Testing

/// Tests of obstacles that other users of the machine create; only root can act as two users.
@Suite(.enabled(if: geteuid() == 0)) struct OtherUsersTests {
    /// A vault with a team's and a project's secret, and a copy of `vault`, both accessible to the user 65534.
    private func sandbox() throws -> Sandbox {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "team", "A", input: Array("team".utf8))
        _ = try sandbox.run("set", "project", "--id", "web", "A", input: Array("web".utf8))
        let script = """
            chmod 711 \(sandbox.root) . && cp \(Sandbox.binary) vault && mkdir above above/below theirs &&
            cp v theirs/v && chown -R 65534 theirs
            """
        #expect(try sandbox.program(["/bin/sh", "-c", script]).outcome == .exit(0))
        return sandbox
    }

    /// Runs a script as root, in which `theirs` is `vault` for the other user.
    private func run(_ sandbox: Sandbox, _ script: String) throws -> Sandbox.Result {
        let other = """
            theirs() {
                setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=\(sandbox.directory)/theirs XDG_RUNTIME_DIR= \\
                    VAULT_FILE=\(sandbox.directory)/theirs/v \(sandbox.directory)/vault "$@"
            }
            """
        return try sandbox.program(["/bin/sh", "-c", other + "\n" + script])
    }

    @Test func `a context file in a directory that may not be looked into is none`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox, "chmod 700 above; cd above/below; theirs get A; theirs run --no-all -- echo ran")
        #expect(result.outcome == .exit(0))
        #expect(result.text == "teamran\n")
        #expect(result.errors == "")
    }

    @Test func `a pipe of another user is refused as a passphrase file without waiting for it`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox, "mkfifo -m 666 pipe; chown 65534 pipe; vault get A --passphrase-file pipe")
        #expect(result.outcome == .exit(1))
        #expect(result.errors == "vault: error: the passphrase file pipe is a pipe of another user\n")
    }

    @Test func `a context file that may not be read stops what would take something from it`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox,
            "chmod 755 above above/below; umask 077; echo 'project = \"web\"' >above/.vault.toml; cd above/below; theirs get A --no-context; theirs run true"
        )
        #expect(result.outcome == .exit(2))
        #expect(result.text == "team")
        #expect(
            result.errors == """
                vault: error: cannot read \(sandbox.directory)/above/.vault.toml: permission denied
                vault: hint: add --no-context

                """)
    }

    @Test func `a context file of another user stops commands that need it, and cannot be trusted`()
        throws
    {
        let sandbox = try sandbox()
        let result = try run(
            sandbox,
            """
            echo 'project = "web"' >above/.vault.toml; chown 65534 above/.vault.toml; cd above/below
            vault get A --no-context; vault get A; vault run true; vault trust ..
            """)
        let refusal = "vault: error: \(sandbox.directory)/above/.vault.toml belongs to another user\n"
        let hint = "vault: hint: add --no-context\n"
        #expect(result.outcome == .exit(2))
        #expect(result.text == "team")
        #expect(result.errors == refusal + hint + refusal + hint + refusal)
    }

    @Test func `who can neither mend nor write anything is told what is left to do`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox,
            """
            chmod 755 above; echo 'project = "web"' >above/.vault.toml; chmod 666 above/.vault.toml; cd above
            theirs get A; chmod 644 .vault.toml; chown 0 ../theirs; chmod 755 ../theirs; theirs trust
            setpriv --reuid 4000000000 --regid 65534 --clear-groups env -u HOME ../vault trust
            """)
        #expect(
            result.errors == """
                vault: error: \(sandbox.directory)/above/.vault.toml can be written by others
                vault: hint: add --no-context
                vault: error: cannot record that \(sandbox.directory)/above/.vault.toml is trusted: \(sandbox.directory)/theirs/.local/state/vault/trusted: permission denied
                vault: error: there is no directory in which to record trusted files
                vault: hint: set HOME or XDG_STATE_HOME

                """)
    }

    @Test func `where HOME is unset, the home is that of the user database`() throws {
        let sandbox = try sandbox()
        func status(_ user: UInt32) throws -> Sandbox.Result {
            try sandbox.program([
                "/usr/bin/setpriv", "--reuid", "\(user)", "--regid", "65534", "--clear-groups", "env", "-u",
                "HOME", "-u",
                "VAULT_FILE", sandbox.directory + "/vault", "status",
            ])
        }
        let nobody = try #require(getpwuid(65534))
        let path = String(cString: nobody.pointee.pw_dir) + "/.local/share/vault/default.vault"
        let known = try status(65534)
        #expect(known.outcome == .exit(6))
        #expect(known.errors.hasPrefix("vault: error: no vault at \(path)\n"))
        let unknown = try status(4_000_000_000)
        #expect(unknown.outcome == .exit(2))
        #expect(
            unknown.errors == """
                vault: error: no vault file is named, and you have no home directory
                vault: hint: add --vault FILE, or set HOME

                """)
    }

    @Test func `a passphrase file of another user is refused`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox,
            "umask 077; printf 'correct horse' >theirs/p; chown 65534 theirs/p; vault list --passphrase-file theirs/p"
        )
        #expect(result.outcome == .exit(1))
        #expect(result.errors.hasPrefix("vault: error: the passphrase file theirs/p can be read by others\n"))
        #expect(
            try run(sandbox, "chown 65534 theirs/p; theirs list --passphrase-file theirs/p").text == "A\n")
    }

    @Test func `a vault in a directory that may be entered but not listed can be written`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox, "chown 0 theirs; chmod 711 theirs; printf new | theirs set team A; theirs get A")
        #expect(result.text == "new")
        // The home belongs to another user, so no checkpoint can be saved there.
        #expect(result.errors.contains("Set 'A' in team\n"))
        #expect(!result.errors.contains("error"))
    }

    @Test func `another user's link to a context file is refused like a file of theirs`() throws {
        let sandbox = try sandbox()
        let result = try run(
            sandbox,
            """
            echo 'project = "web"' >mine; ln -s ../mine above/.vault.toml; cd above/below; vault trust -q; vault get A
            chown -h 65534 ../.vault.toml; vault get A; rm ../.vault.toml
            ln -s /etc/passwd ../.vault.toml; chown -h 65534 ../.vault.toml; vault get A
            """)
        let refusal = """
            vault: error: \(sandbox.directory)/above/.vault.toml belongs to another user
            vault: hint: add --no-context

            """
        #expect(result.text == "web")
        #expect(result.errors == refusal + refusal)
    }
}
