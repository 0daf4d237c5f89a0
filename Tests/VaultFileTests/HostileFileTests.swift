import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Files that are forged to take long; the tests count work, and `make hostile` measures the time.
@Suite struct HostileFileTests {
    /// Returns versions of one name with random values.
    private static func records(_ count: Int, time: (Int) -> UInt64 = { _ in World.start }) -> [ForgedRecord]
    {
        (0..<count).map { number in
            ForgedRecord(address("A"), noise(20, seed: UInt64(number)), time: time(number))
        }
    }

    private static func world(_ records: [ForgedRecord]) throws -> World {
        let world = World()
        let log = try world.create()
        world.bytes += try Forge(log).transaction(records, after: log.replay.committed)
        return world
    }

    @Test func `versions of one millisecond are read once more than others, however many they are`() throws {
        let count = 600
        let usual = try HostileFileTests.world(HostileFileTests.records(count) { World.start + UInt64($0) })
            .open()
        let log = try HostileFileTests.world(HostileFileTests.records(count)).open()
        #expect(log.replay.work <= 2 * usual.replay.work)
        let values = try log.entries(address("A")).map { $0.value ?? [] }
        #expect(values.count == count)
        #expect(zip(values, values.dropFirst()).allSatisfy { $1.lexicographicallyPrecedes($0) })
    }

    @Test func `versions of the same millisecond that are there already are not read for a new one`() throws {
        let world = try HostileFileTests.world(HostileFileTests.records(300))
        let log = try world.open()
        let before = log.replay.work
        try log.append(.text("A", "new"))
        try world.open(.writing).append(.text("A", "newer"))
        try log.refresh()
        #expect(try log.text("A") == "newer")
        #expect(log.replay.work - before < 20 * 176 * 2)
    }

    @Test(arguments: [1, 400, 5000, ValueOrder.usualRunSize])
    func `values are sorted in pieces that fit into memory, and merged`(maxRunSize: Int) throws {
        var records = HostileFileTests.records(50)
        for number in stride(from: 1, to: 50, by: 3) { records[number] = records[number / 2] }
        for number in stride(from: 0, to: 50, by: 10) {
            records[number] = ForgedRecord(address("A"), noise(300, seed: UInt64(number % 20)))
        }
        let log = try HostileFileTests.world(records).open()
        var reader = try log.reader()
        let numbers = 0..<UInt32(records.count)
        let tie = Index.Tie(place: 0, range: 0..<records.count)
        let order = ValueOrder(
            [tie], of: log.replay.index, before: log.committedEnd, maxRunSize: maxRunSize)
        let found = try order.sorted(numbers.map { Index.TiedVersion(tie: 0, number: $0) }, &reader)
        let values = records.map { Array($0.body.dropFirst(5)) }
        let expected = numbers.sorted { left, right in
            let (one, other) = (values[Int(left)], values[Int(right)])
            return one == other ? left < right : one.lexicographicallyPrecedes(other)
        }
        #expect(found.map(\.number) == expected)
        let same = zip(expected, expected.dropFirst()).map { values[Int($0)] == values[Int($1)] }
        #expect(found.map(\.isSame) == [false] + same)
        #expect(log.versionCount == Set(values).count)
    }

    @Test func `versions in any order of time are put in their places with one look at each`() {
        let count: UInt64 = 20_000
        for time: (UInt64) -> UInt64 in [{ count - $0 }, { $0 }, { $0 * 7919 % count }] {
            var index = Index()
            for number in 0..<count {
                let version = Version(
                    offset: 4608 + number * 176, time: time(number), boxSize: 144, kind: .tombstone)
                index.insert(version, address: address("A").packed.span)
            }
            index.commit()
            index.link(index.order(), [])
            #expect(index.orderedCount <= count)
            var (next, times): (Version?, [UInt64]) = (index.newest(at: 0), [])
            while let version = next {
                times.append(version.time)
                next = index.older(than: version)
            }
            #expect(times == (0..<count).map(time).sorted(by: >))
        }
    }

    @Test func `two names of one slot and fingerprint are two names`() throws {
        // A slot of a new table holds 26 bits of the hash; 6 others choose the slot.
        func name(_ number: UInt64) -> [UInt8] {
            var name = address("NAME____").packed
            let letters = (0..<8).reduce(0) { $0 | (number >> (4 * $1) & 15 + 0x41) << (8 * $1) }
            name.store(letters, at: name.count - 8)
            return name
        }
        var (known, pair): ([UInt64: UInt64], [UInt64]) = ([:], [])
        for number: UInt64 in 0..<1 << 20 where pair.isEmpty {
            let kept = HashSeed.ofThisProcess.hash(name(number).span) & 0xFFFF_FFC0_0000_003F
            if let other = known.updateValue(number, forKey: kept) { pair = [other, number] }
        }
        let (one, other) = (try #require(pair.first), try #require(pair.last))
        var index = Index()
        for name in [name(one), name(other)] {
            index.insert(
                Version(offset: 4608, time: 1, boxSize: 144, kind: .tombstone), address: name.span)
        }
        #expect(index.find(name(one).span) == 0 && index.find(name(other).span) == 1)
    }

    @Test func `names that are chosen for one seed of the hash do not collide with another`() {
        let seed = HashSeed(start: 1, factor: 0xD6E8_FEB8_6659_FD93)
        var names: [[UInt8]] = []
        var number = 0
        while names.count < 300 {
            let name = address("NAME_\(number)").packed
            if seed.hash(name.span) % 512 == 0 { names.append(name) }
            number += 1
        }
        func mostCollisions(_ seed: HashSeed) -> Int {
            Dictionary(grouping: names) { seed.hash($0.span) % 512 }.values.map(\.count).max() ?? 0
        }
        #expect(mostCollisions(seed) == 300)
        #expect(mostCollisions(.ofThisProcess) < 30)
    }

    @Test(arguments: 0..<40)
    func `whatever the order in the file, versions stand by time, kind and value, and equal ones once`(
        seed: UInt64
    )
        throws
    {
        var random = Random(state: seed)
        let world = World()
        let log = try world.create()
        let forge = try Forge(log)
        var expected: [Address: Set<[UInt8]>] = [:]
        for _ in 0..<6 {
            var records: [ForgedRecord] = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let name = address("N\(Int.random(in: 0..<3, using: &random))")
                let (time, kind) = (UInt64.random(in: 0..<4, using: &random), random.next() % 4)
                let value =
                    kind == 0 ? nil : noise(Int.random(in: 0..<3, using: &random), seed: random.next() % 3)
                records.append(ForgedRecord(name, value, time: World.start + time))
                expected[name, default: []].insert([UInt8(time), kind == 0 ? 2 : 1] + (value ?? []))
            }
            // Read version by version, and below all at once.
            world.bytes += forge.transaction(records, after: log.replay.committed)
            try log.refresh()
        }
        for log in [log, try world.open()] {
            for (name, versions) in expected {
                let found = try log.entries(name).map { entry in
                    [UInt8(entry.time - World.start), entry.value == nil ? 2 : 1] + (entry.value ?? [])
                }
                #expect(found == versions.sorted { $1.lexicographicallyPrecedes($0) })
            }
            #expect(log.versionCount == expected.values.reduce(0) { $0 + $1.count })
            #expect(log.places(keeping: .all).count == log.versionCount)
        }
    }

    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            let mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            return mixed ^ (mixed >> 27)
        }
    }
}

/// Files with bytes that look like frames.
@Suite struct FalseFrameTests {
    /// Creates a file with false frames between 20 and 200 genuine ones.
    ///
    /// Every sixteenth byte between them looks like the start of a frame of the maximum length.
    private func world(_ count: Int) throws -> World {
        let world = try World.withHistory()
        let log = try world.open()
        let start = world.bytes.count
        var bytes = [UInt8](repeating: 1, count: count)
        for offset in stride(from: 0, to: count - 32, by: 16) {
            bytes.store(UInt32(Format.boxSizes.upperBound), at: offset)
            bytes.store(UInt64(start + offset), at: offset + 24)
        }
        world.bytes += bytes
        let position = Replay.Position(end: UInt64(start + count), seq: 1000, tag: .zero)
        let records = (0..<200).map { ForgedRecord(address("BEHIND_\($0)"), [1]) }
        world.bytes += try Forge(log).transaction(records, after: position)
        return world
    }

    @Test func `cost a check without the key a bounded time, and hide hardly any frame behind them`() throws {
        let world = try world(3 << 20)
        let check = try KeylessCheck(path: world.path, dependencies: world.dependencies)
        #expect(check.work <= Format.searchBudget + 6 * world.bytes.count)
        #expect((20 + 190...20 + 200).contains(check.frames))
    }

    @Test func `cost salvage a bounded time, and hide hardly any frame behind them`() throws {
        let world = try world(3 << 20)
        let (path, dependencies) = ("/home/saved.vault", world.dependencies)
        let header = try Log.readHeader(path: world.path, dependencies: dependencies)
        func master() throws -> Key { try header.unlock(passphrase: world.passphrase.span) }
        let report = try Salvage.run(
            from: world.path, to: path, master: try master(), dependencies: dependencies)
        let log = try Log(path: path, access: .reading, dependencies: dependencies, master: try master())
        let found = (0..<200).filter { log.current(address("BEHIND_\($0)")) != nil }
        #expect(found.count > 190)
        #expect(report.lost.count <= 2)
    }

    @Test func `may cost a constant and so much for each byte before them, and no more`() {
        var (bound, work) = (SearchBound(), 0)
        for offset in stride(from: UInt64(0), to: 16 << 20, by: 16) where bound.allows(1 << 20, at: offset) {
            bound.waste(1 << 20)
            work += 1 << 20
        }
        #expect(work > Format.searchBudget && work <= Format.searchBudget + 4 * 16 << 20)
        #expect(!bound.allows(1 << 20, at: 16 << 20 - 16) && bound.allows(144, at: 17 << 20))
    }
}
