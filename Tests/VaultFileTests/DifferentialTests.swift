import Compaction
import Foundation
import Platform
import Sodium
import Testing

@testable import VaultFile
@testable import VaultCore

/// Checks that this implementation and the one in Tests/PythonReader agree on files that either one wrote.
///
/// `VAULT_VECTORS` is the number of vaults in each direction, `VAULT_SEED` selects them.
@Suite(.serialized) struct DifferentialTests {
    private static let batch = 250
    private static let passphrase = "vector pässphrase"
    private static let count = environment("VAULT_VECTORS") ?? 100
    private static let seed = environment("VAULT_SEED") ?? 1

    private static func environment(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    /// The numbers of all vaults, in batches.
    private static var batches: [Range<Int>] {
        stride(from: 0, to: count, by: batch).map { $0..<min($0 + batch, count) }
    }

    /// Runs a program in Tests.
    ///
    /// - Returns: its exit code and output.
    private func run(_ program: String, _ words: [String]) throws -> (Int32, Data) {
        var script = #filePath
        for _ in 0..<2 { script = Path.directory(of: script) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-B", Path.join(script, program)] + words
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, printed)
    }

    /// Returns descent and purges as the Python reader reports them; nil for a file that does not open.
    private func pythonDescent(_ path: String, passphraseFile: String) throws -> Fact? {
        let (code, printed) = try run(
            "PythonReader/vaultdump.py", [path, "--passphrase-file", passphraseFile, "--json"])
        guard code == 0 else { return nil }
        let said = try JSONDecoder().decode(Fact.self, from: printed)
        return .list([said["descent"] ?? .null, said["purged"] ?? .null])
    }

    /// Returns descent and purges as this implementation reports them.
    private func descent(_ world: World, _ opener: Opener) throws -> Fact? {
        guard let log = try? opener.open(world) else { return nil }
        let (ancestry, namer) = (log.ancestry, try log.namer())
        return .list([
            .members([
                "heads": .inOrder(try ancestry.heads(namer)), "ids": .number(try ancestry.ids(namer).count),
                "keys": .inOrder(ancestry.keys), "dropped": .number(ancestry.dropped),
                "legacy": .bool(ancestry.isLegacy),
            ]),
            .number(log.purged.entries.count),
        ])
    }

    /// Compares descent and purges of some files of a batch in `directory`.
    ///
    /// - Returns: the number of differences.
    private func compareDescent(
        _ numbers: Range<Int>, in directory: String, _ opener: Opener
    ) throws -> Int {
        let passphraseFile = Path.join(directory, "passphrase")
        try DiskStorage().create(passphraseFile).write(Array(DifferentialTests.passphrase.utf8).span, at: 0)
        var failed = 0
        for number in numbers.prefix(DifferentialTests.batch / 5) {
            let path = Path.join(directory, "\(number).vault")
            let file = try InputFile(path)
            let world = world(Array(try #require(try file.readAll(limit: 1 << 24))))
            let (swift, python) = (
                try descent(world, opener), try pythonDescent(path, passphraseFile: passphraseFile)
            )
            guard swift != python else { continue }
            failed += 1
            let words = [swift, python].map { $0.map { "\($0)" } ?? "nothing" }
            Issue.record(
                "seed \(DifferentialTests.seed), vault \(number): Swift \(words[0]), Python \(words[1])")
        }
        return failed
    }

    /// The line that Tests/Vectors/randomvaults.py prints for a vault.
    private func python(_ words: String...) throws -> [Int: String] {
        let (code, printed) = try run("Vectors/randomvaults.py", words)
        let lines = String(decoding: printed, as: UTF8.self)
        #expect(code == 0)
        var said: [Int: String] = [:]
        for line in lines.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            said[try #require(Int(words[0]))] = String(words[1])
        }
        return said
    }

    /// Returns the same line as computed by this implementation.
    private func outcome(_ world: World, _ opener: Opener) throws -> String {
        do {
            let log = try opener.open(world)
            let numbers = "\(log.committedEnd) \(log.committedSeq) \(log.replay.skipped)"
            return "\(log.unfinishedTail == nil ? "whole" : "tail") \(numbers) \(try log.digest())"
        } catch VaultFileError.damaged(let offset) {
            return "damage \(offset)"
        } catch let error as VaultFileError {
            return Opener.word(error)
        }
    }

    private func world(_ bytes: [UInt8], seed: Int = 1) -> World {
        var world = World(seed: UInt64(seed), passphrase: DifferentialTests.passphrase)
        world.dependencies.readingBounds = .reading
        world.bytes = bytes
        return world
    }

    /// Checks that each kind of event occurs in the sample, which would otherwise prove little.
    private func expectVariety(_ outcomes: some Collection<String>) {
        let kinds = Set(outcomes.map { $0.prefix { $0 != " " } })
        if outcomes.count >= 100 {
            #expect(kinds.isSuperset(of: ["whole", "tail", "damage", "incomplete"]), "\(kinds)")
        }
    }

    private func report(_ direction: String, _ failed: Int) {
        let count = DifferentialTests.count
        print(
            "random vaults, seed \(DifferentialTests.seed), \(direction): \(count - failed) passed, \(failed) failed"
        )
    }

    @Test func `what Python wrote, Swift takes for the same`() throws {
        let (opener, seed) = (Opener(), DifferentialTests.seed)
        var failed = 0
        for numbers in DifferentialTests.batches {
            let directory = try TemporaryDirectory()
            let expected = try python(
                "make", directory.path, "\(seed)", "\(numbers.lowerBound)", "\(numbers.count)")
            expectVariety(expected.values)
            for number in numbers {
                let file = try InputFile(Path.join(directory.path, "\(number).vault"))
                let world = world(Array(try #require(try file.readAll(limit: 1 << 24))))
                let found = try outcome(world, opener)
                guard found != expected[number] else { continue }
                failed += 1
                Issue.record(
                    "seed \(seed), vault \(number): Swift \(found), Python \(expected[number] ?? "nothing")")
            }
            failed += try compareDescent(numbers, in: directory.path, opener)
        }
        report("written by Python and read by Swift", failed)
    }

    @Test func `what Swift wrote, Python takes for the same`() throws {
        let (opener, seed) = (Opener(), DifferentialTests.seed)
        var failed = 0
        for numbers in DifferentialTests.batches {
            let directory = try TemporaryDirectory()
            let empty = try emptyVault(seed &* 1_000_003 &+ numbers.lowerBound)
            var expected: [Int: String] = [:]
            for number in numbers {
                let world = world(empty, seed: seed &* 7919 &+ number)
                var writer = RandomWriter(seed: seed, number: number)
                try writer.write(to: world, opener)
                let whole = try outcome(world, opener)
                #expect(whole.hasPrefix("whole "), "seed \(seed), vault \(number): \(whole)")
                world.bytes = writer.mishap(world.bytes)
                expected[number] = try outcome(world, opener)
                let file = try DiskStorage().create(Path.join(directory.path, "\(number).vault"))
                try file.write(world.bytes.span, at: 0)
            }
            expectVariety(expected.values)
            let found = try python("read", directory.path, DifferentialTests.passphrase)
            for number in numbers where found[number] != expected[number] {
                failed += 1
                let (swift, python) = (expected[number] ?? "nothing", found[number] ?? "nothing")
                Issue.record("seed \(seed), vault \(number): Swift \(swift), Python \(python)")
            }
            failed += try compareDescent(numbers, in: directory.path, opener)
        }
        report("written by Swift and read by Python", failed)
    }

    /// Creates a vault with the cheapest derivation that the format allows.
    private func emptyVault(_ seed: Int) throws -> [UInt8] {
        let world = world([], seed: seed)
        try world.disk.remove(world.path)
        _ = try world.create(parameters: .init(passes: 1, memoryKiB: 8192))
        return world.bytes
    }
}

/// Writes random vaults, and then damages or replaces some of the files.
private struct RandomWriter {
    private var state: Dice

    init(seed: Int, number: Int) {
        state = Dice(seed: UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9 &+ UInt64(number))
        _ = state.next()
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &state) }

    private static let addresses = [
        "A", "B", "LONGER_NAME.x-9", "project:web/A", "project:0/_", "cluster:gpu-1/A", "cluster:web/A",
        "project:\(String(repeating: "i", count: 128))/\(String(repeating: "n", count: 128))",
        "meta:A", "meta:project:web/A", "meta:NEVER",
    ]

    private mutating func step() -> Step {
        let name = RandomWriter.addresses[below(RandomWriter.addresses.count)]
        let edges = [128, 192, 1024, 1088, 2048, 4096]
        switch below(100) {
        case 0..<15: return .remove(name)
        case 15..<70: return .put(name, noise(below(60), seed: state.next()))
        case 70..<85: return .put(name, noise(below(2500), seed: state.next()))
        case 85..<99: return .put(name, noise(max(0, edges[below(6)] - 48 - below(24)), seed: state.next()))
        default: return .put(name, noise(below(40_000), seed: state.next()))
        }
    }

    /// Creates a diverged copy of this file.
    private mutating func fork(_ world: World, _ opener: Opener) throws -> Log {
        var other = World(seed: state.next(), path: "/home/fork", passphrase: "")
        other.dependencies.readingBounds = .reading
        other.dependencies.storage = world.disk
        world.disk.replace(other.path, with: world.bytes)
        let log = try Log(
            path: other.path, access: .writing, dependencies: other.dependencies,
            master: try opener.open(world).copyOfMasterKey())
        for _ in 0...below(2) {
            other.clock.now = World.start + UInt64(below(5000))
            try log.append(try transaction((0...below(3)).map { _ in step() }))
        }
        return log
    }

    /// Makes random changes: transactions, alone and in batches, compactions, purges and merges.
    mutating func write(to world: World, _ opener: Opener) throws {
        var log = try opener.open(world)
        for _ in 0..<[0, 1, 2, 3, 5, 8][below(6)] {
            world.clock.now = World.start + UInt64(below(5000))  // clocks go back, too
            if below(5) == 0 {
                let since = Retention.replacedSince(World.start + UInt64(below(5000)))
                let retention = [Retention.all, .none, since][below(3)]
                _ = try Compaction.run(
                    path: world.path, master: try log.copyOfMasterKey(), keeping: retention,
                    dependencies: world.dependencies)
                log = try opener.open(world)
                continue
            }
            if below(8) == 0, let address = log.addresses.randomElement(using: &state) {
                let number = below(log.versions(address).count)
                // Metadata are purged with the secret alone.
                let isAll = address.isOfMetadata || below(3) == 0
                _ = try Compaction.purge(
                    isAll ? .all : .version(number), of: address.secret, path: world.path,
                    master: try log.copyOfMasterKey(), dependencies: world.dependencies)
                log = try opener.open(world)
                continue
            }
            if below(6) == 0 {
                let other = try fork(world, opener)
                for _ in 0..<below(2) { try log.append(step()) }
                _ = try Merge.run(
                    into: log, from: other, MergeOptions(takesAll: below(4) == 0), now: world.clock.now)
                try world.disk.remove(other.path)
            }
            let transactions = (0...below(3)).map { _ in (0...below(4)).map { _ in step() } }
            try log.append { batch throws(VaultFileError) in
                for steps in transactions { _ = try batch.add(try transaction(steps)) }
            }
        }
    }

    /// Returns the file, in some cases after damage.
    mutating func mishap(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        let frames = max(0, bytes.count - 4608)
        let at = frames > 0 && below(8) > 0 ? 4608 + below(frames) : below(bytes.count)
        switch below(12) {
        case 0: return Array(bytes[..<at])
        case 1: return bytes + noise([1, 16, 100, 176, 5000][below(5)], seed: state.next())
        case 2: return bytes + [UInt8](repeating: 0, count: [1, 16, 100, 176, 5000][below(5)])
        case 3: bytes[at] ^= 1 << UInt8(below(8))
        case 4: bytes.removeSubrange(at..<min(bytes.count, at + 16 * (1 + below(20))))
        case 5:
            let range = at & ~511..<min(bytes.count, at & ~511 + 512)
            bytes.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
        default: break
        }
        return bytes
    }
}
