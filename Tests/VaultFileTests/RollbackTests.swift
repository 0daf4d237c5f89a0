import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile
@testable import VaultCore

/// Rollback detection: vault-format.md, section 10.
///
/// A file must prove that it contains the changes that were seen.
@Suite struct RollbackTests {
    private static let other = FaultOperation.other

    /// Creates a vault that this machine saw, and a copy from before its last change.
    private func forked() throws -> World {
        let world = World.remembering()
        let log = try world.create()
        try log.append(.text("A", "one"))
        world.disk[RollbackTests.other] = world.bytes
        try log.append(.text("A", "acknowledged"))
        return world
    }

    /// Changes the copy at another path, for which this machine has no checkpoint.
    private func elsewhere(_ world: World) -> World {
        var away = World(seed: 5, path: world.path)
        away.dependencies.storage = world.disk
        let other = World(seed: 6, path: RollbackTests.other)
        var result = other
        result.dependencies.storage = away.dependencies.storage
        return result
    }

    private func put(_ world: World) { world.disk.replace(world.path, with: world.disk[RollbackTests.other]) }

    @Test func `a fork is not believed, however often it was written and rewritten`() throws {
        let world = try forked()
        let other = elsewhere(world)
        for number in 0..<9 { try other.open().append(.text("B\(number)", "x")) }
        for _ in 0..<3 {
            try other.compact(keeping: .none)
            #expect(try other.open().header.baseSeq > 2)
            put(world)
            #expect(world.verdict() == .diverged)
            #expect(throws: VaultFileError.diverged) { try world.compact() }
        }
    }

    @Test func `keys that went back are noticed though the old passphrase opens the file`() throws {
        let world = try forked()
        let old = world.bytes
        try world.changeKeys()
        world.disk.replace(world.path, with: old)
        #expect(world.verdict() == .otherKeys)
        // A merge by someone with the old keys does not bring them back either.
        let other = elsewhere(world)
        world.disk[RollbackTests.other] = old
        try other.open().append(.text("B", "of the old keys"))
        put(world)
        #expect(world.verdict() == .otherKeys)
    }

    @Test func `newer keys of a copy are taken when that is said, and not otherwise`() throws {
        let world = try forked()
        let other = elsewhere(world)
        world.disk[RollbackTests.other] = world.bytes
        try other.changeKeys()
        try other.open().append(.text("B", "newer"))
        let before = world.bytes
        #expect(throws: VaultFileError.newerKeys) { try world.merge(MergeOptions()) }
        #expect(throws: VaultFileError.newerKeys) { try world.merge(MergeOptions(isTrial: true)) }
        #expect(world.bytes == before)
        let report = try world.merge(MergeOptions(takesKeys: true))
        #expect(report.hasTakenKeys && report.relation == .newer && report.versions == 1)
        #expect(try world.open().text("B") == "newer")
        #expect(try world.open().history() == other.open().history())
        // It has no changes of its own: each machine accepts the file of the other.
        let taken = world.bytes
        put(world)
        #expect(world.verdict() == nil)
        world.disk.replace(world.path, with: taken)
        #expect(world.verdict() == nil)
        world.disk.replace(world.path, with: before)
        #expect(world.verdict() == .otherKeys)
    }

    @Test func `a vault with changes of its own keeps them when it takes newer keys`() throws {
        let world = try forked()
        let other = elsewhere(world)
        try other.changeKeys()
        try other.open().append(.text("B", "newer"))
        try world.merge(MergeOptions(takesKeys: true))
        let log = try world.open()
        #expect(try log.text("A") == "acknowledged" && log.text("B") == "newer")
        #expect(try log.keyID() == other.open().keyID())
        // The other machine finds the changes that it saw.
        let seen = try other.open().presentCheckpoint()
        #expect(try log.refusal(of: .checkpoint(seen)) == nil)
        #expect(try !world.merge(MergeOptions()).isWritten)
    }

    @Test func `what a file under other keys claims to contain proves nothing`() throws {
        let world = try forked()
        let seen = try world.open()
        let claims = Descent(ids: try seen.ancestry.ids(seen.namer()))
        let point = seen.present
        // The id of a vault is public, and anyone can create a vault with this id under their own passphrase.
        let forger = World(seed: 7, path: RollbackTests.other, passphrase: "of the forger")
        var stranger = forger
        stranger.dependencies.storage = world.disk
        try world.disk.remove(RollbackTests.other)
        _ = try stranger.create()
        try stranger.claim(world.open().header.vaultID.bytes)
        let log = try stranger.open()
        var head = ForgedRecord(point.body)
        head.kind = RecordBody.headKind
        var descent = ForgedRecord(RecordPrefix.plaintext(of: claims, time: 0).body(of: claims))
        descent.kind = RecordBody.descentKind
        for record in [descent, head] {
            let forge = try Forge(try stranger.open())
            let end = try stranger.open().committed
            world.disk[RollbackTests.other] +=
                forge.frame(record, after: end, transactionStart: end.end).bytes
        }
        #expect(try stranger.open().ancestry.ids(log.namer()).count > claims.ids.count)
        let older = Array(world.bytes.dropLast(176))
        world.disk.replace(world.path, with: older)
        var unmarked = world
        unmarked.dependencies.checkpoints = nil
        let report = try Merge.run(
            into: try unmarked.open(), from: try stranger.open(), MergeOptions(), now: world.clock.now)
        #expect(report.relation == .unrelated)
        #expect(world.verdict() == .older)
    }

    @Test func `a merge with a copy that has what was seen mends a file that is refused, and no other does`()
        throws
    {
        let world = try forked()
        let lacking = world.disk[RollbackTests.other]
        try elsewhere(world).open().append(.text("B", "there"))
        let (diverged, kept) = (world.disk[RollbackTests.other], "/home/kept.vault")
        world.disk[kept] = world.bytes
        let worker = MasterWorker(MasterKey(bytes: try world.masterKey()), world.dependencies)
        for (file, reason) in [(lacking, Rollback.Reason.older), (diverged, .diverged)] {
            world.disk.replace(world.path, with: file)
            world.disk[RollbackTests.other] = lacking
            #expect(throws: VaultError.file(.rolledBack(Rollback(reason, lastSeen: world.clock.now)))) {
                try worker.merge(into: world.path, from: RollbackTests.other, MergeOptions())
            }
            #expect(world.bytes == file)
            let trial = try worker.merge(into: world.path, from: kept, MergeOptions(isTrial: true))
            #expect(trial.isWritten && world.bytes == file)
            #expect(try worker.merge(into: world.path, from: kept, MergeOptions()).isWritten)
            let log = try world.open()
            #expect(try log.text("A") == "acknowledged")
            #expect(try log.text("B") == (reason == .older ? nil : "there"))
        }
    }

    @Test(arguments: [false, true])
    func `a copy under the keys that were seen mends a file with newer keys, if that can be proven`(
        isLegacy: Bool
    ) throws {
        let world = try forked()
        let (kept, point) = (world.bytes, try world.open().present)
        if isLegacy { try world.rememberAsBefore(point) }
        try world.changeKeys(of: RollbackTests.other)
        put(world)
        #expect(world.verdict()?.isRollback == true)
        world.disk[RollbackTests.other] = kept
        var unmarked = world
        unmarked.dependencies.checkpoints = nil
        let (here, there) = (try unmarked.open(), try world.openOther(.reading))
        let seen = try Log.seen(at: world.path, world.dependencies)
        let mends = try Merge.mends(here, with: there, MergeOptions(), seen, now: world.clock.now)
        _ = try Merge.run(into: here, from: there, MergeOptions(), now: world.clock.now)
        #expect((world.verdict() == nil) == mends)
        // A mark does not say under which key its change has an id.
        #expect(mends == !isLegacy)
        #expect(try unmarked.open().text("A") == "acknowledged")
    }

    @Test
    func `a merge that is cut off claims nothing that it has not taken, and loses nothing that was seen`()
        throws
    {
        let world = try forked()
        let other = elsewhere(world)
        for number in 0..<3 {
            let steps = (0..<22).map {
                Step.put("N\(number)_\($0)", [UInt8](repeating: UInt8($0), count: 1 << 20))
            }
            let changes = try transaction(steps)
            try other.open().append(changes)
        }
        let seenThere = LastSeen.checkpoint(try other.open().presentCheckpoint())
        let before = try world.open().committedEnd
        try world.merge()
        let whole = try world.open()
        #expect(try whole.refusal(of: seenThere) == nil)
        // The first of the two transactions ends where the second one starts.
        var reader = try whole.reader()
        var (offset, starts) = (before, Set<UInt64>())
        while offset < whole.committedEnd {
            offset = try #require(
                try reader.open(at: offset, length: whole.committedEnd) { frame, plaintext in
                    starts.insert(RecordPrefix(plaintext).transactionStart)
                    return frame.end
                })
        }
        let cut = try #require(starts.sorted().last)
        #expect(starts.count == 2)
        world.disk.replace(world.path, with: Array(world.bytes[..<Int(cut)]))
        var unmarked = world
        unmarked.dependencies.checkpoints = nil
        let half = try unmarked.open()
        #expect(try half.refusal(of: seenThere) != nil)
        #expect(try half.ancestry.heads(half.namer()).count == 1)
        #expect(half.versionCount > 20)
        try unmarked.merge()
        #expect(world.verdict() == nil)
        #expect(try world.open().history() == whole.history())
    }

    @Test func `two machines that merge each other in turn settle, and write nothing more`() throws {
        let world = try forked()
        let other = elsewhere(world)
        try other.open().append(.text("B", "there"))
        try world.merge()
        let merged = world.bytes
        #expect(try !world.merge().isWritten)
        // The other side merges too, and then both contain the same.
        let there = try Merge.run(
            into: try other.open(), from: try world.open(), MergeOptions(), now: world.clock.now)
        #expect(there.isWritten)
        let (one, two) = (try world.open(), try other.open())
        #expect(try Set(one.ancestry.heads(one.namer())) == Set(two.ancestry.heads(two.namer())))
        #expect(try !world.merge().isWritten)
        #expect(world.bytes == merged)
    }

    @Test func `more changes than have room leave the oldest behind, and then nothing older can be proven`()
        throws
    {
        var ancestry = Ancestry(try forked().open().header)
        let ids = (1...UInt64(Descent.maxIDs)).map { $0 }
        ancestry.take(
            Descent(ids: ids, dropped: 7), tag: .zero, isFirst: false, isContent: false)
        let namer = try forked().open().namer()
        let carried = try Descent(carrying: ancestry, namer, isChange: false)
        #expect(carried.ids.count == Descent.maxIDs && carried.heads.count == 1)
        #expect(carried.ids.first == 2 && carried.dropped == 8)
        #expect(carried.size <= 1 << 20)
    }

    @Test func `a file of a program of before is judged by the numbers for the next generation alone`() throws
    {
        let world = try forked()
        let log = try world.open()
        let point = log.present
        try world.rewriteAsBefore()
        try world.rememberAsBefore(point)
        #expect(try world.open().ancestry.isLegacy)
        // From then on the checkpoint has the present form.
        #expect(try world.disk[world.checkpointFile(of: world.path)].count == 1024)
        try world.rewriteAsBefore()
        try world.rewriteAsBefore()
        try world.rememberAsBefore(point)
        let verdict = world.verdict()
        #expect(verdict == .rolledBack(Rollback(.unprovableRewrite, lastSeen: 0)))
        // This program's own rewrite of it sets the flag that keeps those programs from writing.
        var unmarked = world
        unmarked.dependencies.checkpoints = nil
        try unmarked.compact()
        #expect(try Array(unmarked.open().header.bytes[20..<24]) == [1, 0, 0, 0])
    }

    @Test func `a copy at a path that was never used is said to be older than what was seen elsewhere`()
        throws
    {
        let world = try forked()
        var backup = World(path: RollbackTests.other)
        backup.dependencies = world.dependencies
        world.disk["/home/same"] = world.bytes
        var same = World(path: "/home/same")
        same.dependencies = world.dependencies
        #expect(try same.open().observations == [])
        let log = try backup.open()
        #expect(log.observations.count == 1)
        try log.append(.text("A", "on its own"))
        #expect(try backup.open().observations == [], "once is enough")
    }

    @Test func `a newer state that a program of before saw elsewhere is said without a time`() throws {
        let world = try forked()
        try world.rememberAsBefore(try world.open().present)
        var backup = World(path: RollbackTests.other)
        backup.dependencies = world.dependencies
        // Nothing is said where the other checkpoints cannot be listed, and the vault is opened.
        world.disk.fail(.names, with: .permissionDenied)
        #expect(try backup.open(.reading).observations == [])
        try world.disk.remove(try world.checkpointFile(of: backup.path))
        // One that cannot be read hides none of the others.
        for name in ["0", "f"] {
            let path = "/state/seen/" + String(repeating: name, count: 32)
            world.disk[path] = [UInt8](repeating: 0, count: 100)
            world.disk.files[path]?.unreadable = [0..<100]
        }
        #expect(try backup.open().observations == [.newerElsewhere(path: world.path, time: 0)])
    }

    @Test func `what a program of before saw is in a file and its copy together, or is not`() throws {
        let world = try forked()
        let seen = LastSeen.legacy(try world.open().present)
        let (here, there) = (try world.openOther(.reading), try world.open())
        #expect(try here.contains(seen, with: there))
        #expect(try !here.contains(seen, with: here))
        let stranger = try World(seed: 8).create()
        #expect(try !here.contains(.legacy(stranger.present), with: stranger))
    }

    @Test func `a checkpoint that another process is writing is read again, not taken for a torn one`() throws
    {
        let world = try forked()
        let store = CheckpointStore(path: "/state/seen", storage: world.disk)
        let path = try world.checkpointFile(of: world.path)
        let whole = world.disk[path]
        let seen = try store.checkpoints(of: world.path, at: world.path)
        #expect(seen.count == 1)
        for part in [0, 700] {
            world.disk[path] = Array(whole.prefix(part))
            var reads = 0
            world.disk.before = { [disk = world.disk] call in
                if call == .read { reads += 1 }
                if reads == 4 { disk[path] = whole }
            }
            #expect(try store.checkpoints(of: world.path, at: world.path) == seen)
            world.disk.before = nil
        }
        world.disk[path] = Array(whole.prefix(700))
        #expect(store.isTorn(world.path, at: world.path))
    }

    @Test func `a checkpoint that is torn is said, and so is one that has no place`() throws {
        let world = try forked()
        world.disk.flip(try world.checkpointFile(of: world.path), at: 700, bit: 1)
        #expect(try world.open().observations == [.checkpointTorn])
        #expect(try world.open().observations == [])
        var nowhere = world
        nowhere.dependencies.checkpoints = nil
        nowhere.dependencies.hasNowhereToRemember = true
        #expect(try nowhere.open().observations == [.nowhereToRemember])
    }
}

extension World {
    /// Returns the path of the checkpoint of a vault.
    fileprivate func checkpointFile(of path: String) throws -> String {
        "/state/seen/" + (try BLAKE2b.hash(Array(path.utf8).span, count: 16).hexadecimal)
    }

    /// Stores a checkpoint of the vault as a program without descent records did.
    fileprivate func rememberAsBefore(_ point: CommitPoint) throws {
        let bytes = Array("VLTMARK1".utf8) + point.body
        disk[try checkpointFile(of: path)] = bytes + (try BLAKE2b.hash(bytes.span))
    }

    /// Rewrites the file as a program without descent records did.
    fileprivate func rewriteAsBefore() throws {
        var unmarked = self
        unmarked.dependencies.checkpoints = nil
        let log = try unmarked.open()
        let records = try log.addresses.flatMap { address in
            try log.entries(address).reversed().map { ForgedRecord(address, $0.value, time: $0.time) }
        }
        let count = records.reduce(0) { $0 + Format.frameSize(bodySize: $1.body.count) }
        let master = try key()
        let fields = Header.Fields(
            vaultID: log.header.vaultID.bytes, generation: log.header.generation + 1,
            baseSeq: log.committedSeq,
            baseEnd: UInt64(4608 + count), fileSalt: noise(32, seed: log.header.generation),
            lineage: log.committed.tag)
        let header = try Header(
            try Header.encode(fields, slots: log.header.slots, master: master), bounds: .testOnlyWeak)
        let forge = Forge(key: try header.frameKey(master: master), salt: noise(16))
        var content = header.front
        var position = Replay.start(header)
        for (number, record) in records.enumerated() {
            var record = record
            record.flags = number == records.count - 1 ? 1 : 0
            let frame = forge.frame(record, after: position, transactionStart: Format.logStart)
            content += frame.bytes
            position = frame.end
        }
        disk.replace(path, with: content)
    }

    /// Gives a new vault another vault's id, as anyone can.
    fileprivate func claim(_ vaultID: [UInt8]) throws {
        let passphrase = passphrase
        let master = try key()
        let slot = try KeySlot.encode(
            passphrase: passphrase.span, parameters: World.weak, master: master,
            vaultID: Bytes16(vaultID.span, at: 0), entropy: dependencies.entropy)
        let header = try Header.encode(
            Header.Fields(vaultID: vaultID, fileSalt: noise(32)), slots: [slot, KeySlot.empty], master: master
        )
        disk.replace(path, with: try Header(header, bounds: .testOnlyWeak).front)
    }
}

extension [UInt8] {
    /// Returns the body in the plaintext of a descent record.
    fileprivate func body(of descent: Descent) -> [UInt8] {
        Array(self[Format.prefixSize..<Format.prefixSize + descent.size])
    }
}
