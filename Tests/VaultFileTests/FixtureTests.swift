import Compaction
import Foundation
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Vaults written by this program and by the one in Tests/PythonReader that must open forever.
@Suite struct FixtureTests {
    private static let directory: String = {
        var path = #filePath
        for _ in 0..<2 { path = Path.directory(of: path) }
        return Path.join(path, "Fixtures/v1")
    }()

    private static let names = [
        "all-scopes", "compacted", "empty", "equal-times", "every-byte", "large-value", "long-names",
        "many-frames", "metadata-proven", "metadata",
        "one-secret", "proven", "recovery-key", "unfinished-tail", "unknown-records", "versions",
    ]

    /// The facts in `NAME.json` about `NAME.vault`.
    private struct Expected: Decodable {
        struct Header: Decodable, Equatable {
            let generation: UInt64
            let base_seq: UInt64
            let base_end: UInt64
            let passes: UInt32
            let memory_kib: UInt32
            let vault_id: String
        }
        struct SecretID: Decodable {
            let scope: String
            let id: String
            let name: String
            let versions: [Version]

            var address: Address {
                get throws {
                    let codes: [String: UInt8] = ["team": 1, "project": 2, "cluster": 3]
                    return try #require(
                        Address(scope: codes[scope] ?? 0, id: Array(id.utf8), name: Array(name.utf8)))
                }
            }

            var entries: [Entry] {
                versions.map { Entry(time: $0.time, value: $0.kind == "tombstone" ? nil : Array($0.value)) }
            }
        }
        struct Version: Decodable {
            let time: UInt64
            let kind: String
            let value: Data
        }
        struct Descent: Decodable, Equatable {
            let heads: [String]
            let ids: Int
            let keys: [String]
            let dropped: UInt64
            let legacy: Bool
        }
        let passphrase: String
        let descent: Descent?
        let purged: Int?
        let recovery_key: String?
        let verdict: String
        let end: UInt64
        let seq: UInt64
        let length: UInt64
        let skipped: Int
        let header: Header
        let secrets: [SecretID]
        let metadata: [SecretID]?

        var history: History {
            get throws {
                var history: History = [:]
                for secret in secrets { history[try secret.address] = secret.entries }
                for secret in metadata ?? [] { history[try secret.address.metadata] = secret.entries }
                return history
            }
        }
    }

    private func read(_ name: String) throws -> Data {
        let file = try InputFile(Path.join(FixtureTests.directory, name))
        return Data(try #require(try file.readAll(limit: 1 << 20)))
    }

    private func open(_ name: String, _ passphrase: String) throws -> Log {
        let passphrase = Array(passphrase.utf8)
        return try Log(
            path: Path.join(FixtureTests.directory, name + ".vault"), access: .reading,
            dependencies: Dependencies()
        ) { header throws(VaultFileError) in try header.unlock(passphrase: passphrase.span) }
    }

    @Test(arguments: names) func `a fixture opens and holds what it was made of`(name: String) throws {
        let before = try read(name + ".vault")
        let decoder = JSONDecoder()
        decoder.dataDecodingStrategy = .base64
        let expected = try decoder.decode(Expected.self, from: try read(name + ".json"))
        let log = try open(name, expected.passphrase)
        let header = log.header
        let id = header.vaultID.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(
            expected.header
                == .init(
                    generation: header.generation, base_seq: header.baseSeq, base_end: header.baseEnd,
                    passes: header.parameters.passes, memory_kib: header.parameters.memoryKiB, vault_id: id))
        #expect(header.hasRecoveryKey == (expected.recovery_key != nil))
        #expect(try log.history() == expected.history)
        #expect(log.committedEnd == expected.end)
        #expect(log.committedSeq == expected.seq)
        #expect(log.replay.skipped == expected.skipped)
        #expect(UInt64(before.count) == expected.length)
        #expect(log.purged.entries.count == expected.purged ?? 0)
        if let descent = expected.descent { #expect(try FixtureTests.descent(of: log) == descent) }
        let tail = Log.UnfinishedTail(offset: expected.end, count: expected.length - expected.end)
        #expect(expected.verdict == (expected.length == expected.end ? "whole" : "unfinished tail"))
        #expect(log.unfinishedTail == (expected.verdict == "whole" ? nil : tail))
        #expect(try log.check() == (expected.verdict == "whole" ? [] : [.unfinishedTail(tail)]))
        #expect(throws: VaultFileError.wrongPassphrase) { try open(name, expected.passphrase + "x") }
        #expect(try read(name + ".vault") == before)
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
    }

    private static func descent(of log: Log) throws -> Expected.Descent {
        func text(_ words: [UInt64]) -> [String] { words.map { FixtureTests.bytes($0).hexadecimal } }
        let (ancestry, namer) = (log.ancestry, try log.namer())
        return Expected.Descent(
            heads: text(try ancestry.heads(namer)), ids: try ancestry.ids(namer).count,
            keys: text(ancestry.keys), dropped: ancestry.dropped, legacy: ancestry.isLegacy)
    }

    @Test func `every file in the directory is tested`() {
        let expected = FixtureTests.names.flatMap { [$0 + ".json", $0 + ".vault"] }
        #expect(TemporaryDirectory.names(in: FixtureTests.directory) == expected)
    }

    /// Writes this program's vaults to the directory `VAULT_MAKE_FIXTURES`; an existing file is an error.
    @Test(.enabled(if: try Environment.value("VAULT_MAKE_FIXTURES") != nil))
    func `fixtures are made once`() throws {
        let directory = try #require(try Environment.value("VAULT_MAKE_FIXTURES"))
        let everyByte = (0...255).map { UInt8($0) }
        let vaults: [(String, [[Step]])] = [
            ("empty", []),
            ("one-secret", [[.text("DATABASE_URL", "postgres://localhost/app")]]),
            (
                "versions",
                [
                    [.text("A", "one")], [.text("A", "two"), .text("project:web/A", "x")], [.remove("A")],
                    [.text("A", "three"), .remove("A"), .text("A", "")],
                    [.remove("project:web/A"), .remove("cluster:c/NEVER")],
                    [.text("A", "four")],
                ]
            ),
            (
                "many-frames",
                [
                    (0..<40).map { .put("project:p\($0 % 3)/N\($0)", noise($0 * 13, seed: UInt64($0))) },
                    [.text("LAST", "alone")],
                ]
            ),
            (
                "unfinished-tail",
                [[.text("A", "one")], [.text("A", "two"), .put("B", noise(700)), .text("C", "x")]]
            ),
            (
                "every-byte",
                [[.put("BYTES", everyByte), .put("REVERSED", everyByte.reversed())], [.put("NUL", [0])]]
            ),
            (
                "long-names",
                [
                    [
                        .text(
                            "project:\(String(repeating: "9", count: 128))/\(String(repeating: "_", count: 128))",
                            "longest"),
                        .text("a.b-c_D9", "mixed"), .text("cluster:0.x_y-z/_", "shortest"),
                    ]
                ]
            ),
            (
                "metadata",
                [
                    [
                        .text("TOKEN", "one"), .text("meta:TOKEN", FixtureTests.metadata),
                        .text("cluster:gpu-1/KEY", "k"), .text("project:web/KEY", "w"),
                    ],
                    [.text("meta:project:web/KEY", #"{"expires":1798761600000,"next":[1,{}]}"#)],
                    [.text("TOKEN", "two")],
                    [.text("meta:cluster:gpu-1/KEY", "{}"), .remove("cluster:gpu-1/KEY")],
                    [.text("meta:NEVER", #"{"tags":["planned"]}"#), .put("meta:BYTES", everyByte)],
                    [.remove("meta:project:web/KEY"), .put("LARGE", [1]), .put("meta:LARGE", noise(5000))],
                    [.text("meta:TOKEN", #"{"tags":[]}"#)],
                ]
            ),
        ]
        for (number, (name, transactions)) in vaults.enumerated() {
            let world = World(seed: UInt64(100 + number), passphrase: "fixture päss \(name)")
            world.clock.step = 1500
            let log = try world.create(parameters: .init(passes: 1, memoryKiB: 8192))
            for steps in transactions {
                let changes = try transaction(steps)
                try log.append(changes)
            }
            let bytes = name == "unfinished-tail" ? world.bytes.dropLast(100) : world.bytes[...]
            let file = try DiskStorage().create(Path.join(directory, name + ".vault"))
            try file.write(Array(bytes).span, at: 0)
        }
        for (name, bytes) in [
            ("proven", try FixtureTests.proven()), ("metadata-proven", try FixtureTests.provenWithMetadata()),
        ] {
            let file = try DiskStorage().create(Path.join(directory, name + ".vault"))
            try file.write(bytes.span, at: 0)
        }
    }

    private static let metadata =
        #"{"description":"The \"deploy\" token, für alle","username":"ci-bot","hosts":["*.example.com"],"#
        + #""tags":["ci","deploy"],"rotate_every":7776000000,"fields":{"owner":"ops"}}"#

    /// Creates a vault with metadata after new keys, a purge, a compaction and a merge.
    private static func provenWithMetadata() throws -> [UInt8] {
        let world = World(seed: 121, passphrase: "fixture päss metadata-proven")
        world.clock.step = 1500
        let weak = Argon2id.Parameters(passes: 1, memoryKiB: 8192)
        let log = try world.create(parameters: weak)
        try log.append(.text("A", "one"), .text("meta:A", metadata))
        try log.append(.text("B", "purged"), .text("meta:B", "{}"))
        try log.append(.text("meta:B", #"{"tags":["b"]}"#))
        let passphrase = world.passphrase
        let keys = try NewKeys(
            for: log.header.vaultID, passphrase: passphrase.span, parameters: weak, hasRecoveryKey: false,
            dependencies: world.dependencies)
        _ = try Compaction.changeKeys(
            path: world.path, from: try world.key(), to: keys, dependencies: world.dependencies)
        world.disk[FaultOperation.other] = world.bytes
        try world.purge(.all, of: "B")
        try world.open().append(.text("meta:A", #"{"tags":["here"]}"#))
        try world.openOther(.writing).append(.text("meta:A", #"{"tags":["there"]}"#), .text("C", "new"))
        try world.compact(keeping: .all)
        try world.merge()
        try world.open().append(.text("B", "again"), .text("meta:B", #"{"tags":["again"]}"#))
        return world.bytes
    }

    /// Creates a vault after new keys, a purge, a compaction and a merge, with many descent records.
    private static func proven() throws -> [UInt8] {
        let world = World(seed: 120, passphrase: "fixture päss proven")
        world.clock.step = 1500
        let weak = Argon2id.Parameters(passes: 1, memoryKiB: 8192)
        let log = try world.create(parameters: weak)
        try log.append(.text("A", "one"), .text("project:web/A", "x"))
        try log.append(.text("A", "purged"))
        let passphrase = world.passphrase
        let keys = try NewKeys(
            for: log.header.vaultID, passphrase: passphrase.span, parameters: weak, hasRecoveryKey: false,
            dependencies: world.dependencies)
        _ = try Compaction.changeKeys(
            path: world.path, from: try world.key(), to: keys, dependencies: world.dependencies)
        try world.purge(.version(0), of: "A")
        world.disk[FaultOperation.other] = world.bytes
        try world.open().append(.text("A", "here"))
        try world.openOther(.writing).append(.text("B", "there"))
        try world.compact(keeping: .all)
        try world.merge()
        try world.open().append(.remove("project:web/A"))
        return world.bytes
    }
}
