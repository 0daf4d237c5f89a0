import Foundation
import Glibc
import Platform
import Sodium
import Synchronization
import Testing
import VaultFile
import VaultCore

@testable import VaultAgent

/// Tests the agent's loop: who is served, who is refused, and that no client waits for another.
@Suite struct ServerTests {
    private let world: AgentWorld
    private let path: String

    init() throws {
        world = try AgentWorld()
        path = try world.makeVault()
    }

    /// Returns a raw connection.
    private func connect(timeout: UInt64 = 10_000) throws -> LocalSocket {
        try LocalSocket(connectingTo: world.directory + "/agent.sock", timeout: timeout)
    }

    /// Returns the bytes until the end of the connection; nil if it does not end within the timeout.
    private func rest(_ socket: borrowing LocalSocket) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var all: [UInt8] = []
        while true {
            var span = bytes.mutableSpan
            do throws(Errno) {
                let count = try socket.receive(into: &span)
                if count == 0 { return all }
                all += bytes.prefix(count)
            } catch .connectionReset {
                return all
            } catch {
                return nil
            }
        }
    }

    private func send(_ bytes: [UInt8], _ socket: borrowing LocalSocket) throws {
        _ = try socket.send(bytes.span)
    }

    /// Settings for messages without descriptors.
    private static var trusting: AgentServer.Settings {
        var settings = AgentServer.Settings()
        settings.testOnlyTrustsPaths = true
        return settings
    }

    private static let hello: [UInt8] = [11, 0, 0, 0, 0] + Array("vault-ag".utf8) + [5, 0]

    @Test func `another user is disconnected without a byte`() throws {
        var settings = AgentServer.Settings()
        settings.userID = CurrentProcess.userID + 1
        let directory = world.directory
        // This test's client is the other user, so the agent ends only when its directory is removed.
        settings.clock = AgentClock(now: { PrivateDirectory.isOurs(directory) ? 0 : 61_000 }, slept: { 0 })
        try world.serve(settings) { _ in
            let socket = try connect()
            _ = try? send(Self.hello, socket)
            #expect(rest(socket) == [])
            try FileManager.default.removeItem(atPath: world.directory)
        }
    }

    @Test func `a key that is not the vault's unlocks nothing, and what was unlocked stays so`() throws {
        let other = try world.makeVault("c.vault")
        try world.serve { agent in
            try world.unlock(path, agent)
            #expect(throws: AgentError.vault(.file(.keysChanged))) {
                _ = try agent.unlock(path, key: try world.key(other), limits: .default)
            }
            #expect(try agent.session(for: path).summary().secrets == 0)
        }
    }

    @Test func `what is known of a busy vault is told to who means that file, and to nobody else`() throws {
        let other = try world.makeVault("c.vault")
        let server = try AgentServer.start(in: world.directory)
        // The worker's thread is never started, as if it waited for the disk.
        let worker = try VaultWorker(
            path, VaultKeys(try world.key(path)), FileProof(files: [], paths: []), AgentWorld.dependencies,
            server.reports, server.backlog)
        let file = try HeldFile(at: path).identity
        server.keyring.keep(
            worker, .default,
            VaultState(
                summary: Summary(
                    generation: 7, secrets: 0, versions: 0, committedBytes: Format.logStart, liveBytes: 0),
                file: file))
        let status = Self.message(2, [UInt8(path.utf8.count), 0] + Array(path.utf8))
        for (meant, isTold) in [(path, true), (other, false)] {
            let socket = try connect(timeout: 300)
            _ = try socket.send((Self.hello + status).span, with: [try HeldFile(at: meant)])
            let end = ContinuousClock.now + .milliseconds(500)
            while ContinuousClock.now < end { _ = try server.step() }
            var bytes = [UInt8](repeating: 0, count: 200)
            var span = bytes.mutableSpan
            let count = try socket.receive(into: &span)
            // The reply to Hello has 7 bytes.
            #expect((count > 7) == isTold)
            if isTold { #expect(bytes[7 + 4] == 130 && bytes[7 + 5 + 16] == 7) }
        }
    }

    @Test func `a client sends nothing to an agent of another user`() throws {
        try world.serve { _ in
            #expect(throws: AgentError.foreign) {
                _ = try AgentConnection.connect(in: world.directory, userID: CurrentProcess.userID + 1)
            }
        }
    }

    @Test func `there is one agent in a directory, and what a dead one left is no agent`() throws {
        try FileManager.default.createDirectory(
            atPath: world.directory, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        for name in ["agent.sock", "agent.lock"] {
            #expect(
                FileManager.default.createFile(
                    atPath: world.directory + "/" + name, contents: Data("stale".utf8)))
        }
        #expect(throws: AgentError.notRunning) {
            try AgentClient(directory: world.directory).status(of: path)
        }
        try world.serve { agent in
            #expect(throws: AgentServer.StartError.alreadyRunning) {
                try AgentServer.start(in: world.directory)
            }
            try world.unlock(path, agent)
        }
        #expect(!FileManager.default.fileExists(atPath: world.directory + "/agent.sock"))
        try world.serve { agent in try world.unlock(path, agent) }
    }

    @Test func `a directory that others can look into has no agent`() throws {
        try FileManager.default.createDirectory(
            atPath: world.directory, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755])
        #expect(throws: AgentServer.StartError.directoryNotPrivate) {
            try AgentServer.start(in: world.directory)
        }
        #expect(throws: AgentError.directoryNotPrivate) {
            try AgentClient(directory: world.directory).status(of: path)
        }
    }

    @Test func `a directory whose path is longer than a socket's address has an agent too`() throws {
        let world = try AgentWorld()
        let directory = world.root + "/" + String(repeating: "long", count: 30)
        let server = try AgentServer.start(in: directory)
        let connection = try AgentConnection.connect(in: directory)
        _ = try server.step()
        withExtendedLifetime(connection) {}
    }

    @Test func `an agent whose socket was taken away ends within a second`() throws {
        let clock = TurnedClock()
        var settings = AgentServer.Settings()
        settings.clock = clock.clock
        let server = try AgentServer.start(in: world.directory, settings: settings)
        #expect(try server.step())
        try FileManager.default.removeItem(atPath: world.directory + "/agent.sock")
        clock.pass(999)
        #expect(try server.step())
        clock.pass(1)
        #expect(try !server.step())
    }

    @Test func `an agent with nothing unlocked ends after ten minutes, and not before`() throws {
        let clock = TurnedClock()
        var settings = AgentServer.Settings()
        settings.clock = clock.clock
        let server = try AgentServer.start(in: world.directory, settings: settings)
        clock.pass(599_999)
        #expect(try server.step())
        clock.pass(1)
        #expect(try !server.step())
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [255, 255, 255, 255], [12, 0, 0, 0], [5, 0, 0, 0, 6, 1, 0, 47, 0],
            Array("GET / HTTP/1.1\r\n\r\n".utf8), hello + [0, 0, 0, 0], hello + [1, 0, 0, 4], hello + hello,
            hello + [1, 0, 0, 0, 14],
            hello + [5, 0, 0, 0, 6, 2, 0, 46, 47],
        ] as [[UInt8]])
    func `what breaks the rules ends its own connection alone`(bytes: [UInt8]) throws {
        try world.serve(Self.trusting) { agent in
            try world.unlock(path, agent)
            let socket = try connect()
            try send(bytes, socket)
            let said = rest(socket)
            #expect(said?.suffix(19).prefix(3) == [255, 60, 0])
            _ = try agent.session(for: path)
        }
    }

    private static func message(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
        [UInt8(1 + body.count), 0, 0, 0, kind] + body
    }

    @Test func `requests that arrive together are answered in order, each after what those before it wrote`()
        throws
    {
        try world.serve(Self.trusting) { agent in
            try world.unlock(path, agent)
            let secret = [UInt8]([1, 0, 1]) + Array("A".utf8)
            let value = Self.message(10, secret + [0, 0, 0, 0])
            let open = Self.message(6, [UInt8(path.utf8.count), 0] + Array(path.utf8))
            let set = { (byte: UInt8) in Self.message(11, [1] + secret + [1, 0, 0, 0, byte]) }
            let socket = try connect()
            try send(
                Self.hello + open + value + set(7) + value + set(8) + set(9) + value + Self.message(1, []),
                socket)
            let written = Self.message(139, [0, 0, 0, 0, 0, 0, 0, 0])
            let absent = Self.message(255, [6] + [UInt8](repeating: 0, count: 17))
            let said =
                Self.message(128, [5, 0]) + Self.message(134, [0, 0, 0, 0, 0, 0, 0, 0, 0]) + absent + written
                + Self.message(138, [7]) + written + written + Self.message(138, [9]) + Self.message(129, [])
            #expect(rest(socket) == said)
        }
    }

    @Test func `half a message is not waited for, and holds nobody up`() throws {
        var settings = AgentServer.Settings()
        settings.stallTimeout = 300
        try world.serve(settings) { agent in
            try world.unlock(path, agent)
            let half = try connect()
            let large = try connect()
            try send(Array(Self.hello.prefix(7)), half)
            try send(Self.hello + [0, 0, 0, 4, 11], large)
            for _ in 0..<20 { _ = try agent.session(for: path).summary() }
            #expect(rest(half) == [])
            #expect(rest(large)?.count == 7)
            _ = try agent.session(for: path)
        }
    }

    @Test func `a reply that nobody takes is not waited for, and holds nobody up`() throws {
        var settings = Self.trusting
        settings.stallTimeout = 500
        try world.serve(settings) { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try session.set("LARGE", in: .team, to: [UInt8](repeating: 7, count: 1 << 20).span)
            let socket = try connect(timeout: 100)
            let pathBytes = Array(path.utf8)
            try send(
                Self.hello + [UInt8(3 + pathBytes.count), 0, 0, 0, 6, UInt8(pathBytes.count), 0] + pathBytes,
                socket)
            let value: [UInt8] = [13, 0, 0, 0, 10, 1, 0, 5] + Array("LARGE".utf8) + [0, 0, 0, 0]
            // The replies to these requests do not fit into the kernel's buffers.
            for _ in 0..<64 { _ = try? send(value, socket) }
            for _ in 0..<20 { #expect(try session.summary().secrets == 1) }
            Thread.sleep(forTimeInterval: 1)
            _ = try agent.session(for: path)
            #expect((rest(socket)?.count ?? 0) < 64 << 20)
        }
    }

    @Test func `idle connections make room for new ones`() throws {
        var settings = AgentServer.Settings()
        settings.maxConnections = 20
        try world.serve(settings) { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            var idle: [Holder] = []
            for _ in 0..<100 {
                idle.append(Holder(try connect()))
                #expect(try session.summary().secrets == 0)
            }
            _ = try agent.session(for: path)
            #expect(rest(idle[0].socket) == [])
            try send(Self.hello, idle[99].socket)
            var answer = [UInt8](repeating: 0, count: 7)
            var span = answer.mutableSpan
            #expect(try idle[99].socket.receive(into: &span) == 7)
        }
    }

    /// A list element, since a connection cannot be copied.
    private final class Holder {
        let socket: LocalSocket
        init(_ socket: consuming LocalSocket) { self.socket = socket }
    }

    @Test func `requests may be sent without waiting for replies`() throws {
        try world.serve(Self.trusting) { agent in
            try world.unlock(path, agent)
            let socket = try connect()
            let pathBytes = Array(path.utf8)
            let open = [UInt8(3 + pathBytes.count), 0, 0, 0, 6, UInt8(pathBytes.count), 0] + pathBytes
            let set: [UInt8] = [12, 0, 0, 0, 11, 1, 1, 0, 1, 65, 2, 0, 0, 0, 104, 105]
            let get: [UInt8] = [9, 0, 0, 0, 10, 1, 0, 1, 65, 0, 0, 0, 0]
            // The requests are cut anywhere.
            for byte in Self.hello + open + set + get + set + get { try send([byte], socket) }
            var answer: [UInt8] = []
            let committed: [UInt8] = [9, 0, 0, 0, 139] + [UInt8](repeating: 0, count: 8)
            let value: [UInt8] = [3, 0, 0, 0, 138, 104, 105]
            let expected =
                [3, 0, 0, 0, 128, 5, 0, 10, 0, 0, 0, 134] + [UInt8](repeating: 0, count: 9)
                + committed + value + committed + value
            while answer.count < expected.count {
                var piece = [UInt8](repeating: 0, count: 100)
                var span = piece.mutableSpan
                let count = try socket.receive(into: &span)
                try #require(count > 0)
                answer += piece.prefix(count)
            }
            #expect(answer == expected)
        }
    }
}
