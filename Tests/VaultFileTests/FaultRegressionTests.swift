import Compaction
import Platform
import Sodium
import Testing
import VaultCore

@testable import VaultFile

/// Regression tests for defects that ``FaultTests`` found.
@Suite struct FaultRegressionTests {
    @Test(arguments: [MemoryDisk.Call.syncDirectory, .status, .length])
    func `a creation that fails late leaves no file either, and can be tried again`(call: MemoryDisk.Call)
        throws
    {
        let world = World.remembering()
        world.disk.fail(call)
        #expect(throws: VaultFileError.self) { try world.create() }
        #expect(world.disk.files.isEmpty)
        try world.create().append(.text("A", "one"))
        #expect(try world.open().text("A") == "one")
    }

    @Test func `who makes a vault holds its lock until its name is durable`() throws {
        let world = World()
        var other: Bool?
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .syncDirectory else { return }
            disk.before = nil
            other = try? disk.open(path, .writing).tryLock(.exclusive)
        }
        _ = try world.create()
        #expect(other == false)
        #expect(try world.disk.open(world.path, .writing).tryLock(.exclusive))
    }

    @Test(arguments: [MemoryDisk.Call.open, .status, .read, .length])
    func `a written change is not said to be absent because nobody could look`(call: MemoryDisk.Call) throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        world.disk.before = { [disk = world.disk] next in
            guard next == .sync else { return }
            disk.before = nil
            disk.fail(call, with: .tooManyFiles)
        }
        #expect(throws: VaultFileError.outcomeUnknown(.tooManyFiles)) { try log.append(.text("A", "two")) }
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("A", "two")) }
        #expect(try world.open().text("A") == "two")
    }

    @Test func `a log that could not be opened for writing can try again`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        let log = try world.open(.reading)
        world.disk.fail(.status, with: .noMemory)
        #expect(throws: VaultFileError.io(.open, .noMemory)) { try log.becomeWritable() }
        try log.becomeWritable()
        try log.append(.text("A", "two"))
        #expect(try world.open().text("A") == "two")
    }

    @Test(arguments: ["compact", "copy", "salvage", "new"])
    func `what any killed command left beside a vault is removed by the next compaction`(purpose: String)
        throws
    {
        let world = World()
        try world.create().append(.text("A", "one"))
        let left = "/home/.a.vault.\(purpose)-0123456789abcdef"
        let foreign = [
            "/home/.a.vault.\(purpose)-0123456789abcdeg", "/home/.b.vault.\(purpose)-0123456789abcdef",
        ]
        for path in [left] + foreign { world.disk[path] = [1] }
        let owner = try world.disk.open(left, .reading)
        _ = try owner.tryLock(.exclusive)
        try world.compact()
        #expect(world.otherFiles == ([left] + foreign).sorted())
        owner.unlock()
        try world.compact()
        #expect(world.otherFiles == foreign)
    }

    @Test(arguments: [MemoryDisk.Call.identity, .open, .read, .length])
    func `what cannot be looked at is not replaced by a backup`(call: MemoryDisk.Call) throws {
        let world = try FaultOperation.vault()
        world.disk["/backups/other"] = Array("something else".utf8)
        world.disk.before = { [disk = world.disk] next in
            // The copy is verified when the target is checked, before it is created.
            if next == .create { Issue.record("the target was not looked at") }
            guard next == .identity else { return }
            disk.before = nil
            if call != .identity { disk.fail(call, with: .ioError, fromThenOn: true) }
        }
        let before = world.disk["/backups/other"]
        #expect(throws: VaultFileError.self) { try world.backup(to: "/backups/other") }
        #expect(world.disk["/backups/other"] == before)
    }

    @Test func `a backup over an older one that cannot be read says that, and not that it is none`() throws {
        for number in 0..<30 {
            let world = try FaultOperation.vault()
            world.disk.fail(.read, after: number)
            do throws(VaultFileError) {
                try world.backup(to: FaultOperation.backup)
            } catch {
                #expect(error == .io(.read, .ioError), "\(number)")
            }
        }
    }

    @Test(arguments: [Errno.noSpace, .invalidArgument])
    func `a restore that cannot change places leaves nothing beside the vault`(error: Errno) throws {
        for number in 0..<5 {
            let world = try FaultOperation.vault()
            let (before, names) = (world.bytes, world.disk.files.keys.sorted())
            world.disk.fail(.rename, after: 1, with: error)
            if error == .invalidArgument { world.disk.fail(.rename, after: 1 + number) }
            do throws(VaultFileError) {
                try world.restore()
            } catch {
                #expect(world.bytes == before, "\(number)")
                #expect(world.disk.files.keys.sorted() == names, "\(number)")
                continue
            }
            #expect(world.bytes == world.disk[FaultOperation.backup])
        }
    }
}
