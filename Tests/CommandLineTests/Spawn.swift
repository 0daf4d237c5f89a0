import Foundation

/// Starts a program in a session of its own, so without a controlling terminal, and waits for it.
///
/// Unlike `Foundation.Process` it takes words that are no text, gives the child exactly the environment that is named, and tells a
/// signal from an exit code.
struct Child {
    let id: pid_t

    /// What became of a program.
    enum Outcome: Equatable {
        case exit(Int32)
        case signal(Int32)
        /// It did not end in time, and was killed.
        case hung
    }

    /// Starts `words` with the files that are named; a terminal becomes the controlling one.
    init(
        _ words: [[UInt8]], environment: [String: String], folder: String, input: String = "/dev/null",
        output: String,
        errors: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(
            &actions, 0, input, input.hasPrefix("/dev/pts/") ? O_RDWR : O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID, SETSIGDEF and SETSIGMASK: nothing of the test runner's own is handed on.
        posix_spawnattr_setflags(&attributes, 0x80 | 0x04 | 0x08)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        // `env` changes the folder, which posix_spawn cannot do portably, and becomes the program.
        let words = ["/usr/bin/env", "-C", folder].map { Array($0.utf8) } + words
        let arguments = words.map { strdup($0.map { CChar(bitPattern: $0) } + [0]) } + [nil]
        let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in arguments + variables { free(word) } }
        var child: pid_t = 0
        let error = posix_spawn(
            &child, arguments[0] ?? strdup(""), &actions, &attributes, arguments, variables)
        guard error == 0 else { throw POSIXError(POSIXErrorCode(rawValue: error) ?? .EIO) }
        id = child
    }

    /// Waits until it ends, looking every half millisecond.
    func wait(seconds: Double = 90) -> Outcome {
        let end = Date(timeIntervalSinceNow: seconds)
        var status: Int32 = 0
        while waitpid(id, &status, WNOHANG) == 0 {
            if Date() > end {
                kill(-id, SIGKILL)
                waitpid(id, &status, 0)
                return .hung
            }
            usleep(500)
        }
        let signal = status & 0x7F
        return signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
    }
}

/// A temporary HOME and working folder, with nothing in them.
final class Sandbox: Sendable {
    let root: String
    var home: String { root + "/home" }
    var folder: String { root + "/work" }
    /// Where the vault of the sandbox is.
    var vault: String { folder + "/v" }

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

    /// The folder of the package.
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().path

    init() throws {
        root =
            FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/vault-test-"
            + UUID().uuidString.prefix(8)
        for folder in ["", "/home", "/work", "/bin", "/run"] {
            try FileManager.default.createDirectory(
                atPath: root + folder, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
        }
        try FileManager.default.createSymbolicLink(
            atPath: root + "/bin/vault", withDestinationPath: Sandbox.binary)
    }

    /// With a vault at ``vault``, whose passphrase is `correct horse`.
    static func withVault() throws -> Sandbox {
        let sandbox = try Sandbox()
        let result = try sandbox.run("init", "--kdf-memory", "64", "-q")
        guard result.outcome == .exit(0) else { throw Unexpected(description: "init: \(result)") }
        return sandbox
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// The environment of everything that runs here.
    var plainEnvironment: [String: String] {
        ["PATH": root + "/bin:/usr/bin:/bin", "HOME": home, "XDG_RUNTIME_DIR": root + "/run"]
    }

    var environment: [String: String] {
        plainEnvironment.merging(["VAULT_FILE": vault, "VAULT_PASSPHRASE": "correct horse"]) { $1 }
    }

    /// What a program said and how it ended.
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

    private func start(
        _ words: [String], _ bytes: [[UInt8]], _ input: [UInt8]?, _ environment: [String: String]
    ) throws -> Result {
        let name = root + "/" + UUID().uuidString
        defer { for part in [".in", ".out", ".err"] { unlink(name + part) } }
        if let input { try Data(input).write(to: URL(fileURLWithPath: name + ".in")) }
        let child = try Child(
            words.map { Array($0.utf8) } + bytes, environment: environment, folder: folder,
            input: input == nil ? "/dev/null" : name + ".in", output: name + ".out", errors: name + ".err")
        let outcome = child.wait()
        return Result(
            outcome: outcome, output: try Sandbox.read(name + ".out"),
            errors: String(decoding: try Sandbox.read(name + ".err"), as: UTF8.self))
    }

    static func read(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Writes a file of the working folder, 0600, and gives its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = folder + "/" + name
        _ = FileManager.default.createFile(
            atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        return path
    }
}

/// What should not have happened.
struct Unexpected: Error, CustomStringConvertible {
    let description: String
}
