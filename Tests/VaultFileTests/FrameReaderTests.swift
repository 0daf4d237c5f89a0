import Platform
import Testing

@testable import VaultFile

@Suite struct FrameReaderTests {
    /// Creates a vault whose frames have many lengths; the last two are too long to be read ahead, and make the file long enough
    /// for that.
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
        try log.append(.put("LONG", noise(600_000)), .put("LONGER", noise(700_000)))
        return world
    }

    /// Replay would detect this by the chain of tags, which a reader of single frames does not check.
    @Test(arguments: [(4, false), (100, false), (100, true)], [false, true])
    func `a frame is opened only if it is whole and authentic`(
        spoiled place: (at: Int, hasRightSum: Bool), isReadAhead: Bool
    ) throws {
        let world = try FrameReaderTests.vault()
        let (bytes, log) = (world.bytes, try world.open())
        let places = log.places(keeping: .all)
        for spoiled in places {
            let offset = Int(spoiled.offset) + place.at
            world.bytes = place.hasRightSum ? flipped(bytes, offset, in: places) : flipped(bytes, offset)
            var reader = try log.reader()
            if isReadAhead { reader.readAhead(from: places[0].offset, to: log.committedEnd) }
            for place in places where place.boxSize < 500_000 || place == spoiled {
                let isGiven = try reader.open(at: place.offset, length: log.committedEnd) { _, _ in true }
                #expect((isGiven == true) == (place.offset != spoiled.offset))
            }
        }
    }

    @Test func `frames that are read ahead are the same, and each is opened once`() throws {
        let world = try FrameReaderTests.vault()
        let log = try world.open()
        let places = log.places(keeping: .all)
        var reader = try log.reader()
        var ahead = try log.reader()
        ahead.readAhead(from: places[0].offset, to: log.committedEnd)
        for place in places {
            let (alone, before) = (try plaintext(at: place, &reader, log), ahead.work)
            #expect(try plaintext(at: place, &ahead, log) == alone)
            #expect((ahead.work == before) == (place.boxSize < 500_000))
        }
        // What does not come next ends it.
        ahead.readAhead(from: places[0].offset, to: log.committedEnd)
        let before = ahead.work
        for place in [places[0], places[2]] {
            #expect(try plaintext(at: place, &ahead, log) == plaintext(at: place, &reader, log))
        }
        #expect(ahead.work > before)
    }

    @Test(arguments: [10, 40])
    func `a frame that was cut after the length of the file was read is not opened`(size: Int) throws {
        let world = try FrameReaderTests.vault()
        let log = try world.open()
        let offset = log.places(keeping: .all)[3].offset
        world.bytes = Array(world.bytes.prefix(Int(offset) + size))
        var reader = try log.reader()
        #expect(try reader.open(at: offset, length: log.committedEnd) { _, _ in true } == nil)
    }

    @Test func `a read ahead that fails is made up for when the frames are used`() throws {
        let world = try FrameReaderTests.vault()
        let log = try world.open()
        let places = log.places(keeping: .all)
        var reader = try log.reader()
        var ahead = try log.reader()
        world.disk.fail(.read)
        ahead.readAhead(from: places[0].offset, to: log.committedEnd)
        for place in places {
            #expect(try plaintext(at: place, &ahead, log) == plaintext(at: place, &reader, log))
        }
    }

    private func plaintext(
        at place: FramePlace, _ reader: inout FrameReader, _ log: Log
    ) throws -> [UInt8]? {
        try reader.open(at: place.offset, length: log.committedEnd) { frame, plaintext in
            plaintext.array(plaintext.indices)
        }
    }

    /// Damages a frame and corrects its checksum.
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
}
