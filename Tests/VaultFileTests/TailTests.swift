import Platform
import Sodium
import Testing

@testable import VaultFile

/// Tails of killed writers, and writes that fail.
@Suite struct TailTests {
    /// Creates a vault with one commit and, behind it, part of another.
    private func interrupted(tailCount: Int) throws -> (world: World, end: Int, tail: [UInt8]) {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let end = Int(log.committedEnd)
        let filler = max(0, tailCount - 352)
        try log.append(.text("A", "two"), .text("B", "two"), .put("C", noise(filler)), .text("D", "two"))
        world.bytes.removeLast(world.bytes.count - end - tailCount)
        return (world, end, Array(world.bytes[end...]))
    }

    @Test(arguments: [1, 16, 175, 176, 352, 65_535, 65_536, 65_537, 70_000])
    func `a tail is saved beside the file byte for byte, cut off and forgotten`(count: Int) throws {
        let (world, end, tail) = try interrupted(tailCount: count)
        let log = try world.open()
        #expect(log.unfinishedTail == .init(offset: UInt64(end), count: UInt64(count)))
        let saved = try #require(try log.append(.text("B", "new")))
        #expect(saved.count == UInt64(count))
        #expect(world.otherFiles == [saved.path])
        #expect(saved.path.hasPrefix("\(world.path).unfinished-\(end)-"))
        #expect(world.disk[saved.path] == tail)
        #expect(log.unfinishedTail == nil)
        for log in [log, try world.open()] {
            #expect(try log.text("A") == "one")
            #expect(try log.text("B") == "new")
            #expect(try log.check() == [])
        }
        #expect(world.bytes.count == end + 176)
        #expect(try log.append(.text("B", "newer")) == nil)
        #expect(world.otherFiles == [saved.path])
    }

    @Test func `reading alone never touches a tail`() throws {
        let (world, _, _) = try interrupted(tailCount: 400)
        let before = world.bytes
        let log = try world.open(.reading)
        #expect(try log.text("A") == "one")
        try log.refresh()
        _ = try log.check()
        #expect(world.bytes == before)
        #expect(world.otherFiles == [])
    }

    @Test func `a transaction without changes leaves the tail alone`() throws {
        let (world, _, _) = try interrupted(tailCount: 400)
        let before = world.bytes
        try world.open().append()
        #expect(world.bytes == before)
        #expect(world.otherFiles == [])
    }

    @Test func `the tail is durable beside the file before it is cut off`() throws {
        let (world, _, _) = try interrupted(tailCount: 400)
        let log = try world.open()
        world.disk.resetCounts()
        try log.append(.text("B", "new"))
        #expect(
            world.disk.journal == [
                .create, .write, .sync, .syncDirectory, .truncate, .sync, .syncDirectory, .write, .sync,
            ])
    }

    @Test(arguments: [
        (MemoryDisk.Call.create, Errno.permissionDenied), (.write, .noSpace), (.sync, .ioError),
        (.syncDirectory, .ioError),
    ])
    func `without a saved tail nothing is cut`(call: MemoryDisk.Call, error: Errno) throws {
        let (world, _, _) = try interrupted(tailCount: 400)
        let before = world.bytes
        let log = try world.open()
        world.disk.fail(call, with: error)
        #expect(throws: VaultFileError.io(.save, error)) { try log.append(.text("B", "new")) }
        #expect(world.otherFiles == [])
        #expect(world.bytes == before)
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("B", "new")) }
        #expect(world.bytes == before)
        let saved = try #require(try world.open().append(.text("B", "new")))
        #expect(world.disk[saved.path].count == 400)
        #expect(try world.open().text("B") == "new")
    }

    @Test func `a tail that cannot be cut is not written over`() throws {
        let (world, _, _) = try interrupted(tailCount: 400)
        let before = world.bytes
        let log = try world.open()
        world.disk.fail(.truncate, with: .notPermitted)
        #expect(throws: VaultFileError.io(.truncate, .notPermitted)) { try log.append(.text("B", "new")) }
        #expect(world.bytes == before)
    }

    @Test func `a tail of a writer at work is none`() throws {
        let (world, _, tail) = try interrupted(tailCount: 400)
        let other = try world.disk.open(world.path, .writing)
        #expect(try other.tryLock(.exclusive))
        let reader = try world.open(.reading)
        #expect(reader.unfinishedTail == nil)
        #expect(try reader.text("A") == "one")
        other.unlock()
        try reader.refresh()
        #expect(reader.unfinishedTail?.count == UInt64(tail.count))
    }

    @Test func `after a failed write the file is as it was and this writer stops`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let before = world.bytes
        world.disk.resetCounts()
        world.disk.fail(.write, with: .noSpace)
        #expect(throws: VaultFileError.io(.write, .noSpace)) {
            try log.append(.text("A", "two"), .text("B", "two"))
        }
        #expect(world.disk.journal == [.write, .truncate, .sync])
        #expect(world.bytes == before)
        #expect(try log.text("A") == "one")
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("A", "three")) }
        #expect(throws: VaultFileError.previousFailure) { try log.append() }
        #expect(world.bytes == before)
        let fresh = try world.open()
        try fresh.append(.text("A", "four"))
        #expect(try world.open().text("A") == "four")
        #expect(world.otherFiles == [])
    }

    @Test func `a failed write that cannot be cut back leaves a tail for the next`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let end = world.bytes.count
        world.disk.fail(.write, with: .noSpace)
        world.disk.fail(.truncate)
        #expect(throws: VaultFileError.io(.write, .noSpace)) {
            try log.append(.text("A", "two"), .text("B", "two"))
        }
        #expect(world.bytes.count == end + 176)
        let fresh = try world.open()
        #expect(fresh.unfinishedTail == .init(offset: UInt64(end), count: 176))
        #expect(try fresh.append(.text("A", "three"))?.count == 176)
        #expect(try world.open().text("A") == "three")
    }

    @Test func `after a failed sync the outcome is unknown, the file cut back and this writer stopped`()
        throws
    {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let before = world.bytes
        world.disk.resetCounts()
        world.disk.fail(.sync)
        #expect(throws: VaultFileError.outcomeUnknown(.ioError)) { try log.append(.text("A", "two")) }
        #expect(world.disk.journal == [.write, .sync, .truncate, .sync])
        #expect(world.bytes == before)
        #expect(try log.text("A") == "one")
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("A", "three")) }
        try world.open().append(.text("A", "four"))
        #expect(try world.open().text("A") == "four")
    }

    @Test func `a commit that could not be cut back after a failed sync is whole for the next`() throws {
        let world = World()
        let log = try world.create()
        world.disk.fail(.truncate)
        world.disk.fail(.sync, after: 1, fromThenOn: true)
        #expect(throws: VaultFileError.outcomeUnknown(.ioError)) { try log.append(.text("A", "one")) }
        world.disk.heal()
        let fresh = try world.open()
        #expect(try fresh.text("A") == "one")
        world.disk.resetCounts()
        try fresh.append(.text("B", "two"))
        #expect(world.disk.journal == [.sync, .syncDirectory, .write, .sync])
    }

    @Test func `a writer makes durable what it did not sync itself, and only that`() throws {
        let world = World()
        let (one, two) = (try world.create(), try world.open())
        func journal(_ log: Log) throws -> [MemoryDisk.Call] {
            world.disk.resetCounts()
            try log.append(.text("A", "x"))
            return world.disk.journal
        }
        #expect(try journal(one) == [.sync, .syncDirectory, .write, .sync])
        #expect(try journal(one) == [.write, .sync])
        #expect(try journal(two) == [.sync, .syncDirectory, .write, .sync])
        #expect(try journal(one) == [.sync, .write, .sync])
        #expect(try journal(one) == [.write, .sync])
    }

    @Test(arguments: [MemoryDisk.Call.sync, .syncDirectory])
    func `what a predecessor left unsynced must become durable before anything is written`(
        call: MemoryDisk.Call
    ) throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        let before = world.bytes
        let log = try world.open()
        world.disk.fail(call)
        #expect(throws: VaultFileError.io(.sync, .ioError)) { try log.append(.text("A", "two")) }
        #expect(world.bytes == before)
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("A", "two")) }
    }

    @Test func `a log that was opened for reading does not write`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        let before = world.bytes
        let log = try world.open(.reading)
        #expect(throws: VaultFileError.io(.write, .badDescriptor)) { try log.append(.text("A", "two")) }
        #expect(world.bytes == before)
    }

    @Test func `every failing call leaves the old state or the new one`() throws {
        var failures = 0
        for call in MemoryDisk.Call.allCases {
            for lasts in [false, true] {
                for number in 0... {
                    let (world, _, tail) = try interrupted(tailCount: 300)
                    let log = try world.open()
                    world.disk.resetCounts()
                    world.disk.fail(call, after: number, fromThenOn: lasts)
                    var failure: VaultFileError?
                    do throws(VaultFileError) { try log.append(.text("A", "new")) } catch { failure = error }
                    world.disk.heal()
                    let fresh = try world.open()
                    let text = try fresh.text("A")
                    let place: Comment =
                        "\(call) \(number) \(lasts): \(failure.map { "\($0)" } ?? "no error")"
                    if failure == nil { #expect(text == "new", place) }
                    #expect(text == "one" || text == "new", place)
                    let saved = world.otherFiles.contains { world.disk[$0] == tail }
                    #expect(saved || fresh.unfinishedTail?.count == UInt64(tail.count), place)
                    try fresh.append(.text("A", "newer"))
                    #expect(try world.open().text("A") == "newer", place)
                    if failure == nil { break }
                    failures += 1
                }
            }
        }
        #expect(failures > 20)
    }

    @Test func `who waits too long for the lock gives up and changes nothing`() throws {
        let world = World()
        let log = try world.create()
        let other = try world.disk.open(world.path, .reading)
        for kind in [LockKind.exclusive, .shared] {
            #expect(try other.tryLock(kind))
            let before = world.bytes
            let start = ContinuousClock.now
            #expect(throws: VaultFileError.busy) { try log.append(.text("A", "one"), timeout: 60) }
            #expect(ContinuousClock.now - start >= .milliseconds(60))
            #expect(throws: VaultFileError.busy) { try log.append(.text("A", "one"), timeout: 0) }
            #expect(world.bytes == before)
            other.unlock()
        }
        try log.append(.text("A", "two"), timeout: 0)
        #expect(try world.open().text("A") == "two")
    }

    @Test func `the lock is let go of after success and after failure`() throws {
        let world = World()
        let log = try world.create()
        let other = try world.disk.open(world.path, .reading)
        func isFree() throws -> Bool {
            defer { other.unlock() }
            return try other.tryLock(.exclusive)
        }
        try log.append(.text("A", "one"))
        #expect(try isFree())
        world.disk.fail(.write)
        _ = try? log.append(.text("A", "two"))
        #expect(try isFree())
        world.bytes += noise(20)
        let reader = try world.open()
        #expect(reader.unfinishedTail != nil)
        #expect(try isFree())
    }
}

/// Files that are replaced while a log is open.
@Suite struct ReplacementTests {
    @Test func `a write goes to the file that lies at the path now`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let open = world.disk.files[world.path]
        let writer = try world.open()
        try writer.append(.text("A", "two"))
        let (copy, before) = (world.bytes, open?.bytes.count)
        world.disk.replace(world.path, with: copy)
        try log.append(.text("B", "three"))
        #expect(try log.text("A") == "two")
        #expect(try world.open().history() == log.history())
        #expect(open?.bytes.count == before)
    }

    @Test func `an older copy at the path is neither taken for the vault nor written`() throws {
        let world = World()
        let log = try world.create()
        let empty = world.bytes
        try log.append(.text("A", "one"))
        let whole = world.bytes
        world.disk.replace(world.path, with: empty)
        #expect(throws: VaultFileError.olderThanOpen) { try log.refresh() }
        #expect(throws: VaultFileError.olderThanOpen) { try log.append(.text("B", "two")) }
        #expect(world.bytes == empty)
        world.disk.replace(world.path, with: whole)
        try log.refresh()
        #expect(try log.text("A") == "one")
    }

    @Test func `a file that may not be opened any more is not read on`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        world.disk.fail(.open, with: .permissionDenied)
        #expect(throws: VaultFileError.io(.open, .permissionDenied)) { try log.refresh() }
        try log.refresh()
        #expect(try log.text("A") == "one")
    }

    @Test func `a log that was opened for reading can become one that writes`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        let log = try world.open(.reading)
        world.disk.fail(.open, with: .permissionDenied)
        #expect(throws: VaultFileError.io(.open, .permissionDenied)) { try log.becomeWritable() }
        #expect(try log.text("A") == "one")
        try log.becomeWritable()
        try log.append(.text("A", "two"))
        #expect(try world.open().text("A") == "two")
    }

    @Test func `after an error of the disk a refresh opens the file anew`() throws {
        let world = World()
        let log = try world.create()
        world.disk.fail(.sync, after: 0)
        #expect(throws: VaultFileError.self) { try log.append(.text("A", "one")) }
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("A", "one")) }
        try log.refresh()
        try log.append(.text("A", "two"))
        #expect(try world.open().text("A") == "two")
    }

    @Test func `another vault at the path is not written, even one with the same passphrase`() throws {
        let world = World()
        let log = try world.create()
        let other = World(seed: 2)
        try other.create().append(.text("A", "other"))
        world.disk.replace(world.path, with: other.bytes)
        #expect(throws: VaultFileError.replaced) { try log.append(.text("A", "mine")) }
        #expect(throws: VaultFileError.replaced) { try log.refresh() }
        #expect(world.bytes == other.bytes)
    }

    @Test func `what is no vault is not written either`() throws {
        let world = World()
        let log = try world.create()
        let whole = world.bytes
        world.disk.replace(world.path, with: [])
        #expect(throws: VaultFileError.notAVault(.empty)) { try log.append(.text("A", "mine")) }
        world.disk.replace(world.path, with: Array(whole[0..<600]))
        #expect(throws: VaultFileError.incompleteCopy(count: 600, expected: 4608)) {
            try log.append(.text("A", "mine"))
        }
        #expect(world.bytes.count == 600)
        try world.disk.remove(world.path)
        #expect(throws: VaultFileError.noFile) { try log.append(.text("A", "mine")) }
        #expect(world.disk.files.isEmpty)
        #expect(throws: VaultFileError.noFile) { try log.refresh() }
        world.disk.replace(world.path, with: whole)
        try log.append(.text("A", "mine"))
        #expect(try world.open().text("A") == "mine")
    }

    @Test func `a replacement during the write is an error, not a success`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let before = world.bytes
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .write else { return }
            disk.before = nil
            disk.replace(path, with: before)
        }
        #expect(throws: VaultFileError.replacedDuringWrite) { try log.append(.text("A", "two")) }
        #expect(world.bytes == before)
        #expect(try log.text("A") == "one")
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("A", "two")) }
        #expect(try world.open().text("A") == "one")
    }

    @Test func `a file that was removed during the write is an error too`() throws {
        let world = World()
        let log = try world.create()
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .write else { return }
            disk.before = nil
            try? disk.remove(path)
        }
        #expect(throws: VaultFileError.replacedDuringWrite) { try log.append(.text("A", "two")) }
    }

    @Test func `a file that was cut below what was seen is an older one`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let older = world.bytes
        try log.append(.text("A", "two"))
        world.bytes = older
        #expect(throws: VaultFileError.olderThanOpen) { try log.refresh() }
        #expect(throws: VaultFileError.olderThanOpen) { try log.append(.text("A", "three")) }
        #expect(world.bytes == older)
    }

    @Test func `damage that appears behind what was seen stops the writer`() throws {
        let world = World()
        let (log, other) = (try world.create(), try world.open())
        try other.append(.text("A", "one"))
        try other.append(.text("A", "two"))
        world.disk.flip(world.path, at: 4700, bit: 0)
        let before = world.bytes
        #expect(throws: VaultFileError.damaged(at: 4608)) { try log.append(.text("A", "three")) }
        #expect(throws: VaultFileError.damaged(at: 4608)) { try log.refresh() }
        #expect(world.bytes == before)
    }
}
