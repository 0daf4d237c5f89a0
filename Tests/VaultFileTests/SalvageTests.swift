import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

@Suite struct SalvageTests {
    private static let target = "/home/saved.vault"

    private func salvage(_ world: World) throws(VaultFileError) -> Salvage.Report {
        var key: Key?
        for header in try Salvage.headers(of: world.path, dependencies: world.dependencies) where key == nil {
            key = try header.unlock(passphrase: world.passphrase.span)
        }
        guard let key = key.take() else { throw .damagedHeader }
        return try Salvage.run(
            from: world.path, to: SalvageTests.target, master: key, dependencies: world.dependencies)
    }

    /// Returns the content of the new vault, opened with the same passphrase.
    private func saved(_ world: World) throws(VaultFileError) -> History {
        try Log(path: SalvageTests.target, access: .reading, dependencies: world.dependencies) {
            header throws(VaultFileError) in try header.unlock(passphrase: world.passphrase.span)
        }.history()
    }

    @Test func `of a sound vault nothing is lost`() throws {
        let world = try World.withHistory()
        let (history, before) = (try world.open().history(), world.bytes)
        let report = try salvage(world)
        #expect(report.lost == [] && report.uncertainFrom == nil)
        #expect(try saved(world) == history)
        #expect(world.bytes == before)
    }

    @Test func `a damaged frame in the middle costs its own record alone`() throws {
        let world = World()
        let log = try world.create()
        for number in 0..<9 { try log.append(.text("A\(number)", "value \(number)")) }
        world.disk.flip(world.path, at: 4608 + 4 * 176 + 60, bit: 3)
        let report = try salvage(world)
        #expect(report.lost == [Salvage.Lost(offset: 4608 + 4 * 176, count: 176, records: 1)])
        #expect(report.secrets == 8)
        let history = try saved(world)
        #expect(history[address("A4")] == nil)
        for number in [0, 1, 2, 3, 5, 6, 7, 8] {
            #expect(history[address("A\(number)")]?.first?.value == Array("value \(number)".utf8))
        }
    }

    @Test func `a frame whose length is spoiled hides none of those behind it`() throws {
        let world = World()
        let log = try world.create()
        for number in 0..<9 { try log.append(.text("A\(number)", "value \(number)")) }
        for byte in 0..<4 { world.disk.flip(world.path, at: 4608 + 2 * 176 + byte, bit: 7 - byte) }
        #expect(try salvage(world).secrets == 8)
    }

    @Test func `a damaged header is replaced by its copy`() throws {
        let world = try World.withHistory()
        let history = try world.open().history()
        for offset in [0, 100, 140, 500] { world.disk.flip(world.path, at: offset, bit: 0) }
        #expect(try salvage(world).lost == [])
        #expect(try saved(world) == history)
    }

    @Test func `without either header there is nothing to be done, and that is said`() throws {
        let world = try World.withHistory()
        for offset in [150, 4096 + 150] { world.disk.flip(world.path, at: offset, bit: 0) }
        #expect(throws: VaultFileError.damagedHeader) { try salvage(world) }
        #expect(world.disk.files[SalvageTests.target] == nil)
    }

    @Test func `an interrupted copy of a compacted file gives what it has`() throws {
        let world = try World.withHistory()
        try world.compact(keeping: .all)
        let whole = try world.open().history()
        world.disk.replace(world.path, with: Array(world.bytes[..<(4608 + 9 * 176 + 50)]))
        let report = try salvage(world)
        #expect(report.versions == 7)
        #expect(report.lost.map(\.records) == [nil, nil])
        for (address, entries) in try saved(world) {
            #expect(entries.allSatisfy { whole[address]?.contains($0) == true })
        }
    }

    @Test func `records of a change whose end is lost are taken and named`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "x"))
        try log.append(.text("B", "x"), .text("C", "x"), .text("D", "x"))
        world.disk.flip(world.path, at: world.bytes.count - 1, bit: 0)
        let report = try salvage(world)
        #expect(try #require(report.uncertainFrom) == 4608 + 176)
        #expect(report.secrets == 3)
        #expect(report.lost == [Salvage.Lost(offset: 4608 + 3 * 176, count: 176, records: nil)])
    }

    @Test func `a head of another length than heads have is no record`() throws {
        let world = World()
        try world.create().append(.text("A", "1"))
        var head = ForgedRecord([UInt8](repeating: 7, count: 55))
        head.kind = RecordBody.headKind
        try world.forge(head)
        #expect(world.verdict() == .damaged(at: 4608 + 176))
        let report = try salvage(world)
        #expect(report.lost == [Salvage.Lost(offset: 4608 + 176, count: 176, records: nil)])
        #expect(try saved(world) == [address("A"): [Entry(time: World.start, value: [49])]])
    }

    @Test func `nothing that lies at the new path is touched`() throws {
        let world = try World.withHistory()
        world.disk[SalvageTests.target] = [1, 2, 3]
        #expect(throws: VaultFileError.alreadyExists) { try salvage(world) }
        #expect(world.disk[SalvageTests.target] == [1, 2, 3])
    }

    /// A vault with `count` secrets, each of which has one record of 176 bytes.
    private func world(secrets count: Int) throws -> World {
        let world = World()
        let log = try world.create()
        for number in 0..<count { try log.append(.text("A\(number)", "value \(number)")) }
        return world
    }

    @Test func `a block that the disk cannot read costs the records in it alone`() throws {
        let world = try world(secrets: 100)
        world.disk.files[world.path]?.unreadable = [8192..<12288]
        world.disk.resetCounts()
        let report = try salvage(world)
        #expect(report.unreadable == 4096)
        let hurt = (8192 - 4608) / 176...(12287 - 4608) / 176
        #expect(
            report.lost == [
                Salvage.Lost(
                    offset: UInt64(4608 + 176 * hurt.lowerBound), count: UInt64(176 * hurt.count),
                    records: UInt64(hurt.count))
            ])
        #expect(report.secrets == UInt64(100 - hurt.count))
        world.disk.files[world.path]?.unreadable = []
        let history = try saved(world)
        for number in 0..<100 {
            let value = history[address("A\(number)")]?.first?.value
            #expect(value == (hurt.contains(number) ? nil : Array("value \(number)".utf8)))
        }
        #expect(world.disk.counts[.read, default: 0] < 150)
    }

    @Test func `blocks that the disk cannot read at either header, at the end and in a row are survived`()
        throws
    {
        let world = try world(secrets: 100)
        let end = UInt64(world.bytes.count)
        for blocks in [
            [0..<4096], [4096..<8192], [0..<4096, 8192..<12288], [8192..<16384], [(end - 1) & ~4095..<end],
            [4096..<end],
        ] as [[Range<UInt64>]] {
            world.disk.files[world.path]?.unreadable = blocks
            let report = try salvage(world)
            #expect(report.unreadable == blocks.reduce(0) { $0 + UInt64($1.count) }, "\(blocks)")
            #expect(report.lost.isEmpty == (blocks == [0..<4096]), "\(blocks)")
            let hurt = blocks.map { min($0.count, 400 * 4096) }.reduce(0, +) / 176 + 3 * blocks.count
            #expect(Int(report.secrets) >= 100 - hurt, "\(blocks)")
            world.disk.files[world.path]?.unreadable = []
            try world.disk.remove(SalvageTests.target)
        }
        world.disk.files[world.path]?.unreadable = [0..<8192]
        #expect(throws: VaultFileError.io(.read, .ioError)) { try salvage(world) }
    }

    @Test func `random blocks that the disk cannot read never make it invent anything or read forever`()
        throws
    {
        let world = try world(secrets: 300)
        let history = try world.open().history()
        for seed in 0..<100 {
            var dice = Dice(seed: UInt64(seed))
            world.disk.files[world.path]?.unreadable = (0..<Int.random(in: 1...6, using: &dice)).map { _ in
                let block = UInt64.random(in: 2..<14, using: &dice)
                return block * 4096..<(block + UInt64.random(in: 1...2, using: &dice)) * 4096
            }
            world.disk.resetCounts()
            let report = try salvage(world)
            let reads = world.disk.counts[.read, default: 0]
            #expect(reads < 400, "\(seed): \(reads) reads")
            world.disk.files[world.path]?.unreadable = []
            let found = try saved(world)
            #expect(report.secrets == UInt64(found.count))
            for (address, entries) in found { #expect(history[address] == entries, "seed \(seed)") }
            try world.disk.remove(SalvageTests.target)
        }
    }

    @Test func `a file that is cut during the walk ends the walk`() throws {
        for cut in [5000, 20_000] {
            let world = try world(secrets: 100)
            world.bytes += [UInt8](repeating: 7, count: 4 << 20)
            var reads = 0
            world.disk.before = { [disk = world.disk, path = world.path] call in
                guard call == .read else { return }
                reads += 1
                if reads == 4 { disk[path].removeLast(disk[path].count - cut) }
            }
            _ = try? salvage(world)
            world.disk.before = nil
            #expect(reads < 100, "\(reads) reads")
        }
        // The same of the search for a later change behind the end, when a file is opened.
        let world = try world(secrets: 100)
        let key = try world.masterKey()
        world.bytes += [UInt8](repeating: 7, count: 1 << 20)
        var reads = 0
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .read else { return }
            reads += 1
            if reads == 6 { disk[path].removeLast(1 << 19) }
        }
        _ = try? world.open(master: key)
        world.disk.before = nil
        #expect(reads >= 6 && reads < 100, "\(reads) reads")
    }

    @Test func `a salvaged vault can be written, compacted and salvaged again`() throws {
        let world = try World.withHistory()
        _ = try salvage(world)
        world.bytes = world.disk[SalvageTests.target]
        try world.open().append(.text("NEW", "x"))
        try world.compact()
        try world.disk.remove(SalvageTests.target)
        #expect(try salvage(world).lost == [])
        #expect(try saved(world)[address("NEW")]?.count == 1)
    }

    @Test func `damage in 1,000 random places never makes it crash or invent anything`() throws {
        let world = World(seed: 5)
        let log = try world.create()
        for number in 0..<12 {
            try log.append(
                .put("A\(number % 7)", noise(20 + 61 * number, seed: UInt64(number))), .text("B", "\(number)")
            )
        }
        let (whole, history) = (world.bytes, try world.open().history())
        let key = try world.masterKey()
        var random = noise(1_000_000, seed: 99)[...]
        func next(_ bound: Int) -> Int {
            let bytes = random.prefix(4)
            random = random.dropFirst(4)
            return bytes.reduce(0) { $0 << 8 | Int($1) } % bound
        }
        var lossless = 0
        for run in 0..<1000 {
            var bytes = whole
            for _ in 0...next(6) {
                let (offset, count) = (next(bytes.count), 1 + next(next(4) == 0 ? 600 : 3))
                let range = offset..<min(bytes.count, offset + count)
                switch next(4) {
                case 0: for index in range { bytes[index] = UInt8(next(256)) }
                case 1: for index in range { bytes[index] = 0 }
                case 2: bytes.removeSubrange(range)
                default: bytes[offset] ^= 1 << UInt8(next(8))
                }
            }
            world.disk.replace(world.path, with: bytes)
            do {
                let report = try Salvage.run(
                    from: world.path, to: SalvageTests.target, master: Key(copying: key.span),
                    dependencies: world.dependencies)
                let saved = try saved(world)
                for (address, entries) in saved {
                    #expect(entries.allSatisfy { history[address]?.contains($0) == true }, "run \(run)")
                }
                if report.lost.isEmpty { lossless += 1 }
                try world.disk.remove(SalvageTests.target)
            } catch is VaultFileError {
                #expect(world.disk.files[SalvageTests.target] == nil)
            }
            #expect(world.bytes == bytes)
        }
        #expect(lossless < 500)
    }
}
