import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile
@testable import VaultCore

/// Versions that are purged for good, and attacks by hostile copies: vault-format.md, section 9.
@Suite struct PurgeTests {
    /// Creates a vault with a value to purge, and a copy of it.
    private func leaked() throws -> World {
        let world = World.remembering()
        world.clock.step = 1000
        let log = try world.create()
        try log.append(.text("A", "first"), .text("project:web/B", "kept"))
        try log.append(.text("A", "must never have been here"))
        try log.append(.text("A", "last"))
        world.disk[FaultOperation.other] = world.bytes
        return world
    }

    /// Returns all plaintexts in a file.
    private func plaintexts(_ world: World) throws -> String {
        let log = try world.open()
        var reader = try log.reader()
        var (offset, text) = (Format.logStart, "")
        while offset < log.committedEnd {
            let end = try reader.open(at: offset, length: log.committedEnd) { frame, plaintext in
                text += String(decoding: plaintext.array(plaintext.indices), as: UTF8.self)
                return frame.end
            }
            offset = try #require(end)
        }
        return text
    }

    @Test
    func `what was purged cannot be found in the new file with the key, and every other version is there`()
        throws
    {
        let world = try leaked()
        var expected = try world.open().history()
        #expect(try world.purge(.version(1), of: "A") == 1)
        expected[address("A")]?.remove(at: 1)
        #expect(try world.open().history() == expected)
        let text = try plaintexts(world)
        #expect(!text.contains("must never"))
        #expect(text.contains("first") && text.contains("last") && text.contains("kept"))
        #expect(try world.open().check() == [])
    }

    @Test func `what is set after a purge is none of what was purged, though the clock went back`() throws {
        let world = World.remembering()
        try world.create().append(.text("A", "one"))
        world.clock.now -= 1_000_000
        try world.open().append(.text("A", "pasted by mistake"))
        #expect(try world.purge(.version(0), of: "A") == 1)
        let log = try world.open()
        try log.append(.text("A", "right"), .text("A", "last"))
        try world.compact(keeping: .all)
        #expect(try world.open().text("A") == "last")
        #expect(try world.open().versions(address("A")).count == 3)
    }

    @Test func `a history that is not what was shown is left alone`() throws {
        let world = try leaked()
        let worker = MasterWorker(MasterKey(bytes: try world.masterKey()), world.dependencies)
        let secret = SecretID("A", in: .team)
        let history = try worker.history(of: secret, in: world.path)
        let shown = Compaction.ShownHistory(newest: history[0].time, count: UInt64(history.count))
        try world.open().append(.text("A", "set meanwhile"))
        let bytes = world.bytes
        for purge in [Compaction.Purge.version(0), .all] {
            #expect(throws: VaultError.file(.noSuchVersion)) {
                try worker.purge(world.path, secret, purge, ifStill: shown)
            }
        }
        #expect(world.bytes == bytes)
        let later = try worker.history(of: secret, in: world.path)
        let now = Compaction.ShownHistory(newest: later[0].time, count: UInt64(later.count))
        #expect(try worker.purge(world.path, secret, .version(0), ifStill: now).removed == 1)
        #expect(try world.open().text("A") == "last")
    }

    @Test func `all versions of a name go, and others stay`() throws {
        let world = try leaked()
        try world.open().append(.remove("A"))
        #expect(try world.purge(.all, of: "A") == 4)
        let log = try world.open()
        #expect(log.versions(address("A")).isEmpty && log.nameCount == 1)
        #expect(try log.text("project:web/B") == "kept")
        #expect(throws: VaultFileError.noSuchVersion) { try world.purge(.all, of: "A") }
        #expect(throws: VaultFileError.noSuchVersion) { try world.purge(.version(1), of: "project:web/B") }
    }

    @Test func `no merge with an older copy brings it back, whatever else that has`() throws {
        let world = try leaked()
        try world.purge(.version(1), of: "A")
        let before = world.bytes
        #expect(try !world.merge().isWritten, "the older copy has nothing new")
        try world.openOther(.writing).append(.text("C", "new"))
        let report = try world.merge()
        #expect(report.purged == 1 && report.versions == 1)
        #expect(try !plaintexts(world).contains("must never"))
        #expect(try world.open().text("C") == "new")
        #expect(try world.merge(MergeOptions(takesAll: true)).purged == 1)
        #expect(try !plaintexts(world).contains("must never"))
        // Nor after compactions and new keys.
        world.disk.replace(world.path, with: before)
        var unmarked = world
        unmarked.dependencies.checkpoints = nil
        try unmarked.compact(keeping: .all)
        try unmarked.changeKeys()
        try unmarked.compact(keeping: .none)
        try unmarked.merge(MergeOptions(takesAll: true))
        #expect(try !plaintexts(unmarked).contains("must never"))
    }

    @Test func `a copy learns what was purged elsewhere, and its next compaction removes it`() throws {
        let world = try leaked()
        var other = World(path: FaultOperation.other)
        other.dependencies = world.dependencies
        other.dependencies.checkpoints = nil
        try other.purge(.version(1), of: "A")
        let log = try world.open()
        let report = try world.merge()
        #expect(report.purgedThere == 1)
        #expect(try plaintexts(world).contains("must never"))
        // From then on it is in no history, not even in a log that was open, or in another copy.
        try log.refresh()
        for log in [log, try world.open()] {
            #expect(try log.history() == other.open().history())
            #expect(log.versionCount == 3 && log.nameCount == 2)
            #expect(log.hiddenCount == 1, "it lies in the file still")
        }
        try world.open().append(.text("A", "later"))
        #expect(try world.open().history()[address("A")]?.count == 3)
        try other.open().append(.text("A", "elsewhere"))
        try world.merge()
        #expect(try world.open().history()[address("A")]?.count == 4)
        world.disk[FaultOperation.other] = world.bytes
        try world.compact(keeping: .all)
        #expect(try !plaintexts(world).contains("must never"))
        #expect(try world.open().history() == other.open().history())
        #expect(try world.open().hiddenCount == 0)
    }

    @Test func `a version that another program writes behind its entry is in no history`() throws {
        let world = try leaked()
        var other = World(path: FaultOperation.other)
        other.dependencies = world.dependencies
        other.dependencies.checkpoints = nil
        let before = try other.open()
        let version = before.versions(address("A"))[1]
        var reader = try before.reader()
        let content = try reader.open(at: version.offset, length: before.committedEnd) { _, plaintext in
            plaintext.array(plaintext.indices)
        }
        let plaintext = try #require(content)
        try world.purge(.version(1), of: "A")
        let log = try world.open()
        let history = try log.history()
        try world.open().append { batch throws(VaultFileError) in _ = try batch.carry(plaintext.span) }
        try log.refresh()
        #expect(try log.history() == history)
        #expect(try world.open().history() == history)
        #expect(try plaintexts(world).contains("must never"))
    }

    @Test func `a copy of the file in which a purged version lies still does not bring it back`() throws {
        let world = try leaked()
        let before = try world.open().history()
        try world.purge(.version(0), of: "A")
        let purged = try world.open().history()
        // The other machine merges, and a file synchronizer copies its file here.
        var other = World(path: FaultOperation.other)
        other.dependencies = world.dependencies
        other.dependencies.checkpoints = nil
        #expect(try other.open().history() == before)
        _ = try Merge.run(
            into: try other.open(.writing), from: try world.open(.reading), MergeOptions(),
            now: world.clock.now)
        world.disk.replace(world.path, with: world.disk[FaultOperation.other])
        let log = try world.open()
        #expect(try log.history() == purged)
        #expect(try log.text("A") == "must never have been here")
        #expect(try plaintexts(world).contains("last"))
        try world.compact(keeping: .all)
        #expect(try !plaintexts(world).contains("last"))
    }

    @Test func `what is written where an unfinished record of a purged version stood is there`() throws {
        let world = try leaked()
        let time = try world.open().versions(address("A"))[1].time
        try world.purge(.version(1), of: "A")
        var record = ForgedRecord(address("A"), [9], time: time)
        record.flags = 0
        try world.forge(record, keepsFlags: true)
        let log = try world.open()
        #expect(log.unfinishedTail != nil)
        try log.append(.text("C", "here"))
        #expect(try log.text("C") == "here")
        #expect(try world.open().text("C") == "here")
    }

    @Test func `a list of any length outlives rewrites, and none grows by merges without bound`() throws {
        let world = try leaked()
        try world.purge(.version(1), of: "A")
        let own = try world.open().purged.entries
        world.disk[FaultOperation.other] = world.bytes
        let most = PurgeList.maxEntries
        let entries = (0..<UInt64(most + 5)).map { number in
            var bytes = [UInt8](repeating: 7, count: 16)
            bytes.store(number, at: 0)
            return Bytes16(bytes.span, at: 0)
        }
        for part in [entries[..<most], entries[most...]] {
            let log = try world.openOther(.reading)
            let forge = try Forge(log)
            var record = ForgedRecord(part.flatMap(\.bytes))
            record.kind = RecordBody.purgedKind
            world.disk[FaultOperation.other] +=
                forge.frame(
                    record, after: log.committed, transactionStart: log.committedEnd
                ).bytes
        }
        let report = try world.merge()
        #expect(report.purgesLeftOut == 6)
        try world.compact(keeping: .all)
        let merged = try world.open().purged.entries
        #expect(merged.count == most && merged.first == own.first)
        // The file's own purges are not limited.
        try world.purge(.version(0), of: "A")
        try world.compact(keeping: .all)
        let all = try world.open().purged.entries
        #expect(all.count == most + 1 && all.first == own.first)
        // The file does not claim to contain what was left out.
        let point = try world.openOther(.reading).presentCheckpoint()
        #expect(try world.open().refusal(of: .checkpoint(point)) != nil)
    }

    @Test func `a purge that the list has no room for is refused before anything is written`() throws {
        let world = try leaked()
        let log = try world.open()
        let forge = try Forge(log)
        var (position, entry) = (log.committed, UInt64(0))
        for _ in 0..<PurgeList.maxTotal / PurgeList.maxEntries {
            var body = [UInt8](repeating: 7, count: 16 * PurgeList.maxEntries)
            var span = body.mutableSpan
            for place in 0..<PurgeList.maxEntries {
                span.store(entry, at: 16 * place)
                entry += 1
            }
            var record = ForgedRecord(body)
            record.kind = RecordBody.purgedKind
            let frame = forge.frame(record, after: position, transactionStart: position.end)
            world.bytes += frame.bytes
            position = frame.end
        }
        let before = (world.bytes, world.otherFiles)
        #expect(throws: VaultFileError.tooManyPurged) { try world.purge(.version(1), of: "A") }
        #expect((world.bytes, world.otherFiles) == before)
    }

    @Test func `the list of what was purged says nothing of the values`() throws {
        func list(_ value: String) throws -> [Bytes16] {
            let world = World()
            try world.create().append(.text("A", value))
            try world.purge(.all, of: "A")
            return try world.open().purged.entries
        }
        #expect(try list("guess") == list("other"))
        #expect(try list("guess").count == 1)
    }

    @Test func `versions of one time and kind go together`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "kept"))
        for number in 0..<3 {
            let record = ForgedRecord(address("A"), [UInt8(number)], time: World.start + 9)
            try world.forge(record)
        }
        #expect(try world.purge(.version(1), of: "A") == 3)
        #expect(try world.open().text("A") == "kept")
    }

    /// Creates a copy that a hostile holder of the key changed.
    private func hostile(_ records: [ForgedRecord]) throws -> World {
        let world = try leaked()
        for record in records {
            let log = try world.openOther(.reading)
            let forge = try Forge(log)
            world.disk[FaultOperation.other] +=
                forge.frame(
                    record, after: log.committed, transactionStart: log.committedEnd
                ).bytes
        }
        return world
    }

    @Test func `records far ahead of the clock are left out and named, and the rest is merged`() throws {
        let world = try hostile([
            ForgedRecord(address("A"), [9], time: Format.maxTime),
            ForgedRecord(address("C"), [1], time: World.start + 80_000_000),
        ])
        let report = try world.merge()
        #expect(report.future == [SecretID("A", in: .team)] && report.versions == 1)
        #expect(report.ahead == [SecretID("C", in: .team)])
        try world.open().append(.text("A", "goes on"))
        #expect(try world.open().text("A") == "goes on")
        // A partial merge does not prove that the file contains all of the copy.
        let there = try world.openOther(.reading).presentCheckpoint()
        #expect(try world.open().refusal(of: .checkpoint(there)) != nil)
    }

    @Test func `a name that was poisoned is mended by a purge, and stays so`() throws {
        let world = try hostile([ForgedRecord(address("A"), [9], time: Format.maxTime)])
        try world.merge(MergeOptions(allowsFuture: true))
        #expect(throws: VaultFileError.timeExhausted) { try world.open().append(.text("A", "new")) }
        for _ in 0..<2 { try world.compact(keeping: .all) }
        #expect(throws: VaultFileError.timeExhausted) { try world.open().append(.remove("A")) }
        try world.purge(.version(0), of: "A")
        try world.open().append(.text("A", "new"))
        try world.merge(MergeOptions(allowsFuture: true, takesAll: true))
        #expect(try world.open().text("A") == "new")
    }

    private func many(_ count: Int) throws(VaultFileError) -> Transaction {
        var transaction = try Transaction()
        for number in 0..<count { try transaction.set(address("A"), to: Array(String(number).utf8).span) }
        return transaction
    }

    @Test func `a name that was poisoned is mended where the purge of another machine is merged, too`() throws
    {
        let world = try hostile([ForgedRecord(address("A"), [9], time: Format.maxTime)])
        try world.merge(MergeOptions(allowsFuture: true))
        var other = World(path: FaultOperation.other)
        other.dependencies = world.dependencies
        other.dependencies.checkpoints = nil
        world.disk[FaultOperation.other] = world.bytes
        try other.purge(.version(0), of: "A")
        #expect(try world.merge().purgedThere == 1)
        let log = try world.open()
        try log.append(.text("A", "new"), .text("B", "other"), .text("A", "newer"))
        #expect(try log.text("A") == "newer")
        let versions = try world.open().versions(address("A"))
        #expect(versions == log.versions(address("A")) && versions.count == 5)
        #expect(versions[0].time == versions[1].time + 1 && versions[0].time < World.start + 1_000_000)
        // For any number of versions in one transaction, and even though an earlier one was rolled back.
        #expect(throws: VaultFileError.transactionTooLarge) {
            try log.append { batch throws(VaultFileError) in
                _ = try batch.add(many(5))
                throw .transactionTooLarge
            }
        }
        try log.append(many(300))
        let times = log.versions(address("A")).map(\.time)
        #expect(times.count == 305 && zip(times, times.dropFirst()).allSatisfy(>))
        #expect(try log.text("A") == "299" && world.open().history() == log.history())
        try log.append(.remove("A"))
        #expect(log.current(address("A")) == nil)
        try world.compact(keeping: .none)
        #expect(try world.open().current(address("A")) == nil)
    }

    @Test func `records of unknown kinds of another copy are left out and counted`() throws {
        func record(_ kind: UInt8) -> ForgedRecord {
            var record = ForgedRecord(noise(1000))
            record.kind = kind
            return record
        }
        let world = try hostile([record(0xC7), record(0x87), ForgedRecord(address("C"), [1])])
        let before = world.bytes.count
        let report = try world.merge()
        // Every rewrite drops the other one, too.
        #expect(report.unknown == 1 && report.versions == 1)
        #expect(try world.open().extras.isEmpty && world.bytes.count - before < 1000)
        // One that is spoiled after the copy was opened cannot be counted.
        let (there, whole) = (try world.openOther(.reading), world.bytes)
        let extra = try #require(there.extras.first)
        world.disk.flip(FaultOperation.other, at: Int(extra.offset) + 60, bit: 1)
        #expect(throws: VaultFileError.damaged(at: extra.offset)) {
            try Merge.run(
                into: try world.open(), from: there, MergeOptions(takesAll: true), now: world.clock.now)
        }
        #expect(world.bytes == whole)
    }
}
