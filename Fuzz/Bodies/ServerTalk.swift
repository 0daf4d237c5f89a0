import Platform
import Sodium

@testable import VaultAgent

/// A client that sends arbitrary bytes to a server, and a well-behaved one that must be served all the same.
struct ServerTalk {
    /// The bits of an input's first byte, except the two that select the fuzzed code.
    private enum Shape {
        static let greets: UInt8 = 4
        static let opens: UInt8 = 8
        static let hangsUp: UInt8 = 16
        static let pauses: UInt8 = 32
    }

    private let shape: UInt8
    private let said: [UInt8]
    private let disk = FuzzDisk()

    /// - Parameter bytes: the bytes that the client sends after the messages that `shape` selects.
    init(shape: UInt8, _ bytes: [UInt8]) {
        self.shape = shape
        var said: [UInt8] = []
        if shape & (Shape.greets | Shape.opens) != 0 { said += Messages.hello }
        if shape & Shape.opens != 0 {
            said += Messages.unlock(Messages.paths[0]) + Messages.open(Messages.paths[0])
        }
        self.said = said + bytes
        for (path, file) in zip(Messages.paths, ServerTalk.files) { disk[path] = file }
    }

    private static let files: [[UInt8]] = [
        [0, 0x80, 5, 1, 0x81, 0x80, 6, 2, 0x82, 9, 3], [0, 0x0E],
        [0, 0x80, 5, 1, 0x00, 5, 2], [0, 0x80, 5, 1, 0x80, 6, 2, 0x80, 7, 3, 8, 200, 0, 1],
    ].map(Script.file)

    private static let probePath = "/probe/is-not-guessed-7f3a.vault"
    private static let probeFile = Script.file([0, 0x80, 5, 1])

    /// Ends the program if the server ends, or no longer serves other clients.
    func run() {
        // The server keeps checkpoints in the directory that its client names, on the real disk.
        if namesMarks(said) { return }
        let server = start()
        let hostile = RawSocket.connected(to: SocketDirectory.server + SocketDirectory.socketName)
        if !sayAll(hostile, server) { return require(stops(said), "the server ended though nobody said so") }
        let replies = hostile.receive()
        checkReplies(replies)
        if shape & Shape.hangsUp != 0 { hostile.end() }
        // Nothing else closes the descriptor earlier.
        withExtendedLifetime(hostile) { checkOthers(server) }
    }

    private func start() -> AgentServer {
        var settings = AgentServer.Settings()
        settings.clock = AgentClock(now: { 1_000_000 }, slept: { 0 })
        settings.dependencies = Known.dependencies(disk)
        // The files are in memory.
        settings.testOnlyTrustsPaths = true
        var timeout = Backoff(milliseconds: 10_000)
        while true {
            do throws(AgentServer.StartError) {
                return try AgentServer.start(in: SocketDirectory.server, settings: settings)
            } catch {
                // A child process of another test holds the previous server's lock between fork and exec.
                if case .alreadyRunning = error, timeout.wait() { continue }
                broken("no server: \(error)")
            }
        }
    }

    /// - Returns: false if the server has ended.
    private func step(_ server: AgentServer) -> Bool {
        do throws(Errno) { return try server.step() } catch { broken("the server failed: \(error)") }
    }

    private func sayAll(_ hostile: RawSocket, _ server: AgentServer) -> Bool {
        let half = shape & Shape.pauses == 0 ? said.count : said.count / 2
        hostile.send(Array(said.prefix(half)))
        // The first step accepts the client; without another event, a second step would wait.
        guard step(server) else { return false }
        guard half < said.count else { return true }
        hostile.send(Array(said.dropFirst(half)))
        return step(server)
    }

    /// Checks that all replies are whole messages of known kinds.
    private func checkReplies(_ replies: [UInt8]) {
        var rest = replies[...]
        while rest.count >= 5 {
            let count = Int(Array(rest.prefix(4)).number(UInt32.self, at: 0))
            let kind = rest[rest.startIndex + 4]
            require((128...143).contains(kind) || kind == 255, "a reply has kind \(kind)")
            require(count >= 1, "a reply has a kind")
            // The server sends later what the socket does not take at once.
            guard 4 + count <= rest.count else { return }
            if kind == 255 { require(count == 19, "a failure has three numbers") }
            rest = rest.dropFirst(4 + count)
        }
    }

    /// Checks that another client can unlock and read another vault.
    private func checkOthers(_ server: AgentServer) {
        disk[ServerTalk.probePath] = ServerTalk.probeFile
        let other = RawSocket.connected(to: SocketDirectory.server + SocketDirectory.socketName)
        let secret = Script.addresses[0].packed
        other.send(
            Messages.hello + Messages.unlock(ServerTalk.probePath) + Messages.open(ServerTalk.probePath)
                + Messages.framed([10] + secret + [0, 0, 0, 0]))
        let expected = Messages.framed([138] + [1, 4, 7, 10, 13])
        var replies: [UInt8] = []
        // Each step serves all clients with input, but the vault has its own thread.
        var timeout = Backoff(milliseconds: 10_000)
        while timeout.wait() {
            let goesOn = step(server)
            replies += other.receive()
            if !goesOn { return require(stops(said), "the server ended though nobody said so") }
            if replies.suffix(expected.count) == expected[...] { return finish(server) }
        }
        broken("another client was answered with \(replies)")
    }

    /// Runs a few more steps, in which a job may finish.
    private func finish(_ server: AgentServer) {
        guard messages(said).contains(where: { $0.first == 13 }) else { return }
        let last = RawSocket.connected(to: SocketDirectory.server + SocketDirectory.socketName)
        for _ in 0..<3 {
            last.send(Messages.hello)
            if !step(server) { return }
        }
    }

    private func messages(_ bytes: [UInt8]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= 4 {
            let count = Int(Array(rest.prefix(4)).number(UInt32.self, at: 0))
            result.append(Array(rest.dropFirst(4).prefix(count)))
            rest = rest.dropFirst(4).dropFirst(count)
        }
        return result
    }

    private func stops(_ bytes: [UInt8]) -> Bool { messages(bytes).contains([1]) }

    private func namesMarks(_ bytes: [UInt8]) -> Bool {
        messages(bytes).contains { message in
            do throws(MalformedMessage) {
                if case .unlock(let request) = try Request.decode(message.span) {
                    return !request.checkpoints.isEmpty
                }
                return false
            } catch {
                return false
            }
        }
    }

    static let seeds: [(name: String, input: [UInt8])] = [
        ("server-nothing", [0]), ("server-hello", [0, 0]), ("server-other-version", [0, 0x10, 9, 0, 2]),
        ("server-status", [0 | Shape.opens, 0x02, 0x42]),
        ("server-unlock", [Shape.greets, 0x03, 0, 0x02, 0x05, 0x02]),
        ("server-unlock-others", [Shape.greets, 0x13, 0, 0x23, 1, 0x33, 0, 0x43, 0, 0x83, 0, 0x26, 0x07]),
        ("server-deadlines", [Shape.greets, 0x03, 7] + [UInt8](repeating: 1, count: 16) + [0x03, 3, 9]),
        ("server-shorten", [Shape.opens, 0x04, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0x06]),
        ("server-names", [Shape.opens, 7, 0x12]),
        ("server-many-names", [Shape.greets, 0x13, 0, 0x16, 7, 12]),
        ("server-contains", [Shape.opens, 0x08, 0x18, 0x28]), ("server-history", [Shape.opens, 0x09, 0x19]),
        ("server-value", [Shape.opens, 0x0A, 0, 0x0A, 2, 0x1A, 0, 0x2A, 9, 0x8A, 0]),
        (
            "server-metadata",
            [
                Shape.opens, 0x1B, 0, 5, 0x10, 9, 0x17, 0x0A, 0x80, 0x89, 0x1B, 0x38, 0x10, 3, 0x0B, 0x18,
                0x0A, 0x80,
            ]
        ),
        ("server-condition", [Shape.opens, 0x1B, 0x20, 0, 0, 0, 5, 0x1B, 0x28, 0, 7, 0x0A, 0]),
        ("server-commit", [Shape.opens, 0x1B, 0, 5, 9, 0x0A, 0, 0x0B, 4, 200, 12]),
        ("server-commit-paused", [Shape.opens | Shape.pauses, 0x3B, 0, 5, 1, 6, 2, 7, 10, 7]),
        ("server-tail", [Shape.greets, 0x23, 0, 0x26, 0x0B, 0, 5]),
        ("server-hangs-up", [Shape.opens | Shape.hangsUp, 7, 0x0B, 0, 3, 0x0D, 0]),
        ("server-check", [Shape.opens, 0x0D, 0x00, 7]), ("server-verify", [Shape.opens, 0x0D, 0x31]),
        ("server-compact", [Shape.opens, 0x0D, 0x02, 0x0D, 0x0C, 7]),
        ("server-salvage", [Shape.opens, 0x0D, 0x33, 5, 0x0D, 0x33, 0]),
        ("server-accept", [Shape.opens, 0x0D, 0x04]), ("server-stop", [Shape.opens, 1, 7]),
        ("server-two-helloes", [Shape.opens, 0, 7]), ("server-raw-message", [Shape.opens, 0x1F, 2, 7, 0]),
        ("server-raw-bytes", [Shape.opens, 15, 6, 255, 255, 255, 255, 7, 7]),
        ("server-bytes", [1] + Messages.hello + Messages.unlock(Messages.paths[0]) + Messages.framed([7])),
        ("server-half", [1 | Shape.opens, 40, 0, 0, 0, 10]),
        ("server-zero-length", [1 | Shape.greets, 0, 0, 0, 0]),
    ]
}
