import Platform
import Testing

@testable import VaultFile

/// Frames that a second thread opened before they were asked for.
@Suite struct ReadAheadTests {
    /// A vault whose frames have many lengths, in transactions of several, some of a piece of their own.
    private static func vault() throws -> World {
        let world = World()
        let log = try world.create()
        for round in 0..<12 {
            var steps: [Step] = []
            for number in 0..<4 {
                let count = [0, 40, 90, 700, 2000, 9000][(round + number) % 6]
                steps.append(
                    .put("project:web/NAME_\(round % 5)_\(number)", noise(count, seed: UInt64(round))))
            }
            if round % 3 == 0 { steps.append(.remove("project:web/NAME_0_0")) }
            let changes = try transaction(steps)
            try log.append(changes)
        }
        return world
    }

    private static func ahead(_ world: World, _ pieceSize: Int) -> World {
        var world = world
        world.dependencies.readAhead = ReadAheadSizes(leastCount: 1, pieceSize: pieceSize)
        return world
    }

    @Test(arguments: [176, 1000, 4096, 1 << 18])
    func `say the same as when they are opened one by one`(pieceSize: Int) throws {
        let world = try ReadAheadTests.vault()
        let expected = try world.open().history()
        #expect(try ReadAheadTests.ahead(world, pieceSize).open().history() == expected)
        #expect(expected.values.reduce(0) { $0 + $1.count } == 52)
    }

    @Test func `change nothing about what is said of damage`() throws {
        let world = try ReadAheadTests.vault()
        let (bytes, master) = (world.bytes, try world.masterKey())
        let places = try world.open().places(keeping: .all)
        var verdicts: Set<String> = []
        func outcome(_ world: World) -> String {
            do {
                let log = try world.open(master: master)
                return "\(try log.history().count) \(String(describing: log.unfinishedTail))"
            } catch {
                return "\(error)"
            }
        }
        for offset in stride(from: Int(Format.logStart), to: bytes.count, by: 331) {
            let states = [
                [UInt8](bytes[..<offset]), flipped(bytes, offset), bytes + noise(offset % 700),
                flipped(bytes, offset, in: places),
            ]
            for spoiled in states {
                world.bytes = spoiled
                let alone = outcome(world)
                #expect(outcome(ReadAheadTests.ahead(world, 1000)) == alone)
                verdicts.insert(alone)
            }
        }
        #expect(verdicts.count > 100)
    }

    /// Damage that the sum of its frame does not show.
    private func flipped(_ bytes: [UInt8], _ offset: Int, in places: [FramePlace]) -> [UInt8] {
        guard let place = places.last(where: { $0.offset <= UInt64(offset) }) else { return bytes }
        let frame = Int(place.offset)..<Int(place.offset) + place.frameSize
        guard offset - frame.lowerBound > 7 else { return bytes }
        let spoiled = flipped(bytes, offset)
        return spoiled[..<frame.lowerBound] + Forge.withSum(Array(spoiled[frame]))
            + spoiled[frame.upperBound...]
    }

    private func flipped(_ bytes: [UInt8], _ offset: Int) -> [UInt8] {
        var bytes = bytes
        bytes[offset] ^= 1
        return bytes
    }

    @Test func `of a transaction that has no end are taken back`() throws {
        let world = ReadAheadTests.ahead(try ReadAheadTests.vault(), 1000)
        let log = try world.open()
        let (before, end) = (try log.history(), log.committedEnd)
        try log.append(.text("project:web/NAME_0_0", "newer"), .text("NEW", "1"), .text("NEWER", "2"))
        world.bytes = Array(world.bytes.dropLast(176))
        let again = try world.open()
        #expect(try again.history() == before)
        #expect(again.committedEnd == end)
        // What was taken back leaves no trace where it is written again.
        try again.append(.text("NEWER", "3"), .text("NEW", "4"))
        #expect(try again.text("NEW") == "4")
        #expect(try world.open().history() == again.history())
    }

    @Test func `are compacted as others are`() throws {
        let world = ReadAheadTests.ahead(try ReadAheadTests.vault(), 1000)
        let before = try world.open().history()
        let report = try world.compact(keeping: .all)
        #expect(report.kept == 52)
        #expect(report.dropped == 0)
        let after = try world.open()
        #expect(after.header.generation == 2)
        #expect(try after.history() == before)
    }

    /// Replay would notice by the chain; who reads must not have to.
    @Test(arguments: [(4, false), (100, false), (100, true)])
    func `are not given out if they are not whole and authentic`(at place: Int, hasRightSum: Bool) throws {
        let world = ReadAheadTests.ahead(try ReadAheadTests.vault(), 1000)
        let (bytes, log) = (world.bytes, try world.open())
        let places = log.places(keeping: .all)
        for spoiled in places {
            let offset = Int(spoiled.offset) + place
            world.bytes = hasRightSum ? flipped(bytes, offset, in: places) : flipped(bytes, offset)
            var reader = try log.reader()
            reader.readAhead(from: Format.logStart, to: log.committedEnd)
            for place in places {
                let isGiven = try reader.open(at: place.offset, length: log.committedEnd) { _, _ in true }
                #expect((isGiven == true) == (place.offset != spoiled.offset))
            }
        }
    }

    @Test func `are given out too when only some of them are asked for`() throws {
        let world = ReadAheadTests.ahead(try ReadAheadTests.vault(), 1000)
        let log = try world.open()
        var reader = try log.reader()
        reader.readAhead(from: Format.logStart, to: log.committedEnd)
        let some = log.places(keeping: .all).filter { $0.offset % 32 == 0 }
        #expect((10..<52).contains(some.count))
        for place in some {
            let found = try reader.open(at: place.offset, length: log.committedEnd) { frame, _ in frame.offset
            }
            #expect(found == place.offset)
        }
    }
}

@Suite struct IndexTests {
    /// With room for so many frames from the beginning, or with a table that grows.
    @Test(arguments: [0, 100, 10_000])
    func `what was added since the last commit goes as if it had never been there`(frames: UInt64) {
        var index = Index()
        index.reserve(forFrames: frames * 176)
        var random = SystemRandomNumberGenerator()
        func add(_ number: Int, _ time: UInt64) {
            let name = Array("\u{1}\u{0}\u{7}NAME\(number + 100)".utf8)
            let version = Version(offset: 4608 + time * 176, time: time, boxSize: 144, kind: .value)
            index.insert(version, address: name.span)
        }
        func times(_ index: borrowing Index) -> [[UInt8]: [UInt64]] {
            var result: [[UInt8]: [UInt64]] = [:]
            for place in 0..<index.count {
                var next: Version? = index.newest(at: place)
                var times: [UInt64] = []
                while let version = next {
                    times.append(version.time)
                    next = index.older(than: version)
                }
                result[index.withAddress(at: place) { $0.array($0.indices) }] = times
            }
            return result
        }
        for _ in 0..<200 {
            let before = times(index)
            let versions = index.versionCount
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                add(Int.random(in: 0..<300, using: &random), UInt64.random(in: 1...5000, using: &random))
            }
            if Bool.random(using: &random) {
                index.rollBack()
                #expect(times(index) == before)
                #expect(index.versionCount == versions)
            } else {
                index.commit()
                let order = index.order()
                // Those of one time have the same value.
                let tied = order.ties.enumerated().flatMap { number, tie in
                    order.numbers[tie.range].sorted().enumerated().map {
                        Index.TiedVersion(tie: UInt32(number), number: $1, isSame: $0 > 0)
                    }
                }
                index.link(order, tied)
            }
            for name in times(index).keys { #expect(index.find(name.span) != nil) }
        }
        let kept = times(index)
        #expect(kept.count > 200)
        for times in kept.values { #expect(times == Set(times).sorted(by: >)) }
        #expect(kept.values.reduce(0) { $0 + $1.count } == index.versionCount)
    }
}
