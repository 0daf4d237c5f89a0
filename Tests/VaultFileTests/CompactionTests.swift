import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

extension World {
    /// Creates a world with checkpoints, as a real machine has.
    static func remembering(seed: UInt64 = 1) -> World {
        var world = World(seed: seed)
        world.dependencies.checkpoints = CheckpointStore(path: "/state/seen", storage: world.disk)
        return world
    }

    /// Returns the vault's key.
    func key() throws(VaultFileError) -> Key {
        let passphrase = passphrase
        return try Log.readHeader(path: path, dependencies: dependencies).unlock(passphrase: passphrase.span)
    }

    @discardableResult
    func compact(keeping retention: Retention = .none) throws(VaultFileError) -> Compaction.Report {
        try Compaction.run(path: path, master: try key(), keeping: retention, dependencies: dependencies)
    }

    /// Returns the current values by address.
    func live() throws(VaultFileError) -> [Address: [UInt8]] {
        let log = try open(.reading)
        var live: [Address: [UInt8]] = [:]
        for address in log.addresses {
            if let version = log.current(address) { live[address] = try log.bytes(of: version, at: address) }
        }
        return live
    }

    /// Creates a vault with secrets that were set, replaced and deleted, with a second between changes.
    static func withHistory(seed: UInt64 = 1) throws -> World {
        let world = World.remembering(seed: seed)
        world.clock.step = 1000
        let log = try world.create()
        for round in 0..<3 {
            for number in 0..<5 { try log.append(.text("A\(number)", "round \(round) of \(number)")) }
        }
        try log.append(.text("project:web/A0", "web"), .put("cluster:gpu/BIG", noise(70_000)))
        try log.append(.remove("A1"), .remove("project:web/A0"))
        try log.append(.text("A2", "last"))
        return world
    }
}

@Suite struct CompactionTests {
    @Test func `damage that came after the file was opened is told by its place, and nothing is replaced`()
        throws
    {
        let world = try World.withHistory()
        let log = try world.open()
        let places = log.places(keeping: .all)
        for place in places.dropLast() {
            let whole = world.bytes
            world.disk.flip(world.path, at: Int(place.offset) + 60, bit: 1)
            let spoiled = world.bytes
            #expect(throws: VaultFileError.damaged(at: place.offset)) {
                try Compaction.run(log, keeping: .none)
            }
            #expect(world.bytes == spoiled)
            #expect(world.otherFiles.allSatisfy { !$0.contains("compact-") })
            world.bytes = whole
        }
        #expect(places.count > 15)
        #expect(try Compaction.run(log, keeping: .none).generation == 2)
    }

    @Test(arguments: [Retention.all, .none, .replacedSince(World.start + 9000)])
    func `what is current is the same afterwards, and so is every version that was to be kept`(
        _ retention: Retention
    ) throws {
        let world = try World.withHistory()
        let (live, history) = (try world.live(), try world.open().history())
        let report = try world.compact(keeping: retention)
        #expect(try world.live() == live)
        let log = try world.open()
        #expect(log.header.generation == 2)
        #expect(log.header.baseEnd == log.committedEnd)
        for (address, entries) in history {
            let kept = entries.enumerated().filter { index, _ in
                guard index > 0 else { return true }
                return switch retention {
                case .all: true
                case .none: false
                case .replacedSince(let time): entries[index - 1].time >= time
                }
            }
            #expect(try log.entries(address) == kept.map(\.element))
        }
        #expect(report.kept == UInt64(log.versionCount))
        #expect(report.kept + report.dropped == UInt64(history.values.map(\.count).reduce(0, +)))
        #expect(report.after == log.committedEnd)
        #expect(try log.check() == [])
    }

    @Test func `the size is what the format page predicts`() throws {
        let world = World()
        let log = try world.create()
        for round in 0..<10 { try log.append(.text("A", "\(round)"), .text("B", "\(round)")) }
        try log.append(.remove("B"))
        try log.append(.put("C", noise(1000)))
        let report = try world.compact()
        #expect(report.before == 4608 + 21 * 176 + UInt64(Format.frameSize(bodySize: 5 + 1000)))
        // The descent record has the newest change and 12 before it, including the creation of the vault.
        let proof = UInt64(Format.frameSize(bodySize: 24 + 8 * 13))
        #expect(report.after == 4608 + proof + 2 * 176 + UInt64(Format.frameSize(bodySize: 5 + 1000)))
        #expect(world.bytes.count == Int(report.after))
        #expect(world.otherFiles == [])
    }

    @Test func `what was dropped cannot be found in the new file, even with the key`() throws {
        let world = try World.withHistory()
        try world.compact()
        let log = try world.open()
        var reader = try log.reader()
        var offset = Format.logStart
        var text = ""
        while offset < log.committedEnd {
            let end = try reader.open(at: offset, length: log.committedEnd) { frame, plaintext in
                text += String(decoding: plaintext.array(plaintext.indices), as: UTF8.self)
                return frame.end
            }
            offset = try #require(end)
        }
        #expect(text.contains("round 2 of 3") && text.contains("last"))
        for old in ["round 0", "round 1", "round 2 of 1", "round 2 of 2"] { #expect(!text.contains(old)) }
    }

    @Test func `a vault without secrets is rewritten too, and again`() throws {
        let world = World.remembering()
        _ = try world.create()
        #expect(try world.compact().after == 4608 + 176)
        #expect(try world.compact(keeping: .all).generation == 3)
        try world.open().append(.text("A", "x"))
        #expect(try world.compact().kept == 1)
        #expect(try world.open().text("A") == "x")
    }

    @Test func `an interrupted copy of a compacted file is incomplete at every length, and never written`()
        throws
    {
        let world = World()
        let log = try world.create()
        for number in 0..<8 { try log.append(.text("A", "\(number)"), .text("B\(number)", "x")) }
        try world.compact(keeping: .all)
        let whole = world.bytes
        for length in 512..<whole.count {
            world.disk.replace(world.path, with: Array(whole[..<length]))
            let expected = VaultFileError.incompleteCopy(
                count: UInt64(length), expected: UInt64(whole.count))
            #expect(world.verdict() == expected)
            if length % 97 == 0 {
                #expect(throws: expected) { try world.compact() }
                #expect(world.bytes == Array(whole[..<length]))
            }
        }
    }

    @Test func `any defect is refused and the file left as it is`() throws {
        let world = World()
        let log = try world.create()
        for number in 0..<4 { try log.append(.text("A\(number)", "value")) }
        let key = try world.masterKey()
        let good = world.bytes
        // The last transaction is left out: a flipped bit there looks like an interrupted write.
        for offset in Array(512..<good.count - 176) where offset % 13 == 0 || offset >= 4090 {
            world.disk.flip(world.path, at: offset, bit: offset % 8)
            let bad = world.bytes
            #expect(throws: VaultFileError.self, "byte \(offset)") {
                try Compaction.run(
                    path: world.path, master: try Key(copying: key.span), keeping: .all,
                    dependencies: world.dependencies)
            }
            #expect(world.bytes == bad)
            #expect(world.otherFiles == [])
            world.bytes = good
        }
        try world.compact()
    }

    @Test func `an unfinished tail is moved aside first, as by any writer`() throws {
        let world = World()
        try world.create().append(.text("A", "x"))
        world.bytes += noise(100)
        let report = try world.compact()
        #expect(report.savedTail?.count == 100)
        #expect(world.disk[report.savedTail?.path ?? ""] == noise(100))
        #expect(try world.open().text("A") == "x")
    }

    @Test func `a disk that keeps other bytes than it was given is noticed, and the vault left as it is`()
        throws
    {
        let world = try World.withHistory()
        let whole = world.bytes
        var isSpoilt = false
        world.disk.before = { [disk = world.disk] call in
            let new = disk.files.keys.first { $0.contains(".compact-") }
            guard call == .open, !isSpoilt, let new, disk[new].count > 5000 else { return }
            disk.flip(new, at: 5000, bit: 3)
            isSpoilt = true
        }
        #expect(throws: VaultFileError.rewriteDiffers(at: 4608)) { try world.compact(keeping: .all) }
        world.disk.before = nil
        #expect(world.bytes == whole)
        #expect(!world.otherFiles.contains { $0.contains(".compact-") })
    }

    @Test func `a vault with two names is refused`() throws {
        let world = World()
        try world.create().append(.text("A", "x"))
        world.disk.link(world.path, to: "/home/other")
        #expect(throws: VaultFileError.severalNames) { try world.compact() }
    }

    @Test func `heads and records that are safe to copy are carried over, others are not`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "x"))
        let forge = try Forge(log)
        var position = log.committed
        var more: [UInt8] = []
        let head = CommitPoint(log.header, log.committed)
        for (kind, body) in [(UInt8(0xC1), head.body), (0xC7, noise(30)), (0x87, noise(31))] {
            var record = ForgedRecord(body)
            record.kind = kind
            let frame = forge.frame(record, after: position, transactionStart: position.end)
            more += frame.bytes
            position = frame.end
        }
        world.bytes += more
        try world.compact()
        let compacted = try world.open()
        #expect(compacted.replay.extras.count == 1)
        #expect(compacted.replay.skipped == 2, "with the proof of descent")
        #expect(compacted.committedEnd == 4608 + 3 * 176)
    }

    @Test func `content is committed at least every 16 MiB`() throws {
        let world = World()
        let log = try world.create()
        for number in 0..<36 { try log.append(.put("A\(number)", noise(1 << 20, seed: UInt64(number)))) }
        try world.compact()
        let compacted = try world.open()
        #expect(try compacted.value("A35") == noise(1 << 20, seed: 35))
        var reader = try compacted.reader()
        var (offset, starts) = (Format.logStart, Set<UInt64>())
        while offset < compacted.committedEnd {
            let next = try reader.open(at: offset, length: compacted.committedEnd) { frame, plaintext in
                starts.insert(RecordPrefix(plaintext).transactionStart)
                return frame.end
            }
            offset = try #require(next)
        }
        #expect(starts.count == 3)
        for (start, end) in zip(starts.sorted(), starts.sorted().dropFirst()) {
            #expect(end - start <= 16 << 20)
        }
    }

    @Test func `readers of the old file go on, and a writer that waited lands in the new one`() throws {
        let world = try World.withHistory()
        let (reader, writer) = (try world.open(.reading), try world.open())
        try world.compact()
        #expect(try reader.text("A2") == "last")
        try writer.append(.text("NEW", "landed"))
        #expect(try world.open().text("NEW") == "landed")
        #expect(writer.header.generation == 2)
        try reader.refresh()
        #expect(try reader.text("NEW") == "landed")
    }

    @Test func `a second compaction of the same file cannot begin before the first is over`() throws {
        let world = try World.withHistory()
        let holder = try world.disk.open(world.path, .reading)
        _ = try holder.tryLock(.exclusive)
        let log = try world.open()
        #expect(throws: VaultFileError.busy) {
            try log.withWriterLock(timeout: 1) { (_: RememberedCheckpoints?) throws(VaultFileError) in }
        }
    }
}

/// Failures and crashes at each call that a compaction makes.
@Suite struct CompactionFaultTests {
    private static let calls: [MemoryDisk.Call] = [
        .open, .create, .resolve, .rename, .names, .syncDirectory, .length, .read, .write, .sync, .lock,
        .attributes,
    ]

    /// Fails the `number`-th call of a kind; returns nil if there are fewer.
    private func run(
        _ call: MemoryDisk.Call, _ number: Int, fromThenOn: Bool, error: Errno
    ) throws -> VaultFileError?? {
        let world = try World.withHistory()
        let (live, key) = (try world.live(), try world.masterKey())
        let before = world.bytes
        world.disk.resetCounts()
        world.disk.fail(call, after: number, with: error, fromThenOn: fromThenOn)
        if fromThenOn {
            // A machine that crashed does not clean up.
            var isDead = false
            world.disk.before = { [disk = world.disk] next in
                guard !isDead, next == call, disk.counts[call, default: 0] >= number else { return }
                isDead = true
                for other in MemoryDisk.Call.allCases { disk.fail(other, with: error, fromThenOn: true) }
            }
        }
        var failure: VaultFileError?
        do throws(VaultFileError) {
            _ = try Compaction.run(
                path: world.path, master: try secret(key), keeping: .none, dependencies: world.dependencies)
        } catch {
            failure = error
        }
        world.disk.before = nil
        world.disk.heal()
        let reached = world.disk.counts[call, default: 0] > number
        world.disk.releaseLocks()
        let log = try world.open()
        #expect(try world.live() == live, "\(call) \(number)")
        #expect(log.header.generation == 2 || world.bytes == before, "\(call) \(number)")
        if failure == nil { #expect(log.header.generation == 2) }
        // The next compaction succeeds and cleans up.
        try world.compact()
        #expect(try world.live() == live)
        #expect(
            world.otherFiles.allSatisfy { $0.hasPrefix("/state/") }, "\(call) \(number): \(world.otherFiles)")
        return reached ? .some(failure) : nil
    }

    private func secret(_ bytes: [UInt8]) throws(VaultFileError) -> Key {
        do throws(SodiumError) { return try Key(copying: bytes.span) } catch { throw .outOfMemory }
    }

    @Test(arguments: calls)
    func `each failing call leaves the old file or the new one, whole`(_ call: MemoryDisk.Call) throws {
        var number = 0
        while try run(call, number, fromThenOn: false, error: .noSpace) != nil { number += 1 }
        #expect(number > 0)
    }

    @Test(arguments: calls)
    func `a machine that stops at any call leaves the old file or the new one, whole`(
        _ call: MemoryDisk.Call
    ) throws {
        var number = 0
        while try run(call, number, fromThenOn: true, error: .ioError) != nil { number += 1 }
        #expect(number > 0)
    }

    @Test func `work that is not wanted any more is given up, and nothing is left of it`() throws {
        let world = try World.withHistory()
        try world.open().append(.put("A", noise(1 << 20)), .put("B", noise(1 << 20)))
        let before = world.bytes
        let key = try world.key()
        #expect(throws: VaultFileError.cancelled) {
            try Compaction.run(
                path: world.path, master: key, keeping: .all, dependencies: world.dependencies,
                progress: ProgressHandler { _, _ in false })
        }
        #expect(world.bytes == before)
        #expect(world.otherFiles.allSatisfy { $0.hasPrefix("/state/") })
    }
}
