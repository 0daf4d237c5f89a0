import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// The lock of a vault that some users may read but not write, and readers who cannot take it.
@Suite struct WriterLockTests {
    private static let lockFile = MemoryDisk.lockFile(of: "/home/a.vault")

    /// Creates a vault of two secrets that other users may read.
    private func readable() throws -> World {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        try log.append(.text("B", "two"))
        world.disk.hasReaders = true
        return world
    }

    @Test func `a reader who locks the vault delays its writer and does not stop it`() throws {
        let world = try readable()
        let reader = try world.disk.open(world.path, .reading)
        #expect(try reader.tryLock(.shared))
        try world.open().append(.text("A", "written"), timeout: 0)
        #expect(try world.open().text("A") == "written")
        #expect(world.otherFiles == [WriterLockTests.lockFile])
    }

    @Test func `writers exclude one another by the file beside the vault`() throws {
        let world = try readable()
        let log = try world.open()
        try log.append(.text("A", "written"), timeout: 0)
        let other = try world.disk.open(WriterLockTests.lockFile, .writing)
        #expect(try other.tryLock(.exclusive))
        let before = world.bytes
        #expect(throws: VaultFileError.busy) { try log.append(.text("A", "late"), timeout: 20) }
        #expect(world.bytes == before)
        other.unlock()
        try log.append(.text("A", "late"), timeout: 0)
    }

    @Test func `the lock of a lock file that was removed meanwhile does not count`() throws {
        let world = try readable()
        let log = try world.open()
        let disk = world.disk
        try log.append(.text("A", "written"), timeout: 0)
        var (isRemoved, isLocked) = (false, false)
        disk.before = { call in
            if call == .lock, !isRemoved {
                isRemoved = true
                try? disk.remove(WriterLockTests.lockFile)
            }
            if call == .write, !isLocked {
                isLocked = true
                disk.before = nil
                // Another writer finds the present lock file locked.
                let there = try? disk.open(WriterLockTests.lockFile, .writing)
                #expect((try? there?.tryLock(.exclusive)) == false)
            }
        }
        try log.append(.text("A", "again"))
        #expect(isRemoved && isLocked)
        #expect(try world.open().text("A") == "again")
    }

    @Test func `a reader makes a lock file only where the vault itself is locked`() throws {
        let world = try readable()
        let file = try world.disk.open(world.path, .reading)
        func lock() throws -> WriterLock? {
            try WriterLock.take(.shared, of: file, at: world.path, world.disk, timeout: 0)
        }
        try #require(try lock()).release()
        #expect(world.otherFiles == [])
        let writer = try world.disk.open(world.path, .writing)
        #expect(try writer.tryLock(.exclusive))
        let taken = try #require(try lock())
        #expect(world.otherFiles == [WriterLockTests.lockFile])
        // Writers wait for the reader's lock.
        let beside = try world.disk.open(WriterLockTests.lockFile, .writing)
        #expect(try !beside.tryLock(.exclusive))
        taken.release()
        #expect(try beside.tryLock(.exclusive))
    }

    @Test(arguments: [Errno.permissionDenied, .readOnlyFileSystem])
    func `who may not lock reads again until the writer has finished`(error: Errno) throws {
        let world = try readable()
        world.disk.fail(.lockFile, with: error, fromThenOn: true)
        // The page with the first frame is not there yet, the one with the second is.
        let whole = world.bytes
        world.disk.flip(world.path, at: 4608 + 100, bit: 1)
        var openings = 0
        world.disk.before = { call in
            if call == .open { openings += 1 }
            if openings == 4 { world.bytes = whole }
        }
        let log = try world.open(.reading)
        #expect(try log.text("A") == "one" && log.text("B") == "two")
        #expect(openings == 4)
    }

    @Test func `damage that stays is told to who may not lock`() throws {
        let world = try readable()
        world.disk.fail(.lockFile, with: .permissionDenied, fromThenOn: true)
        world.disk.flip(world.path, at: 4608 + 100, bit: 1)
        #expect(throws: VaultFileError.damaged(at: 4608)) { try world.open(.reading) }
    }

    @Test func `who may not lock and waits for a writer can be told to stop`() throws {
        var world = try readable()
        let cancellation = Cancellation()
        world.dependencies.cancellation = cancellation
        let disk = world.disk
        disk.fail(.lockFile, with: .permissionDenied, fromThenOn: true)
        disk.flip(world.path, at: 4608 + 100, bit: 1)
        var openings = 0
        disk.before = { call in
            if call == .open { openings += 1 }
            if openings == 3 { cancellation.cancel() }
        }
        #expect(throws: VaultFileError.cancelled) { try world.open(.reading) }
        #expect(openings == 3)
    }

    @Test func `who may not lock for writing writes nothing`() throws {
        let world = try readable()
        let (log, before) = (try world.open(), world.bytes)
        world.disk.fail(.lockFile, with: .permissionDenied, fromThenOn: true)
        #expect(throws: VaultFileError.io(.lock, .permissionDenied)) { try log.append(.text("A", "x")) }
        #expect(world.bytes == before)
    }

    // MARK: - Files that change between two looks

    @Test func `what a writer takes back between two looks was never there`() throws {
        let world = World()
        let reader = try world.create()
        try reader.append(.text("A", "one"))
        let before = world.bytes
        try world.open().append(.text("A", "two"))
        world.disk.before = { call in
            guard call == .lock else { return }
            world.disk.before = nil
            world.bytes = before
        }
        try reader.refresh()
        #expect(try reader.text("A") == "one")
        #expect(reader.committedEnd == UInt64(before.count) && reader.unfinishedTail == nil)
    }

    @Test func `a file that is cut to an older state between two looks is a rollback`() throws {
        var world = World()
        world.dependencies.checkpoints = CheckpointStore(path: "/seen", storage: world.disk)
        let log = try world.create()
        try log.append(.text("A", "one"))
        let before = world.bytes
        try log.append(.text("A", "two"))
        let disk = world.disk
        let path = world.path
        disk.before = { call in
            guard call == .lock else { return }
            disk.before = nil
            disk[path] = before
        }
        #expect(throws: VaultFileError.older) { try world.open(.reading) }
    }

    @Test func `a tail that is cut away while it is looked at is none`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        let whole = world.bytes
        world.bytes = whole + [UInt8](repeating: 7, count: 100)
        let disk = world.disk
        var reads = 0
        for number in 1...40 {
            world.bytes = whole + [UInt8](repeating: 7, count: 100)
            reads = 0
            disk.before = { call in
                if call == .read || call == .length { reads += 1 }
                if reads == number { disk[world.path] = whole }
            }
            let log = try world.open(.reading)
            #expect(log.unfinishedTail.map { $0.count > 0 } ?? true)
            #expect(try log.text("A") == "one")
        }
    }

    @Test func `a file that is cut for a moment between two looks is read again from the front`() throws {
        let world = World()
        let reader = try world.create()
        try reader.append(.text("A", "one"))
        try world.open().append(.text("A", "two"))
        let whole = world.bytes
        var locks = 0
        world.disk.before = { call in
            guard call == .lock else { return }
            locks += 1
            world.bytes = locks == 1 ? Array(whole.prefix(4608)) : whole
        }
        try reader.refresh()
        #expect(locks == 2)
        #expect(try reader.text("A") == "two")
    }
}
