import Foundation
import Platform
import Sodium
import Synchronization
import VaultFile
import VaultCore

@testable import VaultAgent

/// A clock that tests advance.
final class TurnedClock: Sendable {
    private let state = Mutex((now: UInt64(1_000_000), slept: UInt64(0)))

    var clock: AgentClock {
        AgentClock(now: { self.state.withLock(\.now) }, slept: { self.state.withLock(\.slept) })
    }

    /// Advances the clock with the machine awake.
    func pass(_ milliseconds: UInt64) { state.withLock { $0.now += milliseconds } }

    /// Advances the clock with the machine asleep.
    func sleep(_ milliseconds: UInt64) {
        state.withLock {
            $0.now += milliseconds
            $0.slept += milliseconds
        }
    }
}

/// A temporary directory for vaults that open in a millisecond and for the agent's socket.
final class AgentWorld: Sendable {
    let root: String
    var directory: String { root + "/run" }
    static let passphrase = Array("open sesame".utf8)

    init() throws {
        root =
            FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/vault-agent-test-"
            + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Dependencies with cheap key derivations.
    static var dependencies: Dependencies {
        var dependencies = Dependencies()
        dependencies.readingBounds = .testOnlyWeak
        dependencies.writingBounds = .testOnlyWeak
        return dependencies
    }

    /// Creates a vault and returns its path.
    func makeVault(_ name: String = "a.vault") throws -> String {
        let path = root + "/" + name
        _ = try LocalSession.create(
            at: path, passphrase: AgentWorld.passphrase.span,
            parameters: Argon2id.Parameters(passes: 1, memoryKiB: 8), dependencies: AgentWorld.dependencies)
        return path
    }

    /// Opens a vault without the agent.
    func open(_ path: String) throws -> LocalSession {
        try LocalSession.open(
            at: path, passphrase: AgentWorld.passphrase.span, dependencies: AgentWorld.dependencies)
    }

    func key(_ path: String) throws -> Key {
        try Log.readHeader(path: path, dependencies: AgentWorld.dependencies)
            .unlock(passphrase: AgentWorld.passphrase.span)
    }

    /// Runs a server on another thread while `body` runs.
    @discardableResult
    func serve<R>(
        _ settings: AgentServer.Settings? = nil, keepStorage: Bool = false, _ body: (AgentClient) throws -> R
    ) throws -> R {
        var settings = settings ?? AgentServer.Settings()
        let storage = settings.dependencies.storage
        settings.dependencies = AgentWorld.dependencies
        if keepStorage { settings.dependencies.storage = storage }
        let (given, directory) = (settings, directory)
        let (began, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let failure = Mutex<String?>(nil)
        let thread = Thread {
            do {
                let server = try AgentServer.start(in: directory, settings: given)
                began.signal()
                try server.run()
            } catch {
                failure.withLock { $0 = "\(error)" }
                began.signal()
            }
            ended.signal()
        }
        thread.start()
        began.wait()
        if let failure = failure.withLock(\.self) { throw Unexpected(description: failure) }
        let agent = try AgentClient(directory: directory)
        defer {
            // The agent ends when it is told to, or when its directory is removed, whichever user it serves.
            try? agent.stop()
            ended.wait()
        }
        return try body(agent)
    }

    /// Unlocks a vault with the agent.
    func unlock(_ path: String, _ agent: AgentClient, _ limits: Limits = .default) throws {
        _ = try agent.unlock(path, key: try key(path), limits: limits)
    }
}

struct Unexpected: Error, CustomStringConvertible { let description: String }

extension Session {
    func put(_ name: String, _ scope: Scope, _ value: String) throws {
        try set(name, in: scope, to: Array(value.utf8).span)
    }

    func text(_ name: String, _ scope: Scope, version: Int = 0) throws -> String {
        let value = try value(of: SecretID(name, in: scope), version: version)
        return value.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
    }
}
