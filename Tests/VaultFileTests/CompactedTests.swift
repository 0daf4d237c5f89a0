import Platform
import Sodium
import Testing

@testable import VaultFile

/// Files of generation 2, which begin with the content of a rewrite.
@Suite struct CompactedTests {
    static let baseSeq: UInt64 = 40

    /// Writes generation 2 over the vault of `world`: `transactions`, then `baseEnd`.
    private func rewrite(
        _ world: World, _ transactions: [[ForgedRecord]], baseEnd skew: Int = 0
    ) throws {
        let log = try world.open()
        let passphrase = world.passphrase
        let master = try log.header.unlock(passphrase: passphrase.span)
        let count = transactions.joined().reduce(0) { $0 + Format.frameSize(bodySize: $1.body.count) }
        let fields = Header.Fields(
            vaultID: log.header.vaultID.bytes, generation: 2, baseSeq: CompactedTests.baseSeq,
            baseEnd: UInt64(4608 + count + skew), fileSalt: noise(32, seed: 3),
            lineage: log.committed.tag, compatibleFlags: 0)
        let slot = Array(log.header.bytes[128..<272])
        let bytes = try Header.encode(fields, slots: [slot, KeySlot.empty], master: master)
        let header = try Header(bytes, bounds: .testOnlyWeak)
        let forge = Forge(key: try header.frameKey(master: master), salt: noise(16))
        var content = bytes + [UInt8](repeating: 0, count: 3584) + bytes
        var position = Replay.Position(end: 4608, seq: CompactedTests.baseSeq, tag: header.macTag)
        for records in transactions {
            let start = position.end
            for (number, record) in records.enumerated() {
                var record = record
                record.flags = number == records.count - 1 ? 1 : 0
                let next = forge.frame(record, after: position, transactionStart: start)
                content += next.bytes
                position = next.end
            }
        }
        world.disk.replace(world.path, with: content)
    }

    private static let records = [
        [ForgedRecord(address("A"), [1]), ForgedRecord(address("B"), [2])], [ForgedRecord(address("C"), [3])],
    ]

    private func compacted() throws -> World {
        let world = World()
        try world.create().append(.text("A", "old"))
        try rewrite(world, CompactedTests.records)
        return world
    }

    @Test func `a rewritten file opens, and later transactions follow it`() throws {
        let world = try compacted()
        let log = try world.open()
        #expect(log.header.generation == 2)
        #expect(log.header.baseEnd == log.committedEnd)
        #expect(log.committedSeq == 43)
        #expect(try log.value("C") == [3])
        try log.append(.text("D", "new"))
        let reopened = try world.open()
        #expect(try reopened.text("D") == "new")
        #expect(reopened.committedSeq == 44)
        #expect(try reopened.history() == log.history())
    }

    @Test func `a rewritten file may be empty`() throws {
        let world = World()
        _ = try world.create()
        try rewrite(world, [])
        let log = try world.open()
        #expect(log.committedSeq == CompactedTests.baseSeq)
        try log.append(.text("A", "x"))
        #expect(try world.open().text("A") == "x")
    }

    @Test func `a log that was open before the rewrite goes on in the new file`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "old"))
        try rewrite(world, CompactedTests.records)
        try log.append(.text("D", "new"))
        #expect(log.header.generation == 2)
        #expect(try world.open().history() == log.history())
    }

    @Test func `a file shorter than the rewrite is an incomplete copy and is never written`() throws {
        let world = try compacted()
        let log = try world.open()
        let whole = world.bytes
        let expected = UInt64(whole.count)
        for count in 512..<whole.count {
            world.bytes = Array(whole[0..<count])
            #expect(world.verdict() == .incompleteCopy(count: UInt64(count), expected: expected))
        }
        world.disk.resetCounts()
        #expect(throws: VaultFileError.incompleteCopy(count: expected - 1, expected: expected)) {
            try log.append(.text("A", "x"))
        }
        #expect(throws: VaultFileError.incompleteCopy(count: expected - 1, expected: expected)) {
            try log.refresh()
        }
        #expect(world.disk.journal == [])
        #expect(world.bytes == whole.dropLast())
    }

    @Test func `every prefix from there on is a vault`() throws {
        let world = try compacted()
        try world.open().append(.text("D", "new"))
        let whole = world.bytes
        for count in whole.count - 176...whole.count {
            world.bytes = Array(whole[0..<count])
            let log = try world.open()
            #expect(try log.text("D") == (count == whole.count ? "new" : nil))
            #expect(try log.value("C") == [3])
        }
    }

    @Test func `a bad frame within the rewrite is damage even at its end`() throws {
        let world = try compacted()
        for frame in world.frames() {
            for offset in [0, 4, 8, 24, 32, 175] {
                world.disk.flip(world.path, at: frame.lowerBound + offset, bit: 2)
                #expect(world.verdict() == .damaged(at: UInt64(frame.lowerBound)))
                world.disk.flip(world.path, at: frame.lowerBound + offset, bit: 2)
            }
        }
        #expect(world.verdict() == nil)
    }

    @Test func `a transaction that does not end where the rewrite ends is damage`() throws {
        for (skew, at) in [(-176, 0), (-352, 4608 + 528), (-16, 4608 + 528)] {
            let world = World()
            _ = try world.create()
            try rewrite(world, [CompactedTests.records[0], CompactedTests.records[1]], baseEnd: skew)
            if skew == -176 {
                #expect(world.verdict() == nil)
            } else {
                #expect(world.verdict() == .damaged(at: UInt64(at)), "\(skew)")
            }
        }
    }

    @Test func `frames of the generation before do not open in the next`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "old"))
        let old = Array(world.bytes[4608...])
        try rewrite(world, [])
        world.bytes += old
        let fresh = try world.open()
        #expect(fresh.nameCount == 0)
        #expect(fresh.unfinishedTail?.count == 176)
    }
}
