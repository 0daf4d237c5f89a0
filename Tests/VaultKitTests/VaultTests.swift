import Foundation
import Sodium
import Testing
import VaultCore
import VaultFile
import VaultKit

/// A vault in a directory of its own, with a passphrase that costs a millisecond.
private final class TemporaryVault {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("kit-\(UUID().uuidString)")
    var path: String { directory.appendingPathComponent("test.vault").path }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func create() throws -> VaultKit.Vault {
        var dependencies = Dependencies()
        dependencies.readingBounds = .testOnlyWeak
        dependencies.writingBounds = .testOnlyWeak
        let session = try LocalSession.create(
            at: path, passphrase: Array("correct horse".utf8).span,
            parameters: Argon2id.Parameters(passes: 1, memoryKiB: 8), dependencies: dependencies)
        return Vault(session, path: path)
    }
}

@Suite struct `The library` {
    private let temporary = TemporaryVault()

    @Test func `takes and returns text, bytes and guarded values`() async throws {
        let vault = try temporary.create()
        try await vault.set("TEXT", in: .team, to: "grüße")
        try await vault.set("BYTES", in: .team, to: [0xFF, 0] as [UInt8])
        try await vault.set("COPY", in: .team, to: try await vault.value(of: "BYTES", in: .team))
        let text = try await vault.value(of: "TEXT", in: .team)
        #expect(text.string == "grüße")
        #expect(text.count == 7)
        let copy = try await vault.value(of: "COPY", in: .team)
        #expect(copy.bytes == [0xFF, 0])
        #expect(copy.string == nil)
        #expect(copy.withBytes { $0.count } == 2)
    }

    @Test func `resolves project before cluster before team`() async throws {
        let vault = try temporary.create()
        try await vault.set("A", in: .team, to: "team")
        try await vault.set("A", in: .cluster("gpu-1"), to: "cluster")
        try await vault.set("A", in: .project("web"), to: "project")
        try await vault.set("B", in: .team, to: "only")
        for (context, value) in [
            (Context(project: "web", cluster: "gpu-1"), "project"), (Context(cluster: "gpu-1"), "cluster"),
            (Context(project: "other"), "team"),
        ] {
            #expect(try await vault.value(of: "A", in: context).string == value)
        }
        let context = Context(project: "web", cluster: "gpu-1")
        #expect(try await vault.values(in: context).mapValues(\.string) == ["A": "project", "B": "only"])
        let resolution = try #require(try await vault.resolve("A", in: context))
        #expect(resolution.winner == SecretID("A", in: .project("web")))
        #expect(resolution.shadowed.map(\.scope) == [.cluster("gpu-1"), .team])
    }

    @Test func `reports errors by case, and in words that name the secret or the file`() async throws {
        let vault = try temporary.create()
        await #expect(throws: VaultKitError.notFound("no secret 'NAME' in the given scope or context")) {
            try await vault.value(of: "NAME", in: Context(project: "web"))
        }
        await #expect(throws: VaultKitError.invalidArgument("invalid name")) {
            try await vault.set("A B", in: .team, to: "x")
        }
        await #expect(throws: VaultKitError.invalidArgument("a passphrase must have 1 to 1,024 bytes")) {
            try await VaultKit.Vault.open(at: temporary.path, passphrase: "")
        }
        let missing = temporary.path + "2"
        let error = await #expect(throws: VaultKitError.self) {
            try await VaultKit.Vault.open(at: missing, passphrase: "x")
        }
        #expect(error == .noVault("no vault at \(missing)"))
        #expect(error?.localizedDescription == "no vault at \(missing)")
    }

    @Test func `goes back through the history of a secret, and tells its times`() async throws {
        let vault = try temporary.create()
        let secret = SecretID("A", in: .team)
        try await vault.set("A", in: .team, to: "one")
        try await vault.set("A", in: .team, to: "two")
        try await vault.delete("A", in: .team)
        let history = try await vault.history(of: secret)
        #expect(history.map(\.isDeletion) == [true, false, false])
        #expect(abs(history[0].timeSince1970 / .seconds(1) - Date().timeIntervalSince1970) < 60)
        #expect(try await vault.value(of: secret, version: 2).string == "one")
        #expect(try await vault.undo(secret))
        #expect(try await vault.value(of: secret, version: 0).string == "two")
        #expect(try await vault.secrets() == [secret])
        #expect(try await vault.undo(secret, toVersion: 3))
        #expect(try await vault.value(of: secret, version: 0).string == "one")
        await #expect(throws: VaultKitError.self) { try await vault.undo(secret, toVersion: 9) }
    }

    @Test func `notes what secrets are for, and leaves their values alone`() async throws {
        let vault = try temporary.create()
        let secret = SecretID("A", in: .team)
        try await vault.set("A", in: .team, to: "one")
        #expect(try await vault.metadata(of: secret) == nil)
        try await vault.describe(secret) { metadata in
            metadata.description = "for tests"
            metadata.expiresSince1970 = .seconds(1_900_000_000)
            metadata.rotationPeriod = .seconds(-1)
        }
        try await vault.describe(secret) { $0.tags.append("t") }
        let metadata = try #require(try await vault.metadata(of: secret))
        #expect(metadata.description == "for tests" && metadata.tags == ["t"])
        #expect(metadata.expires == 1_900_000_000_000 && metadata.rotateEvery == 0)
        #expect(metadata.expiresSince1970 == .seconds(1_900_000_000))
        #expect(try await vault.history(of: secret).count == 1)
        await #expect(throws: VaultKitError.notFound("no secret 'B' in the given scope or context")) {
            try await vault.describe(SecretID("B", in: .team)) { $0.tags = ["t"] }
        }
    }

    @Test func `tells once what its owner should know`() async throws {
        let vault = try temporary.create()
        #expect(await vault.takeNotices() == [])
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: vault.path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("torn".utf8))
        try await vault.set("A", in: .team, to: "one")
        let notices = await vault.takeNotices()
        #expect(notices.count == 1)
        #expect(notices[0].hasPrefix("4 bytes of an unfinished write were moved to \(vault.path)"))
        #expect(await vault.takeNotices() == [])
    }

    @Test func `is used by many tasks at once`() async throws {
        let vault = try temporary.create()
        try await withThrowingTaskGroup { group in
            for number in 0..<50 {
                group.addTask {
                    try await vault.set("N\(number)", in: .team, to: "\(number)")
                    #expect(try await vault.value(of: "N\(number)", in: .team).string == "\(number)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await vault.secrets().count == 50)
    }
}
