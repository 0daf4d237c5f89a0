import Compaction
import Platform
import Sodium
import Testing
import VaultCore

@testable import VaultFile

/// File systems that lack a call: the substitute loses nothing, wherever the process is killed.
@Suite struct FileSystemTests {
    private static let exFAT: Set<MemoryDisk.Lack> = [.exclusiveRename, .exchange]

    /// Runs `body` in new worlds, each of which fails for good one call later; reports what each leaves.
    private static func killedAtEachCall(
        in make: () throws -> World, _ body: (World) throws(VaultFileError) -> Void,
        _ check: (World, _ call: Int) throws -> Void
    ) throws {
        for number in 0..<10_000 {
            let world = try make()
            world.disk.lacks = exFAT
            var left = number
            world.disk.before = { [disk = world.disk] _ in
                if left == 0 { for call in MemoryDisk.Call.allCases { disk.fail(call, fromThenOn: true) } }
                left -= 1
            }
            try? body(world)
            world.disk.before = nil
            world.disk.heal()
            world.disk.releaseLocks()
            try check(world, number)
            if left > 0 { return }
        }
        Issue.record("it never ends")
    }

    @Test func `a vault lives where a name cannot be taken in one step`() throws {
        let world = World.remembering()
        world.disk.lacks = FileSystemTests.exFAT
        try world.create().append(.text("A", "one"))
        #expect(throws: VaultFileError.alreadyExists) { try world.create() }
        try world.compact()
        try world.changeKeys()
        world.disk[FaultOperation.backup] = world.bytes
        try world.backup(to: FaultOperation.backup)
        try world.open().append(.text("A", "two"))
        let before = world.bytes
        try world.restore()
        #expect(world.bytes == world.disk[FaultOperation.backup])
        #expect(world.otherFiles.contains { $0.contains(".before-restore-") && world.disk[$0] == before })
        _ = try Salvage.run(
            from: world.path, to: "/home/saved", master: try world.key(), dependencies: world.dependencies)
        #expect(throws: VaultFileError.alreadyExists) {
            try Salvage.run(
                from: world.path, to: "/home/saved", master: try world.key(), dependencies: world.dependencies
            )
        }
        #expect(world.disk.files.keys.allSatisfy { !Path.name(of: $0).hasPrefix(".") })
    }

    @Test func `an init that was killed leaves nothing, an empty file that is no vault, or the vault`() throws
    {
        var found: Set<String> = []
        try FileSystemTests.killedAtEachCall(in: { World() }) { world throws(VaultFileError) in
            _ = try world.create()
        } _: { world, call in
            if world.disk.files[world.path] == nil {
                found.insert("nothing")
            } else if world.bytes.isEmpty {
                found.insert("empty")
                #expect(world.verdict() == .notAVault(.empty), "\(call)")
                #expect(throws: VaultFileError.alreadyExists, "\(call)") { try world.create() }
                try world.disk.remove(world.path)
            } else {
                found.insert("vault")
                #expect(world.verdict() == nil, "\(call)")
                return
            }
            try world.create().append(.text("A", "one"))
            try world.compact()
            #expect(world.otherFiles == [], "\(call)")
        }
        #expect(found == ["nothing", "empty", "vault"])
    }

    @Test
    func `a restore that was killed has kept the vault under one name or the other, and can be repeated`()
        throws
    {
        var before: [UInt8] = []
        try FileSystemTests.killedAtEachCall {
            let world = try FaultOperation.vault()
            before = world.bytes
            return world
        } _: { world throws(VaultFileError) in
            try world.restore()
        } _: { world, call in
            let kept = world.disk.files.keys.filter {
                $0 == world.path || $0.hasPrefix(world.path + ".before-restore-")
            }
            #expect(kept.contains { world.disk[$0] == before }, "\(call)")
            try world.restore()
            #expect(world.bytes == world.disk[FaultOperation.backup], "\(call)")
            #expect(world.disk.files.keys.contains { world.disk[$0] == before }, "\(call)")
        }
    }

    @Test func `who writes to the empty file that holds a name is not overwritten`() throws {
        let world = World()
        world.disk.lacks = FileSystemTests.exFAT
        world.disk.before = { [disk = world.disk, path = world.path] call in
            if call == .open, disk.files[path] != nil { disk[path] = [7] }
        }
        #expect(throws: VaultFileError.alreadyExists) { try world.create() }
        #expect(world.bytes == [7])
        #expect(world.otherFiles == [])
    }

    @Test(arguments: [Errno.noSpace, .ioError])
    func `a rename that fails takes the empty file away again`(error: Errno) throws {
        let world = World()
        world.disk.lacks = FileSystemTests.exFAT
        world.disk.fail(.rename, with: error)
        #expect(throws: VaultFileError.io(.create, error)) { try world.create() }
        #expect(world.disk.files.isEmpty)
        _ = try world.create()
    }

    @Test func `a file that was replaced is noticed where files are numbered by their paths`() throws {
        let world = World.remembering()
        world.disk.lacks = FileSystemTests.exFAT.union([.numbers])
        try world.create().append(.text("A", "one"))
        let log = try world.open()
        try log.append(.text("B", "two"))
        try world.compact()
        try log.append(.text("C", "three"))
        let reader = try world.open(.reading)
        try world.compact()
        try reader.refresh()
        #expect(try reader.text("C") == "three")
        #expect(try world.open().text("B") == "two")
    }

    @Test func `a backup that was restored is noticed there, though it has the header of what it replaced`()
        throws
    {
        let world = World.remembering()
        world.disk.lacks = FileSystemTests.exFAT.union([.numbers])
        try world.create().append(.text("A", "one"))
        world.disk[FaultOperation.backup] = world.bytes
        let (reader, writer) = (try world.open(.reading), try world.open())
        try writer.append(.text("A", "two"))
        try reader.refresh()
        try world.restore()
        try reader.refresh()
        #expect(try reader.text("A") == "one")
        try writer.append(.text("B", "three"))
        try reader.refresh()
        #expect(try reader.text("B") == "three")
    }

    @Test func `a name that was left by a link does not keep a vault from being rewritten`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        world.disk.link(world.path, to: "/home/.a.vault.new-0123456789abcdef")
        try world.compact()
        #expect(world.otherFiles == [])
        world.disk.link(world.path, to: "/home/b.vault")
        #expect(throws: VaultFileError.severalNames) { try world.compact() }
        #expect(world.otherFiles == ["/home/b.vault"])
    }

    @Test func `a second name that cannot be looked for keeps the vault as it is`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        world.disk.link(world.path, to: "/home/.a.vault.new-0123456789abcdef")
        let before = world.bytes
        world.disk.fail(.names, with: .permissionDenied)
        #expect(throws: VaultFileError.severalNames) { try world.compact() }
        #expect(world.bytes == before)
    }

    @Test func `the temporary file of another process is no second name of the vault`() throws {
        let world = World()
        try world.create().append(.text("A", "one"))
        world.disk.link(world.path, to: "/home/.a.vault.new-0123456789abcdef")
        let copy = "/home/.a.vault.copy-0123456789abcdef"
        world.disk[copy] = world.bytes
        let writer = try world.disk.open(copy, .writing)
        #expect(try writer.tryLock(.exclusive))
        try world.compact()
        #expect(world.otherFiles == [copy])
    }

    @Test func `only the temporary files of a vault are told by their names`() {
        for (name, isLeftover) in [
            (".a.vault.compact-0123456789abcdef", true), (".a.vault.salvage-0123456789abcdef", true),
            (".b.vault.compact-0123456789abcdef", false), (".a.vault.compact-0123456789ABCDEF", false),
            (".a.vault.compact-0123", false), (".a.vault.lock", false), ("a.vault", false),
        ] {
            #expect(Compaction.isLeftover(name, of: "/home/a.vault") == isLeftover, "\(name)")
        }
    }
}
