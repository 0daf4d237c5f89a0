import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Files that a program without the lock cuts or overwrites while they are read.
@Suite struct ChangedFileTests {
    /// Creates a vault of ten secrets with a tail of a mebibyte that is no frame.
    private func withLongTail() throws -> (world: World, end: Int) {
        let world = World()
        let log = try world.create()
        for number in 0..<10 { try log.append(.text("A\(number)", "value")) }
        let end = world.bytes.count
        world.bytes += [UInt8](repeating: 0xA5, count: 1 << 20)
        return (world, end)
    }

    /// Cuts the file to `end` bytes before the read with this number, from 1.
    private func cut(_ world: World, to end: Int, beforeRead number: Int) {
        var left = number
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .read else { return }
            left -= 1
            if left == 0 { disk[path] = Array(disk[path].prefix(end)) }
        }
    }

    @Test(arguments: ["open", "salvage", "check"])
    func `a walk over a file that was cut ends where the file does`(walk: String) throws {
        let (original, end) = try withLongTail()
        let key = try original.masterKey()
        for number in 1...9 {
            let world = World()
            world.bytes = original.bytes
            cut(world, to: end, beforeRead: number)
            do throws(VaultFileError) {
                switch walk {
                case "open": #expect(try world.open(master: key).nameCount == 10)
                case "check":
                    let check = try KeylessCheck(path: world.path, dependencies: world.dependencies)
                    #expect(check.frames == 10)
                default:
                    let key = try guarding(Key(copying: key.span))
                    let report = try Salvage.run(
                        from: world.path, to: "/home/saved", master: key, dependencies: world.dependencies)
                    #expect(report.secrets == 10)
                }
            } catch {
                #expect(walk == "check" && error == .changedWhileRead, "\(walk), read \(number)")
            }
            #expect(world.disk.counts[.read, default: 0] < 50, "\(walk), read \(number)")
        }
    }

    /// Does something to the file once, before the first call of a kind.
    private func change(_ world: World, before call: MemoryDisk.Call, _ body: @escaping (MemoryDisk) -> Void)
    {
        world.disk.before = { [disk = world.disk] next in
            guard next == call else { return }
            disk.before = nil
            body(disk)
        }
    }

    @Test func `a value that was cut off since it was verified is told from a damaged one`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "old"))
        let older = world.bytes
        try log.append(.text("A", "new"))
        let (whole, version) = (world.bytes, try #require(log.current(address("A"))))
        world.bytes = older
        #expect(throws: VaultFileError.changedWhileRead) { try log.value("A") }
        world.bytes = whole
        #expect(try log.text("A") == "new")
        // The frame before the last commit, which is still there.
        let old = try #require(log.versions(address("A")).last)
        world.disk.flip(world.path, at: Int(old.offset) + 100, bit: 0)
        #expect(throws: VaultFileError.damaged(at: old.offset)) {
            try log.bytes(of: old, at: address("A"))
        }
        #expect(version.offset > old.offset)
    }

    /// Returns the bytes of another vault, which the same program could have copied over the file.
    private func otherVault() throws -> [UInt8] {
        let other = World(seed: 9)
        let log = try other.create()
        for number in 0..<40 { try log.append(.text("B\(number)", "other")) }
        return other.bytes
    }

    @Test(arguments: ["cut", "other vault", "other history"])
    func `a backup of a file that is overwritten meanwhile says so, and leaves the older one`(
        way: String
    ) throws {
        var world = try FaultOperation.vault()
        world.dependencies.readTimeout = 0
        let before = world.disk[FaultOperation.backup]
        let other = try otherVault()
        // A fork that has as many bytes as the vault, or more.
        let fork = World(seed: 7)
        fork.bytes = before
        for number in 0..<40 { try fork.open().append(.text("C\(number)", "other")) }
        let forked = fork.bytes
        change(world, before: .create) { [path = world.path] disk in
            switch way {
            case "cut": disk[path] = Array(disk[path].prefix(5000))
            case "other vault": disk[path] = other
            default: disk[path] = forked
            }
        }
        #expect(throws: VaultFileError.changedWhileRead) { try world.backup(to: FaultOperation.backup) }
        #expect(world.disk[FaultOperation.backup] == before)
        #expect(world.otherFiles.filter { $0.contains(".copy-") } == [])
    }

    @Test(arguments: [100, 4700])
    func `a backup that a disk spoils is told from a vault that changed`(offset: Int) throws {
        var world = try FaultOperation.vault()
        world.dependencies.readTimeout = 0
        // The copy is flushed by nothing before it is verified: the first call after its last write opens it.
        world.disk.before = { [disk = world.disk] call in
            guard call == .open, let copy = disk.files.keys.first(where: { $0.contains(".copy-") }),
                disk[copy].count > 5000
            else { return }
            disk.before = nil
            disk.flip(copy, at: offset, bit: 0)
        }
        do throws(VaultFileError) {
            try world.backup(to: FaultOperation.backup)
            Issue.record("the backup was believed")
        } catch {
            if case .rewriteDiffers = error { return }
            Issue.record("\(error)")
        }
    }

    @Test func `a compaction of a file that is cut meanwhile says so`() throws {
        let world = try FaultOperation.vault()
        change(world, before: .create) { [path = world.path] disk in
            disk[path] = Array(disk[path].prefix(5000))
        }
        #expect(throws: VaultFileError.changedWhileRead) { try world.compact(keeping: .all) }
        #expect(world.bytes.count == 5000)
    }

    @Test func `a salvage of a file that is cut before its records are copied says so`() throws {
        let world = try World.withHistory()
        let key = try world.key()
        change(world, before: .create) { [path = world.path] disk in
            disk[path] = Array(disk[path].prefix(5000))
        }
        // The records were found through a window that is still in memory, unless the file is longer than it.
        world.bytes += [UInt8](repeating: 0, count: 600_000)
        #expect(throws: VaultFileError.changedWhileRead) {
            try Salvage.run(
                from: world.path, to: "/home/saved", master: key, dependencies: world.dependencies)
        }
        #expect(world.disk.files["/home/saved"] == nil)
    }

    @Test func `a tail that is cut off while it is saved is not saved, and nothing is written`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"))
        let whole = world.bytes
        world.bytes += noise(300)
        change(world, before: .create) { [path = world.path] disk in disk[path] = Array(whole.dropLast(50)) }
        #expect(throws: VaultFileError.changedWhileRead) { try log.append(.text("B", "two")) }
        #expect(world.bytes == Array(whole.dropLast(50)) && world.otherFiles == [])
        #expect(throws: VaultFileError.previousFailure) { try log.append(.text("B", "two")) }
        world.bytes = whole
        try log.refresh()
        #expect(try log.append(.text("B", "two")) == nil)
    }
}
