import Foundation
import Platform
import Sodium
import Testing
import VaultFile
import VaultCore

@testable import VaultAgent

/// Tests changes of a vault's keys while an agent has it unlocked.
@Suite struct KeyChangeTests {
    private let world: AgentWorld
    private let path: String

    init() throws {
        world = try AgentWorld()
        path = try world.makeVault()
    }

    /// Changes the vault's keys, as `passwd` does.
    @discardableResult
    private func changeKeys(
        to passphrase: String = "new", cost: PassphraseCost = .kept,
        announce: (borrowing Key) -> Void = { _ in }
    ) throws -> KeyChangeReport {
        let old = AgentWorld.passphrase
        let holder = try LocalJobRunner.open(
            path, passphrase: old.span, dependencies: AgentWorld.dependencies)
        let passphrase = Array(passphrase.utf8)
        return try holder.changeKeys(
            of: path, passphrase: passphrase.span, cost: cost, announce: announce, showRecoveryKey: nil)
    }

    private func open(_ passphrase: String) throws -> LocalSession {
        let passphrase = Array(passphrase.utf8)
        return try LocalSession.open(
            at: path, passphrase: passphrase.span, dependencies: AgentWorld.dependencies)
    }

    @Test func `an agent that was told of the new key follows, within a session too`() throws {
        try world.serve { agent in
            try world.unlock(path, agent, Limits(idle: 60_000, total: 90_000))
            let session = try agent.session(for: path)
            try session.put("A", .team, "one")
            try changeKeys { key in try? agent.announce(key, for: path) }
            #expect(try session.text("A", .team) == "one")
            try session.put("A", .team, "two")
            #expect(try open("new").text("A", .team) == "two")
            let status = try agent.status(of: path)
            #expect(status.generation == 2)
            #expect((60_001...90_000).contains(status.totalLeft))
        }
    }

    @Test func `a commit is the first to come after the change, and is not lost`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try changeKeys { key in try? agent.announce(key, for: path) }
            try session.put("A", .team, "one")
            #expect(try open("new").text("A", .team) == "one")
        }
    }

    @Test func `a job is done with the key that the file has`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            try agent.session(for: path).put("A", .team, "one")
            try changeKeys { key in try? agent.announce(key, for: path) }
            let worker = try #require(try agent.worker(for: path))
            #expect(try worker.compact(path, keeping: .none).generation == 3)
            #expect(try open("new").text("A", .team) == "one")
        }
    }

    @Test func `a copy of the vault is merged though its path was unlocked with other keys before`() throws {
        try world.serve { agent in
            let other = try world.makeVault("other.vault")
            try world.unlock(path, agent)
            try world.unlock(other, agent)
            try FileManager.default.removeItem(atPath: other)
            try FileManager.default.copyItem(atPath: path, toPath: other)
            let passphrase = AgentWorld.passphrase
            let copy = try LocalSession.open(
                at: other, passphrase: passphrase.span, dependencies: AgentWorld.dependencies)
            try copy.put("A", .team, "one")
            let worker = try #require(try agent.worker(for: path))
            #expect(try worker.merge(into: path, from: other, MergeOptions()).versions == 1)
            #expect(try agent.session(for: path).text("A", .team) == "one")
        }
    }

    @Test func `keys that were changed elsewhere lock the vault`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try changeKeys()
            #expect(throws: VaultError.locked) { try session.put("A", .team, "one") }
            #expect(throws: AgentError.vault(.locked)) { try agent.status(of: path) }
            #expect(try open("new").secrets().isEmpty)
        }
    }

    @Test func `a key that was announced and is not the file's opens nothing`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            try agent.session(for: path).put("A", .team, "one")
            let other = try world.makeVault("other.vault")
            try agent.announce(try world.key(other), for: path)
            #expect(try agent.session(for: path).text("A", .team) == "one")
            try changeKeys()
            #expect(throws: AgentError.vault(.locked)) { try agent.status(of: path) }
            #expect(throws: AgentError.vault(.locked)) { try agent.announce(try world.key(other), for: path) }
        }
    }

    @Test func `of two who change the keys at once, the agent follows the one whose file is there`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try session.put("A", .team, "one")
            let late = try world.key(try world.makeVault("other.vault"))
            try changeKeys { key in
                try? agent.announce(key, for: path)
                try? agent.announce(late, for: path)
            }
            try session.put("A", .team, "two")
            #expect(try open("new").text("A", .team) == "two")
        }
    }

    @Test func `who unlocks a vault while its keys are changed does not stop the agent from following`()
        throws
    {
        try world.serve { agent in
            try world.unlock(path, agent)
            try changeKeys { key in
                try? agent.announce(key, for: path)
                try? world.unlock(path, agent)
            }
            try agent.session(for: path).put("A", .team, "one")
            #expect(try open("new").text("A", .team) == "one")
        }
    }

    @Test func `a key that was announced stays when the one before it is the file's`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let (first, second, third) = (AgentWorld.passphrase, Array("second".utf8), Array("third".utf8))
            let holder = try LocalJobRunner.open(
                path, passphrase: first.span, dependencies: AgentWorld.dependencies)
            _ = try holder.changeKeys(
                of: path, passphrase: second.span, cost: .kept,
                announce: { try? agent.announce($0, for: path) }, showRecoveryKey: nil)
            let next = try LocalJobRunner.open(
                path, passphrase: second.span, dependencies: AgentWorld.dependencies)
            _ = try next.changeKeys(
                of: path, passphrase: third.span, cost: .kept,
                announce: { key in
                    try? agent.announce(key, for: path)
                    _ = try? agent.status(of: path)
                }, showRecoveryKey: nil)
            #expect(try agent.status(of: path).generation == 3)
        }
    }

    @Test func `a change that was announced and not made leaves all as it was`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try session.put("A", .team, "one")
            try FileManager.default.linkItem(atPath: path, toPath: path + ".link")
            #expect(throws: VaultError.file(.severalNames)) {
                try changeKeys { key in try? agent.announce(key, for: path) }
            }
            try session.put("A", .team, "two")
            #expect(try world.open(path).text("A", .team) == "two")
            try FileManager.default.removeItem(atPath: path + ".link")
            try changeKeys { key in try? agent.announce(key, for: path) }
            #expect(try session.text("A", .team) == "two")
        }
    }

    @Test func `a guess costs what it did, what a new vault's does, or what was chosen`() throws {
        let weak = Argon2id.Parameters(passes: 1, memoryKiB: 8)
        let chosen = Argon2id.Parameters(passes: 2, memoryKiB: 16)
        #expect(try changeKeys(to: "open sesame").parameters == weak)
        #expect(try changeKeys(to: "open sesame", cost: .chosen(chosen)).parameters == chosen)
        #expect(chosen.isBelowDefault)
        let raised = try changeKeys(to: "open sesame", cost: .raised).parameters
        #expect(!raised.isBelowDefault)
        #expect(try Log.readHeader(path: path, dependencies: Dependencies()).parameters == raised)
        let much = Argon2id.Parameters(passes: 16, memoryKiB: 256 * 1024)
        #expect(try changeKeys(to: "open sesame", cost: .chosen(much)).parameters == much)
        #expect(try changeKeys(to: "open sesame", cost: .raised).parameters == much)
    }

    @Test func `files beside the vault that the keys of before open are named`() throws {
        let directory = world.root + "/"
        try world.open(path).put("A", .team, "one")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        func write(_ name: String, _ content: Data) throws {
            try content.write(to: URL(fileURLWithPath: directory + name))
        }
        try write("b.vault", bytes)
        try write("torn.vault", bytes.prefix(600))
        try write("a.vault.unfinished-4608-00112233", bytes.dropFirst(4608))
        try write("notes.txt", Data("a.vault".utf8))
        try write("empty", Data())
        _ = try world.makeVault("stranger.vault")
        try FileManager.default.createDirectory(
            atPath: directory + "directory", withIntermediateDirectories: true)
        #expect(mkfifo(directory + "pipe", 0o600) == 0)
        let copies = try changeKeys().oldCopies
        #expect(
            copies == ["a.vault.unfinished-4608-00112233", "b.vault", "torn.vault"].map { directory + $0 })
    }
}
