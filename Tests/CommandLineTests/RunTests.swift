import Foundation
import Testing

/// Tests that `vault run` replaces itself with the program.
@Suite struct RunTests {
    @Test(arguments: [0, 1, 2, 9, 77, 125, 126, 127, 128, 255] as [Int32])
    func `the exit code is the program's own`(_ code: Int32) throws {
        let sandbox = try Sandbox.withVault()
        #expect(try sandbox.run("run", "--", "sh", "-c", "exit \(code)").outcome == .exit(code))
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGKILL, SIGSEGV, SIGPIPE, SIGHUP])
    func `a program that dies by a signal is seen to have died by it`(_ signal: Int32) throws {
        let sandbox = try Sandbox.withVault()
        #expect(try sandbox.run("run", "--", "sh", "-c", "kill -\(signal) $$").outcome == .signal(signal))
        let script = "vault run -- sh -c 'kill -\(signal) $$'; exit $?"
        #expect(try sandbox.program(["/bin/sh", "-c", script]).outcome == .exit(128 + signal))
    }

    @Test func `nothing of vault is left: the program has its process`() throws {
        let sandbox = try Sandbox.withVault()
        let script = "echo $$; exec vault run -- sh -c 'echo $$; echo $PPID'; "
        let lines = try sandbox.program(["/bin/sh", "-c", script]).text.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0] == lines[1])
        #expect(lines[2] == "\(getpid())")
    }

    @Test func `the program starts with default signals and no descriptors but three`() throws {
        let sandbox = try Sandbox.withVault()
        let plain = try sandbox.program([
            "/bin/sh", "-c", "ls /proc/self/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status; ulimit -c",
        ])
        let run = try sandbox.run(
            "run", "--", "/bin/sh", "-c",
            "ls /proc/self/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status; ulimit -c")
        #expect(run.output == plain.output)
    }

    @Test func `nobody at the other end of standard error or output ends nothing half done`() throws {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "team", "A", input: Array("old".utf8))
        // A FIFO opened for both ends, of which only the writing end stays open: a pipe without a reader, with the default signal action.
        let script = """
            mkfifo pipe; exec 8<>pipe 9>pipe 8>&-
            printf new | vault set team A 2>&9; echo $?; vault get A; echo
            vault get A >&9; echo $?
            vault run --env X=secret: -- printenv X 2>&9
            vault run -- sh -c 'echo lost; echo "not there"' >&9 2>said; echo $?
            VAULT_PASSPHRASE= vault list -q --passphrase-command 'yes | head -c 13 >/dev/null; printf "correct horse"'; echo $?
            """
        let result = try sandbox.program(["/bin/sh", "-c", script])
        #expect(result.text == "0\nnew\n0\nsecret:\n141\nA\n0\n")
        #expect(result.errors == "")
    }

    @Test func `standard input, output and error go through byte for byte`() throws {
        let sandbox = try Sandbox.withVault()
        let bytes = ExactBytesTests.everyByte + [UInt8](repeating: 0x0A, count: 200_000)
        let result = try sandbox.run("run", "--", "tee", "/dev/stderr", input: bytes)
        #expect(result.outcome == .exit(0))
        #expect(result.output == bytes)
        #expect(result.errors.utf8.count > 200_000)
    }

    @Test func `no variable with a passphrase reaches the program`() throws {
        let sandbox = try Sandbox.withVault()
        let file = try sandbox.write("passphrase", Array("correct horse".utf8))
        let names = [
            "VAULT_PASSPHRASE", "VAULT_PASSPHRASE_COMMAND", "VAULT_NEW_PASSPHRASE_FILE",
            "VAULT_NEW_PASSPHRASE_COMMAND",
            "VAULT_OTHER_PASSPHRASE", "VAULT_BACKUP_PASSPHRASE_FD",
        ]
        var environment = Dictionary(uniqueKeysWithValues: names.map { ($0, "the-hidden-one") })
        environment["VAULT_PASSPHRASE_FILE"] = file
        environment["OTHER"] = "kept"
        for options in [[], ["--no-all"]] {
            let result = try sandbox.program(
                [sandbox.root + "/bin/vault", "run"] + options + ["--", "cat", "/proc/self/environ"],
                environment: environment)
            #expect(result.outcome == .exit(0))
            #expect(result.text.contains("OTHER=kept"))
            #expect(!result.text.contains("PASSPHRASE"))
            #expect(!result.text.contains("the-hidden-one"))
            #expect(!result.text.contains("correct horse"))
        }
    }

    @Test func `a descriptor that the passphrase came from does not reach the program`() throws {
        let sandbox = try Sandbox.withVault()
        try sandbox.write("passphrase", Array("correct horse".utf8))
        let script = "exec vault run --no-all --passphrase-fd 3 -- ls /proc/self/fd 3<passphrase 4</dev/null"
        let listed = try sandbox.program(["/bin/sh", "-c", script])
        #expect(listed.outcome == .exit(0))
        // `ls` itself opened 3 to read the directory; 4 is inherited from the shell, which vault leaves alone.
        #expect(listed.text == "0\n1\n2\n3\n4\n")
        let read = "exec vault run --no-all --passphrase-fd 5 -- cat /proc/self/fd/5 5<passphrase"
        #expect(try sandbox.program(["/bin/sh", "-c", read]).text == "")
    }

    @Test func `each variable is there once`() throws {
        let sandbox = try Sandbox.withVault()
        for value in ["one", "two"] {
            _ = try sandbox.run("set", "team", "A", "-q", input: Array(value.utf8))
        }
        let result = try sandbox.run(
            "run", "--env", "A=three", "--env", "B=four", "--", "cat", "/proc/self/environ",
            environment: ["A": "zero", "B": "zero"])
        let names = result.text.split(separator: "\0").map { $0.prefix { $0 != "=" } }
        #expect(names.count == Set(names).count)
        #expect(result.text.contains("A=three\0") && result.text.contains("B=four\0"))
    }

    @Test func `126 is what cannot be executed, 127 what is not found, 125 what vault itself could not do`()
        throws
    {
        let sandbox = try Sandbox.withVault()
        try sandbox.write("not-executable", Array("x".utf8))
        let script = try sandbox.write("no-interpreter", Array("#!/no/such/interpreter\n".utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script)
        let format = try sandbox.write("no-program", Array("just text\n".utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: format)
        #expect(try sandbox.run("run", "--", "./not-executable").outcome == .exit(126))
        #expect(try sandbox.run("run", "--", ".").outcome == .exit(126))
        #expect(try sandbox.run("run", "--", "./no-program").outcome == .exit(126))
        #expect(try sandbox.run("run", "--", "./no-interpreter").outcome == .exit(127))
        #expect(try sandbox.run("run", "--", "./missing").outcome == .exit(127))
        #expect(try sandbox.run("run", "--", "no-such-program").outcome == .exit(127))
        #expect(try sandbox.run("run", "--passphrase-file", "missing", "--", "true").outcome == .exit(125))
        // Found in PATH but not executable; later directories of PATH are still searched.
        let path = "\(sandbox.directory):\(sandbox.root)/bin:/usr/bin:/bin"
        #expect(
            try sandbox.run("run", "--", "not-executable", environment: ["PATH": path]).outcome == .exit(126))
        try sandbox.write("true", [])
        #expect(try sandbox.run("run", "--", "true", environment: ["PATH": path]).outcome == .exit(0))
    }

    @Test func `a missing reference starts nothing`() throws {
        let sandbox = try Sandbox.withVault()
        for environment in [["X": "secret:NOPE"], ["X": "secret:NOPE", "Y": "secret:NOPE_EITHER"]] {
            let result = try sandbox.run("run", "--", "touch", "started", environment: environment)
            #expect(result.outcome == .exit(12))
            #expect(result.errors.contains("no secret 'NOPE"))
        }
        #expect(!FileManager.default.fileExists(atPath: sandbox.directory + "/started"))
    }

    @Test(arguments: [
        "LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "BASH_ENV", "ENV", "PYTHONPATH", "PYTHONUSERBASE",
        "GIT_PAGER", "MAKEFLAGS", "NODE_OPTIONS", "PERL5OPT",
        "IFS",
    ])
    func `a secret whose name changes how programs run must be allowed`(_ name: String) throws {
        let sandbox = try Sandbox.withVault()
        _ = try sandbox.run("set", "team", name, "-q", input: Array("/x".utf8))
        #expect(try sandbox.run("run", "--", "/usr/bin/touch", "started").outcome == .exit(2))
        #expect(!FileManager.default.fileExists(atPath: sandbox.directory + "/started"))
        let allowed = try sandbox.run("run", "--allow-name", name, "--", "/usr/bin/cat", "/proc/self/environ")
        #expect(allowed.text.contains("\(name)=/x\0"))
        #expect(try sandbox.run("run", "--except", name, "--", "/usr/bin/true").outcome == .exit(0))
    }

    @Test func `words that are no text reach the program as they are`() throws {
        let sandbox = try Sandbox.withVault()
        let words: [[UInt8]] = [[0xFF, 0xFE], [0xC3], [], Array("--json".utf8), Array("a b\n".utf8), [0x80]]
        let result = try sandbox.run("run", "--", "/usr/bin/printf", "%s|", bytes: words)
        #expect(result.outcome == .exit(0))
        #expect(result.output == Array(words.map { $0 + [UInt8(ascii: "|")] }.joined()))
        // They are refused everywhere else.
        #expect(try sandbox.run("get", bytes: [[0xFF]]).outcome == .exit(2))
        #expect(try sandbox.run("run", "--only", bytes: [[0xFF], Array("true".utf8)]).outcome == .exit(2))
    }

    @Test func `inherited variables whose names are no text, or differ in bytes alone, are all handed on`()
        throws
    {
        let sandbox = try Sandbox.withVault()
        let names: [[UInt8]] = [
            [0xFF], [0xFE], Array("\u{E9}".utf8), Array("e\u{301}".utf8), [0x4E, 0xE9, 0x58],
        ]
        let variables = names.map { $0 + Array("=secret::x".utf8) }
        let result = try sandbox.program(
            "/usr/bin/env",
            bytes: variables + ["vault", "run", "--", "cat", "/proc/self/environ"].map { Array($0.utf8) })
        for name in names {
            #expect(
                result.output.split(separator: 0).contains((name + Array("=secret:x".utf8))[...]), "\(name)")
        }
    }

    @Test func `PATH is searched by its bytes`() throws {
        let sandbox = try Sandbox.withVault()
        let directory = sandbox.directory + "/lat"
        let script = """
            d=$(printf '%s\\351' \(directory)); mkdir "$d"; printf '#!/bin/sh\\necho found' >"$d/tool"; chmod 700 "$d/tool"
            PATH="$d:$PATH" vault run -- tool
            """
        #expect(try sandbox.program(["/bin/sh", "-c", script]).text == "found\n")
    }

    @Test func `inherited variables that are no text are handed on as they are`() throws {
        let sandbox = try Sandbox.withVault()
        let script = "X=$(printf '\\377\\376=\\200'); export X; vault run -- printenv X"
        #expect(try sandbox.program(["/bin/sh", "-c", script]).output == [0xFF, 0xFE, 0x3D, 0x80, 0x0A])
    }
}
