import Platform
import Sodium
import Testing

@testable import VaultFile

@Suite struct WritingTests {
    @Test func `a new vault is empty, whole and beginning at the first frame`() throws {
        let world = World()
        let log = try world.create()
        #expect(log.nameCount == 0)
        #expect(log.committedEnd == 4608)
        #expect(world.bytes.count == 4608)
        #expect(Array(world.bytes[0..<512]) == Array(world.bytes[4096..<4608]))
        #expect(world.bytes[512..<4096].allSatisfy { $0 == 0 })
        #expect(log.header.generation == 1)
        #expect(!log.header.hasRecoveryKey)
        #expect(try log.check() == [])
        #expect(world.otherFiles == [])
    }

    @Test func `what was appended is there for the one who wrote it and for the next`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"), .text("project:web/A", "two"), .text("cluster:gpu-1/A", "three"))
        try log.append(.text("B", ""))
        for log in [log, try world.open(), try world.open(.reading)] {
            #expect(try log.text("A") == "one")
            #expect(try log.text("project:web/A") == "two")
            #expect(try log.text("cluster:gpu-1/A") == "three")
            #expect(try log.text("B") == "")
            #expect(try log.text("project:other/A") == nil)
            #expect(try log.text("cluster:web/A") == nil)
            #expect(log.nameCount == 4)
            #expect(log.committedSeq == 4)
            #expect(log.committedEnd == UInt64(world.bytes.count))
            #expect(try log.check() == [])
        }
    }

    @Test func `creation never touches what is there`() throws {
        let world = World()
        world.bytes = [1, 2, 3]
        #expect(throws: VaultFileError.alreadyExists) { try world.create() }
        #expect(world.bytes == [1, 2, 3])
        #expect(world.otherFiles == [])
    }

    @Test func `a file that appears while a vault is made is not replaced`() throws {
        let world = World()
        world.disk.before = { [disk = world.disk, path = world.path] call in
            if call == .rename { disk[path] = [9] }
        }
        #expect(throws: VaultFileError.alreadyExists) { try world.create() }
        #expect(world.bytes == [9])
        #expect(world.otherFiles == [])
    }

    @Test(arguments: [MemoryDisk.Call.makeDirectory, .create, .write, .sync, .rename])
    func `a creation that fails leaves no file`(call: MemoryDisk.Call) throws {
        let world = World()
        world.disk.fail(call, with: .noSpace)
        #expect(throws: VaultFileError.io(.create, .noSpace)) { try world.create() }
        #expect(world.disk.files.isEmpty)
    }

    @Test func `a new vault is durable before it gets its name, and its name before it is used`() throws {
        let world = World()
        _ = try world.create()
        #expect(world.disk.journal == [.makeDirectory, .create, .write, .sync, .rename, .syncDirectory])
    }

    @Test func `parameters below the writer's bounds are refused before anything is made`() throws {
        var world = World()
        world.dependencies.writingBounds = .writing
        #expect(throws: VaultFileError.refusedParameters(World.weak)) { try world.create() }
        #expect(world.disk.files.isEmpty)
    }

    @Test(arguments: ["", "open sesam", "open sesame ", "Open sesame", "open sesame\n"])
    func `another passphrase opens nothing`(passphrase: String) throws {
        let world = World()
        _ = try world.create()
        #expect(throws: VaultFileError.wrongPassphrase) { try world.open(passphrase: passphrase) }
    }

    @Test func `history goes from new to old, deletions too`() throws {
        let world = World()
        world.clock.step = 10
        let log = try world.create()
        try log.append(.text("A", "one"))
        try log.append(.text("A", "two"))
        try log.append(.remove("A"))
        #expect(try log.text("A") == nil)
        try log.append(.text("A", "three"))
        let expected = [
            Entry(time: World.start + 30, value: Array("three".utf8)),
            Entry(time: World.start + 20, value: nil),
            Entry(time: World.start + 10, value: Array("two".utf8)),
            Entry(time: World.start, value: Array("one".utf8)),
        ]
        #expect(try log.entries(address("A")) == expected)
        #expect(try world.open().entries(address("A")) == expected)
        #expect(try world.open().text("A") == "three")
        #expect(log.versionCount == 4)
    }

    @Test func `a deleted secret does not exist, but its history does`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "one"), .text("B", "two"))
        try log.append(.remove("A"))
        for log in [log, try world.open()] {
            #expect(log.current(address("A")) == nil)
            #expect(log.versions(address("A")).map(\.kind) == [.tombstone, .value])
            var current: [Address] = []
            log.forEachCurrent(.value) { current.append(Address($0)) }
            #expect(current == [address("B")])
            #expect(log.nameCount == 2)
        }
    }

    @Test func `a tombstone for a name that never was is kept`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.remove("A"))
        #expect(try world.open().entries(address("A")) == [Entry(time: World.start, value: nil)])
    }

    @Test func `times of one name increase though the clock stands still or goes back`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "1"), .text("B", "1"))
        try log.append(.text("A", "2"))
        world.clock.now -= 1_000_000
        try log.append(.text("A", "3"), .text("C", "1"))
        try log.append(.remove("A"))
        world.clock.now = World.start + 500
        try log.append(.text("A", "4"))
        let times = try world.open().entries(address("A")).map(\.time)
        #expect(times == [500, 3, 2, 1, 0].map { World.start + $0 })
        #expect(try world.open().text("A") == "4")
        #expect(log.versions(address("B")).map(\.time) == [World.start])
        #expect(log.versions(address("C")).map(\.time) == [World.start - 1_000_000])
    }

    @Test func `a transaction whose condition no longer holds writes nothing`() throws {
        let world = World()
        let log = try world.create()
        func attempt(if newest: Transaction.Newest?) throws(VaultFileError) {
            var changes = try Transaction()
            changes.require(Transaction.Condition(address("A"), newest: newest))
            try changes.set(address("B"), to: [1].span)
            try log.append(changes)
        }
        let set = Transaction.Newest(time: World.start, isDeletion: false)
        let deleted = Transaction.Newest(time: World.start + 1, isDeletion: true)
        func expectRefusal(of newest: Transaction.Newest?) throws {
            let before = world.bytes
            #expect(throws: VaultFileError.changedMeanwhile) { try attempt(if: newest) }
            #expect(world.bytes == before)
        }
        try attempt(if: nil)
        try expectRefusal(of: set)
        try log.append(.text("A", "one"))
        try expectRefusal(of: nil)
        try attempt(if: set)
        // The change of another process counts, although this log has not read it yet.
        try world.open().append(.remove("A"))
        try expectRefusal(of: set)
        try expectRefusal(of: Transaction.Newest(time: deleted.time, isDeletion: false))
        try attempt(if: deleted)
        #expect(log.versions(address("B")).count == 3)
    }

    @Test func `a condition sees the changes that the same write makes before it`() throws {
        let world = World()
        let log = try world.create()
        var first = try Transaction()
        try first.set(address("A"), to: [1].span)
        var second = try Transaction()
        second.require(Transaction.Condition(address("A"), newest: nil))
        try second.delete(address("A"))
        try log.append { batch throws(VaultFileError) in
            let isAdded = try batch.add(first)
            #expect(isAdded)
            do throws(VaultFileError) {
                _ = try batch.add(second)
                Issue.record("the condition did not count the change")
            } catch {
                #expect(error == .changedMeanwhile)
            }
        }
        #expect(try world.open().versions(address("A")).map(\.kind) == [.value])
    }

    @Test func `the clock gives no time twice`() {
        let dependencies = Dependencies()
        let times = (0..<500).map { _ in dependencies.now() }
        #expect(Set(times).count == times.count)
        #expect(times == times.sorted())
        #expect(times[499] < SystemClock.wallMilliseconds() + 1000)
        let many = (0..<5000).map { _ in dependencies.now() }
        #expect(many == many.sorted())
        #expect(many[4999] <= SystemClock.wallMilliseconds() + 1000)
    }

    @Test func `the last change of a name in one transaction wins`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "z"), .remove("A"), .text("A", "a"), .text("A", "b"), .text("A", "a"))
        for log in [log, try world.open()] {
            #expect(try log.text("A") == "a")
            #expect(log.versions(address("A")).map(\.time) == [4, 3, 2, 1, 0].map { World.start + $0 })
        }
    }

    @Test func `the end of the year 9999 is the last time there is`() throws {
        let world = World()
        world.clock.now = .max
        let log = try world.create()
        try log.append(.text("A", "last"))
        #expect(log.versions(address("A")).map(\.time) == [253_402_300_799_999])
        let before = world.bytes
        #expect(throws: VaultFileError.timeExhausted) { try log.append(.text("A", "later")) }
        #expect(world.bytes == before)
        try log.append(.text("B", "goes on"))
        #expect(try world.open().text("B") == "goes on")
    }

    @Test func `five thousand changes are one write and one sync`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("first", "x"))
        world.disk.resetCounts()
        var changes = try Transaction()
        for number in 0..<5000 {
            try changes.set(address("project:p\(number % 7)/N\(number)"), to: Array("v\(number)".utf8).span)
        }
        try log.append(changes)
        #expect(world.disk.journal == [.write, .sync])
        let reopened = try world.open()
        #expect(reopened.nameCount == 5001)
        for number in stride(from: 0, to: 5000, by: 499) {
            #expect(try reopened.text("project:p\(number % 7)/N\(number)") == "v\(number)")
        }
    }

    @Test func `several transactions share one write and one sync, and are one in the file`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "zero"))
        world.disk.resetCounts()
        var room: [Bool] = []
        try log.append { batch throws(VaultFileError) in
            for step in [Step.text("A", "one"), .text("A", "two"), .remove("B")] {
                room.append(try batch.add(try transaction([step])))
            }
        }
        #expect(room == [true, true, true])
        #expect(world.disk.counts[.write] == 1)
        #expect(world.disk.counts[.sync] == 1)
        #expect(
            try log.history()[address("A")]?.map(\.value) == ["two", "one", "zero"].map { Array($0.utf8) })
        #expect(try world.open().history() == log.history())
        // Truncated anywhere, the file has all of them or none; no part of a single write is damage.
        let whole = world.bytes
        for end in 4784..<whole.count {
            world.bytes = Array(whole.prefix(end))
            #expect(try world.open().text("A") == "zero")
        }
        for frame in world.frames().dropFirst() {
            world.bytes = whole
            world.bytes.replaceSubrange(frame, with: [UInt8](repeating: 0, count: frame.count))
            #expect(try world.open().text("A") == "zero")
        }
    }

    @Test func `a batch takes what fits into 64 MiB, and refuses one transaction without harm to the others`()
        throws
    {
        let world = World()
        let log = try world.create()
        let large = try transaction((0..<40).map { .put("L\($0)", noise(1 << 20)) })
        var room: [Bool] = []
        try log.append { batch throws(VaultFileError) in
            room = [
                try batch.add(large), try batch.add(large),
                try batch.add(try transaction([.text("A", "one")])),
            ]
        }
        #expect(room == [true, false, true])
        #expect(try world.open().text("A") == "one")
    }

    @Test func `a transaction without changes writes nothing`() throws {
        let world = World()
        let log = try world.create()
        let before = world.bytes
        world.disk.resetCounts()
        try log.append()
        #expect(world.bytes == before)
        #expect(world.disk.journal == [])
    }

    @Test(arguments: [0, 1, 40, 41, 1 << 16, 1 << 20])
    func `values from none to a mebibyte come back as they were`(count: Int) throws {
        let world = World()
        let value = noise(count)
        let log = try world.create()
        try log.append(.put("A", value))
        #expect(try log.value("A") == value)
        #expect(try world.open().value("A") == value)
    }

    @Test func `more than 64 MiB of frames are refused before anything is written`() throws {
        let world = World()
        let log = try world.create()
        let before = world.bytes
        let value = [UInt8](repeating: 7, count: 1 << 20)
        var changes = try Transaction()
        while changes.framesSize + UInt64(Format.frameSize(bodySize: 4 + 1 + value.count)) <= 64 << 20 {
            try changes.set(address("A"), to: value.span)
        }
        let (count, framesSize) = (changes.count, changes.framesSize)
        #expect(count == 62)
        var refused: VaultFileError?
        do throws(VaultFileError) { try changes.set(address("A"), to: value.span) } catch { refused = error }
        #expect(refused == .transactionTooLarge)
        #expect(changes.count == count)
        #expect(changes.framesSize == framesSize)
        #expect(world.bytes == before)
        try log.append(changes)
        #expect(try world.open().versions(address("A")).count == 62)
    }

    @Test func `records and purges that find no room are left out of a batch, which stays as it is`() throws {
        let world = World()
        let (log, before) = (try world.create(), world.bytes)
        let record = RecordPrefix.plaintext(kind: 0xC7, bodySize: Format.maxBody, time: 0) { _ in }
        let purged = [Bytes16](repeating: .zero, count: PurgeList.maxEntries)
        var results: [Bool] = []
        #expect(throws: VaultFileError.cancelled) {
            try log.append { batch throws(VaultFileError) in
                while try batch.carry(record.span) {}
                let size = batch.frames.count
                results = [try batch.add(purged: purged), batch.frames.count == size]
                throw .cancelled
            }
        }
        #expect(results == [false, true])
        #expect(world.bytes == before)
    }

    @Test func `frames have the lengths of the format page`() {
        for count in 0...40 { #expect(Format.frameSize(bodySize: 4 + 12 + 24 + count) == 176) }
        #expect(Format.frameSize(bodySize: 4 + 12 + 24 + 41) == 240)
        #expect(Format.bucket(48) == 128)
        #expect(Format.bucket(129) == 192)
        #expect(Format.bucket(1024) == 1024)
        #expect(Format.bucket(1025) == 1088)
        #expect(Format.bucket(Format.prefixSize + Format.maxBody) == 1_081_344)
        var last = 0
        for count in 48...70_000 {
            let bucket = Format.bucket(count)
            #expect(bucket >= count && bucket % 16 == 0 && bucket >= last)
            last = bucket
        }
    }

    @Test func `two processes see what the other wrote`() throws {
        let world = World()
        let (one, two) = (try world.create(), try world.open())
        try one.append(.text("A", "1"))
        #expect(try two.text("A") == nil)
        try two.refresh()
        #expect(try two.text("A") == "1")
        try two.append(.text("A", "2"))
        try one.append(.text("B", "3"))
        #expect(try one.text("A") == "2")
        #expect(one.versions(address("A")).map(\.time) == [World.start + 1, World.start])
        #expect(try world.open().history() == one.history())
    }
}
