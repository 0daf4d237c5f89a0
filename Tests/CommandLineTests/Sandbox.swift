import Foundation

/// An empty temporary HOME and working directory.
final class Sandbox: Sendable {
    let root: String
    var home: String { root + "/home" }
    var directory: String { root + "/directory" }
    /// The path of the sandbox's vault.
    var vault: String { directory + "/v" }

    /// The program under test.
    static let binary: String = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        if let named = ProcessInfo.processInfo.environment["VAULT_BINARY"] { return named }
        let release = package.appendingPathComponent(".build/release/vault").path
        if FileManager.default.isExecutableFile(atPath: release) { return release }
        return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("vault").path
    }()

    /// The directory of the package.
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().path

    init() throws {
        root =
            FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/vault-test-"
            + UUID().uuidString.prefix(8)
        for directory in ["", "/home", "/directory", "/bin", "/run"] {
            try FileManager.default.createDirectory(
                atPath: root + directory, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
        }
        try FileManager.default.createSymbolicLink(
            atPath: root + "/bin/vault", withDestinationPath: Sandbox.binary)
        let script = """
            #!/bin/sh
            file=${1:-${VAULT_FILE:-$HOME/.local/share/vault/default.vault}}
            mkdir -p -m 700 "$(dirname "$file")" && install -m 600 '\(try Sandbox.cheapVault.get())' "$file"
            """
        _ = FileManager.default.createFile(
            atPath: root + "/bin/new-vault", contents: Data(script.utf8),
            attributes: [.posixPermissions: 0o700])
        let forge = """
            #!/bin/sh
            PYTHONPATH='\(Sandbox.package)/Tests/PythonReader' exec /usr/bin/python3 -B -W ignore "$@"
            """
        _ = FileManager.default.createFile(
            atPath: root + "/bin/forge", contents: Data(forge.utf8),
            attributes: [.posixPermissions: 0o700])
    }

    /// Creates a sandbox with a vault at ``vault``, with the passphrase `correct horse` and a cheap key derivation.
    static func withVault() throws -> Sandbox {
        let sandbox = try Sandbox()
        try sandbox.write("v", try read(try cheapVault.get()))
        return sandbox
    }

    /// An empty vault that opens within milliseconds; `init` never makes the derivation that cheap, but the format allows it.
    private static let cheapVault = Swift.Result<String, any Error> {
        let directory = FileManager.default.temporaryDirectory.path + "/vault-test-cheap-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        atexit {
            let directory = FileManager.default.temporaryDirectory.path + "/vault-test-cheap-\(getpid())"
            try? FileManager.default.removeItem(atPath: directory)
        }
        try Data("correct horse".utf8).write(to: URL(fileURLWithPath: directory + "/passphrase"))
        try Data("[]".utf8).write(to: URL(fileURLWithPath: directory + "/steps"))
        let words = [
            "/usr/bin/python3", package + "/Tests/PythonReader/vaultmake.py", directory + "/vault",
            "--passphrase-file",
            directory + "/passphrase", "--json", directory + "/steps", "--memory-kib", "8192", "--passes",
            "1",
        ]
        let child = try Child(
            words.map { Array($0.utf8) }, environment: [:], directory: directory, output: directory + "/said",
            errors: directory + "/said")
        guard child.wait() == .exit(0) else {
            throw Unexpected(description: String(decoding: try read(directory + "/said"), as: UTF8.self))
        }
        return directory + "/vault"
    }

    deinit {
        for home in ["/run/vault", "/home/.local/state/vault/run"]
        where FileManager.default.fileExists(atPath: root + home + "/agent.sock") {
            _ = try? program([root + "/bin/vault", "lock", "--all"])
        }
        try? FileManager.default.removeItem(atPath: root)
    }

    /// The environment of all programs in the sandbox.
    var plainEnvironment: [String: String] {
        ["PATH": root + "/bin:/usr/bin:/bin", "HOME": home, "XDG_RUNTIME_DIR": root + "/run"]
    }

    var environment: [String: String] {
        plainEnvironment.merging(["VAULT_FILE": vault, "VAULT_PASSPHRASE": "correct horse"]) { $1 }
    }

    /// The output of a program and how it ended.
    struct Result: CustomStringConvertible {
        let outcome: Child.Outcome
        let output: [UInt8]
        let errors: String
        var text: String { String(decoding: output, as: UTF8.self) }
        var description: String {
            "\(outcome), stdout \(text.prefix(2000).debugDescription), stderr \(errors.debugDescription)"
        }
    }

    /// Runs `vault` with these words.
    func run(
        _ words: String..., bytes: [[UInt8]] = [], input: [UInt8]? = nil, environment: [String: String] = [:]
    ) throws -> Result {
        try start([root + "/bin/vault"] + words, bytes, input, self.environment.merging(environment) { $1 })
    }

    /// Runs any program; its first word is a path.
    func program(_ words: [String], environment: [String: String] = [:]) throws -> Result {
        try start(words, [], nil, self.environment.merging(environment) { $1 })
    }

    /// Runs any program; its arguments may be any bytes.
    func program(_ path: String, bytes: [[UInt8]]) throws -> Result {
        try start([path], bytes, nil, environment)
    }

    private func start(
        _ words: [String], _ bytes: [[UInt8]], _ input: [UInt8]?, _ environment: [String: String]
    ) throws -> Result {
        let name = root + "/" + UUID().uuidString
        defer { for part in [".in", ".out", ".err"] { unlink(name + part) } }
        if let input { try Data(input).write(to: URL(fileURLWithPath: name + ".in")) }
        let child = try Child(
            words.map { Array($0.utf8) } + bytes, environment: environment, directory: directory,
            input: input == nil ? "/dev/null" : name + ".in", output: name + ".out", errors: name + ".err")
        let outcome = child.wait()
        return Result(
            outcome: outcome, output: try Sandbox.read(name + ".out"),
            errors: String(decoding: try Sandbox.read(name + ".err"), as: UTF8.self))
    }

    static func read(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Deletes all checkpoints.
    func forget() throws {
        try FileManager.default.removeItem(atPath: root + "/home/.local/state/vault/seen")
    }

    /// Writes a file with mode 0600 in the working directory, and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = directory + "/" + name
        _ = FileManager.default.createFile(
            atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        return path
    }
}

/// A test that failed in a way that ends it.
struct Unexpected: Error, CustomStringConvertible {
    let description: String
}
