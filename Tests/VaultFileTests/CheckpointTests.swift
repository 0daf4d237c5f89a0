import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Checkpoints: vault-format.md, section 10.
@Suite struct CheckpointTests {
    /// Creates a vault of five commits; returns its file after each of them.
    private func grown() throws -> (World, [[UInt8]]) {
        let world = World.remembering()
        let log = try world.create()
        var states = [world.bytes]
        for number in 0..<5 {
            try log.append(.text("A", "\(number)"))
            states.append(world.bytes)
        }
        return (world, states)
    }

    @Test func `every older state of the file is noticed, however it was opened last`() throws {
        let (world, states) = try grown()
        for state in states.dropLast() {
            world.disk.replace(world.path, with: state)
            #expect(world.verdict() == .older)
            let before = world.bytes
            #expect(throws: VaultFileError.older) { try world.compact() }
            #expect(world.bytes == before)
        }
        world.disk.replace(world.path, with: try #require(states.last))
        #expect(world.verdict() == nil)
    }

    @Test
    func `an acknowledged change that was trimmed or spoiled is no unfinished tail, and nothing is cut`()
        throws
    {
        let (world, states) = try grown()
        let whole = try #require(states.last)
        for bytes in [
            Array(whole.dropLast(1)), Array(whole.dropLast(100)),
            whole.dropLast(1) + [whole[whole.count - 1] ^ 1],
        ] {
            world.disk.replace(world.path, with: bytes)
            #expect(world.verdict() == .older)
            #expect(world.bytes == bytes)
        }
        // Without a checkpoint this may be what a killed writer left.
        world.disk.replace(world.path, with: Array(whole.dropLast(1)))
        var other = world
        other.dependencies.checkpoints = nil
        #expect(try other.open().text("A") == "3")
    }

    @Test func `a file that went another way since is noticed`() throws {
        let (world, states) = try grown()
        world.disk.replace(world.path, with: states[3])
        var other = world
        other.dependencies.checkpoints = nil
        for number in 0..<4 { try other.open().append(.text("B", "\(number)")) }
        #expect(world.verdict() == .diverged)
        try other.compact(keeping: .all)
        #expect(world.verdict() == .diverged, "however large its numbers have grown")
    }

    @Test func `a rewrite of an older state is noticed`() throws {
        let (world, states) = try grown()
        world.disk.replace(world.path, with: states[3])
        var other = world
        other.dependencies.checkpoints = nil
        try other.compact(keeping: .all)
        #expect(world.verdict() == .older)
        // As many frames as were seen, but different ones.
        world.disk.replace(world.path, with: states[4])
        try other.open().append(.text("B", "x"))
        try other.compact(keeping: .all)
        #expect(world.verdict() == .diverged)
    }

    @Test func `a compaction that was undone is said, and is no alarm, since nothing is missing`() throws {
        let (world, states) = try grown()
        try world.compact()
        #expect(try world.open().header.generation == 2)
        world.disk.replace(world.path, with: try #require(states.last))
        let log = try world.open()
        #expect(log.observations == [.compactionUndone])
        // A machine that saw the compacted file has seen at least as much as one that did not.
        try log.append(.text("A", "on"))
        world.disk.replace(world.path, with: try #require(states.last))
        #expect(world.verdict() == .older)
    }

    @Test func `another vault at the path is noticed, one elsewhere is not`() throws {
        let (world, states) = try grown()
        var other = World(seed: 9, path: "/home/other")
        _ = try other.create()
        let bytes = other.bytes
        world.disk.replace(world.path, with: bytes)
        #expect(world.verdict() == .replaced)
        other = world
        world.disk["/elsewhere/a.vault"] = states[0]
        let log = try Log(path: "/elsewhere/a.vault", access: .writing, dependencies: world.dependencies) {
            header throws(VaultFileError) in try header.unlock(passphrase: world.passphrase.span)
        }
        #expect(log.versionCount == 0)
    }

    @Test func `what is there can be trusted again, and is remembered then`() throws {
        let (world, states) = try grown()
        world.disk.replace(world.path, with: states[2])
        var other = world
        other.dependencies.checkpoints = nil
        #expect(try other.open().accept(in: try #require(world.dependencies.checkpoints)))
        #expect(world.verdict() == nil)
        try world.open().append(.text("A", "on"))
        world.disk.replace(world.path, with: states[2])
        #expect(world.verdict() == .older)
    }

    @Test func `what the user was shown is accepted, and nothing that was written after it`() throws {
        let (world, states) = try grown()
        world.disk.replace(world.path, with: states[2])
        var other = world
        other.dependencies.checkpoints = nil
        let (log, store) = (try other.open(), try #require(world.dependencies.checkpoints))
        let shown = try log.presentCheckpoint()
        try other.open().append(.text("B", "meanwhile"))
        #expect(throws: VaultFileError.replacedDuringWrite) { try log.accept(shown, in: store) }
        #expect(world.verdict() == .diverged)
        let later = try log.presentCheckpoint()
        #expect(try log.accept(later, in: store))
        #expect(world.verdict() == nil)
    }

    @Test(arguments: [false, true])
    func `a log that is open follows what this machine was told to trust`(_ isInPlace: Bool) throws {
        let (world, states) = try grown()
        let log = try world.open()
        try world.compact()
        try log.refresh()
        // A file that was accepted has no history here.
        for (state, verdict) in [
            (states[4], VaultFileError.older), (states[2], .older), (states[5], .diverged),
        ] {
            if isInPlace { world.bytes = state } else { world.disk.replace(world.path, with: state) }
            #expect(throws: verdict) { try log.refresh() }
            #expect(throws: verdict) { try log.append(.text("B", "x")) }
            try world.trustAnew()
            try log.refresh()
            #expect(log.header.generation == 1)
            try log.append(.text("B", "x"))
            #expect(try world.open().text("B") == "x")
        }
    }

    @Test func `a missing checkpoint means first use, and so does one with a wrong checksum`() throws {
        let (world, states) = try grown()
        let path = try #require(world.otherFiles.first { $0.hasPrefix("/state/seen/") })
        for spoil in [{ world.disk[path] = [] }, { world.disk.flip(path, at: 30, bit: 1) }] {
            spoil()
            world.disk.replace(world.path, with: states[1])
            #expect(world.verdict() == nil)
            // From now on there is a checkpoint again.
            world.disk.replace(world.path, with: states[0])
            #expect(world.verdict() == .older)
        }
    }

    @Test func `a checkpoint that is removed while a log is open is written again by its next commit`() throws
    {
        let (world, states) = try grown()
        let path = try #require(world.otherFiles.first { $0.hasPrefix("/state/seen/") })
        let log = try world.open()
        for number in 0..<3 {
            try log.append(.text("B", "\(number)"))
            try world.disk.remove(path)
            try log.append(.text("B", "and \(number)"))
            #expect(log.checkpointFailure == nil)
            #expect(world.otherFiles.contains(path))
        }
        world.disk.replace(world.path, with: try #require(states.last))
        #expect(world.verdict() == .older)
    }

    @Test func `a file that grew elsewhere is taken, made durable, and remembered`() throws {
        let (world, states) = try grown()
        let last = try #require(states.last)
        world.disk.replace(world.path, with: states[2])
        try world.trustAnew()
        world.disk.replace(world.path, with: last)
        world.disk.resetCounts()
        #expect(try world.open(.reading).text("A") == "4")
        #expect(world.disk.journal == [.sync, .write])
        // One intermediate state was never seen here, the other was.
        world.disk.replace(world.path, with: states[3])
        #expect(world.verdict() == .diverged)
        world.disk.replace(world.path, with: states[2])
        #expect(world.verdict() == .older)
    }

    @Test func `a checkpoint that cannot be written causes a warning and stops nothing`() throws {
        let (world, _) = try grown()
        world.disk.fail(.write, after: 1, with: .noSpace)
        let log = try world.open()
        try log.append(.text("A", "on"))
        #expect(log.checkpointFailure == .noSpace)
        // When there is space again, the checkpoint is saved again.
        try log.append(.text("A", "on and"))
        #expect(log.checkpointFailure == nil)
        try log.append(.text("A", "on"))
        let whole = world.bytes
        world.disk.replace(world.path, with: Array(whole.dropLast(176)))
        #expect(world.verdict() == .older)
        world.disk.replace(world.path, with: whole)
        #expect(try world.open().text("A") == "on")
    }

    @Test func `a log that is open sees that the file went back behind what another process saw`() throws {
        let (world, _) = try grown()
        let old = try world.open()
        let seen = world.bytes
        try world.open().append(.text("A", "by another"))
        // Overwritten in place, as cp does, with the state that this log knows.
        world.bytes = seen
        #expect(throws: VaultFileError.older) { try old.refresh() }
        #expect(throws: VaultFileError.older) { try old.append(.text("B", "x")) }
        #expect(world.bytes == seen)
    }

    @Test func `a vault without secrets that was rewritten twice is no older than what was seen of it`()
        throws
    {
        let world = World.remembering()
        _ = try world.create()
        var other = world
        other.dependencies.checkpoints = nil
        try other.compact()
        try other.compact()
        #expect(world.verdict() == nil)
        #expect(try world.open().header.generation == 3)
    }

    @Test func `the name of a rewritten file is durable before the rewrite is remembered`() throws {
        let world = World.remembering()
        try world.create().append(.text("A", "one"))
        var other = world
        other.dependencies.checkpoints = nil
        try other.compact()
        world.disk.resetCounts()
        _ = try world.open(.reading)
        #expect(world.disk.journal == [.sync, .syncDirectory, .write])
    }

    @Test func `what is trusted from now on is durable at once`() throws {
        let (world, states) = try grown()
        world.disk.replace(world.path, with: states[2])
        var other = world
        other.dependencies.checkpoints = nil
        let (log, store) = (try other.open(), try #require(world.dependencies.checkpoints))
        world.disk.resetCounts()
        _ = try log.accept(in: store)
        #expect(world.disk.journal == [.sync, .write, .sync])
        #expect(world.verdict() == nil)
    }

    @Test func `the time of a backup is kept beside the checkpoint, and no other bytes are taken for one`()
        throws
    {
        let (world, _) = try grown()
        let store = try #require(world.dependencies.checkpoints)
        #expect(try store.backup(of: world.path) == nil)
        let backup = CheckpointStore.Backup(of: try world.open().present, at: World.start + 5)
        try store.set(backup, of: world.path)
        #expect(try store.backup(of: world.path) == backup)
        let path = try #require(world.otherFiles.first { $0.hasSuffix(".backup") })
        for offset in world.disk[path].indices {
            world.disk.flip(path, at: offset, bit: 3)
            #expect(try store.backup(of: world.path) == nil, "byte \(offset)")
            world.disk.flip(path, at: offset, bit: 3)
        }
    }

    @Test func `what counts at a path are its checkpoints, or else what this process saw`() throws {
        var (world, _) = try grown()
        let saved = try #require(try world.dependencies.checkpoints?.entry(of: world.path).lastSeen)
        let own = LastSeen.legacy(try world.open().present)
        world.dependencies.ownMemory = own
        #expect(try Log.seen(at: world.path, world.dependencies) == [saved])
        #expect(try Log.seen(at: "/home/none", world.dependencies) == [own])
        world.disk.fail(.read)
        #expect(throws: VaultFileError.io(.checkpoint, .ioError)) {
            try Log.seen(at: world.path, world.dependencies)
        }
        world.dependencies.checkpoints = nil
        #expect(try Log.seen(at: world.path, world.dependencies) == [own])
        world.dependencies.ownMemory = nil
        #expect(try Log.seen(at: world.path, world.dependencies) == [])
    }

    @Test func `whether a checkpoint can be saved is known before there is a vault`() throws {
        let world = World.remembering()
        let store = try #require(world.dependencies.checkpoints)
        world.disk.fail(.makeDirectory, with: .readOnlyFileSystem)
        #expect(throws: Errno.readOnlyFileSystem) { try store.probe(world.path) }
        try store.probe(world.path)
        #expect(world.otherFiles == [])
        _ = try world.create()
        // Where there is one already, it has to be opened for writing, and nothing is made.
        world.disk.resetCounts()
        try store.probe(world.path)
        #expect(world.disk.journal == [])
        world.disk.fail(.open, with: .permissionDenied)
        #expect(throws: Errno.permissionDenied) { try store.probe(world.path) }
    }

    @Test func `a vault is opened where no directory for checkpoints can be made, and that is told`() throws {
        var world = World()
        try world.create().append(.text("A", "one"))
        world.dependencies.checkpoints = CheckpointStore(path: "/state/seen", storage: world.disk)
        world.disk.fail(.makeDirectory, with: .permissionDenied)
        let log = try world.open()
        #expect(log.checkpointFailure == .permissionDenied && log.observations == [])
        #expect(try log.text("A") == "one")
        #expect(world.otherFiles == [])
    }

    @Test func `bytes of another length than a checkpoint has are none`() throws {
        let checkpoint = try grown().0.open().presentCheckpoint()
        let body = checkpoint.body
        #expect(Checkpoint(body.span) == checkpoint)
        #expect(Checkpoint(body.span.extracting(droppingLast: 1)) == nil)
        #expect(Checkpoint((body + [0]).span) == nil)
    }

    @Test func `what several logs observe is handed over once`() throws {
        var world = World()
        let list = ObservationList()
        (world.dependencies.hasNowhereToRemember, world.dependencies.observations) = (true, list)
        _ = try world.create()
        for _ in 0..<2 { #expect(try world.open().observations == [.nowhereToRemember]) }
        #expect(list.take() == [.nowhereToRemember])
        #expect(list.take() == [])
    }

    @Test func `the layout is the format page's`() throws {
        let (world, _) = try grown()
        let path = try #require(world.otherFiles.first { $0.hasPrefix("/state/seen/") })
        let log = try world.open()
        let (bytes, namer) = (world.disk[path], try log.namer())
        #expect(bytes.count == 1024)
        #expect(Array(bytes[..<8]) == Array("VLTSEEN2".utf8))
        #expect(Array(bytes[8..<24]) == log.header.vaultID.bytes)
        #expect(try bytes.span.load(UInt64.self, at: 24) == log.keyID())
        #expect(bytes.span.load(UInt64.self, at: 32) == 1)
        #expect(Array(bytes[40..<56]) == log.header.macTag.bytes)
        #expect(bytes.span.load(UInt64.self, at: 56) == log.committedEnd)
        #expect(Array(bytes[64..<80]) == log.committed.tag.bytes)
        #expect(bytes.span.load(UInt64.self, at: 80) == World.start)
        #expect(bytes.span.load(UInt16.self, at: 88) == 1 && bytes.span.load(UInt16.self, at: 90) == 5)
        #expect(bytes.span.load(UInt32.self, at: 92) == 0)
        #expect(try bytes.span.load(UInt64.self, at: 96) == namer.id(of: log.committed.tag))
        #expect(bytes.span.isZero(104..<352) && bytes.span.isZero(392..<992))
        #expect(try BLAKE2b.hash(bytes.span.extracting(0..<992)) == Array(bytes[992...]))
        #expect(world.disk[path + ".path"] == Array(world.path.utf8))
    }
}

extension World {
    /// Accepts the present file as the one last seen.
    fileprivate func trustAnew() throws {
        var other = self
        other.dependencies.checkpoints = nil
        if let store = dependencies.checkpoints { _ = try other.open().accept(in: store) }
    }
}
