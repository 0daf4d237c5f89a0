import Platform
import Sodium
import Testing

@testable import VaultFile

/// Files that are overwritten in place while a log is open.
///
/// This keeps their identity, as `cp other.vault this.vault` does.
@Suite struct OverwritingTests {
    /// Creates two continuations of one vault, and a log that has the first one open.
    private func fork(_ left: [[Step]], _ right: [[Step]]) throws -> (world: World, log: Log, right: World) {
        let world = World()
        try world.create().append(.text("A", "common"))
        let other = World(seed: 3)
        other.bytes = world.bytes
        let log = try world.open()
        for steps in left { try log.append(try transaction(steps)) }
        let writer = try other.open()
        for steps in right { try writer.append(try transaction(steps)) }
        return (world, log, other)
    }

    @Test(arguments: [Array("right".utf8), noise(500)])
    func `a file that went another way is neither read nor written nor cut`(value: [UInt8]) throws {
        let (world, log, other) = try fork([[.text("A", "left")]], [[.put("A", value)]])
        world.bytes = other.bytes
        #expect(throws: VaultFileError.divergedFromOpen) { try log.append(.text("B", "mine")) }
        #expect(throws: VaultFileError.divergedFromOpen) { try log.refresh() }
        #expect(world.bytes == other.bytes)
        #expect(world.otherFiles == [])
        #expect(try world.open().value("A") == value)
    }

    @Test(arguments: [(0, 500), (500, 0)])
    func `a value is not read from a frame of another length than was verified`(sizes: (Int, Int)) throws {
        let (world, log, other) = try fork(
            [[.put("A", noise(sizes.0))]], [[.put("A", noise(sizes.1))]])
        world.bytes = other.bytes
        #expect(throws: VaultFileError.changedWhileRead) { try log.value("A") }
    }

    @Test func `a check tells where a file ends that was cut before its first frame`() throws {
        let (world, log, _) = try fork([], [])
        world.bytes = Array(world.bytes.prefix(1000))
        #expect(try log.check() == [.gapNotZero(at: 1000)])
    }

    @Test func `what a writer took back was never seen, but what stayed was`() throws {
        let world = World()
        let (writer, reader) = (try world.create(), try world.open())
        try writer.append(.text("A", "one"))
        try reader.refresh()
        // The writer is active: its frames are there, and it holds its lock.
        world.disk.before = { call in
            guard call == .sync else { return }
            world.disk.before = nil
            try? reader.refresh()
        }
        world.disk.fail(.sync)
        #expect(throws: VaultFileError.outcomeUnknown(.ioError)) { try writer.append(.text("A", "two")) }
        try reader.refresh()
        #expect(try reader.text("A") == "one")
        let kept = world.bytes
        world.bytes = Array(kept.prefix(4608))
        #expect(throws: VaultFileError.olderThanOpen) { try reader.refresh() }
        world.bytes = kept
        try reader.refresh()
        #expect(try reader.text("A") == "one")
    }

    @Test(arguments: 1...8)
    func `a file that is cut while its tail is looked at is an error, not a crash`(number: Int) throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        world.bytes += noise(100)
        let (whole, bare) = (world.bytes, Array(world.bytes.prefix(4608)))
        var left = number
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .length else { return }
            left -= 1
            if left == 0 { disk[path] = bare }
        }
        for _ in 0..<2 {
            // Any result is allowed for a file that changes during the call, but no crash.
            do throws(VaultFileError) { try log.refresh() } catch { #expect(error.isRollback) }
            _ = world.verdict()
        }
        world.disk.before = nil
        world.bytes = whole
        try log.refresh()
        #expect(try log.text("A") == "one")
        #expect(log.unfinishedTail?.count == 100)
    }

    @Test func `a write that an older copy of the file took away is not acknowledged`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let older = world.bytes
        try log.append(.text("A", "two"))
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .sync else { return }
            disk.before = nil
            disk[path] = older
        }
        #expect(throws: VaultFileError.replacedDuringWrite) { try log.append(.text("B", "three")) }
        #expect(world.bytes == older)
        #expect(try world.open().text("B") == nil)
    }

    @Test func `another vault that was copied over the file is not written`() throws {
        let world = World()
        let log = try world.create()
        let other = World(seed: 2)
        try other.create().append(.text("A", "other"))
        world.bytes = other.bytes
        #expect(throws: VaultFileError.replaced) { try log.append(.text("A", "mine")) }
        #expect(world.bytes == other.bytes)
        #expect(world.otherFiles == [])
    }
}
