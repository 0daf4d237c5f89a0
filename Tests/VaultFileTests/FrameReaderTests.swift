import Platform
import Testing

@testable import VaultFile

@Suite struct FrameReaderTests {
    /// Creates a vault whose frames have many lengths; some exceed the read window.
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

    /// Replay would detect this by the chain of tags, which a reader of single frames does not check.
    @Test(arguments: [(4, false), (100, false), (100, true)])
    func `a frame is opened only if it is whole and authentic`(at place: Int, hasRightSum: Bool) throws {
        let world = try FrameReaderTests.vault()
        let (bytes, log) = (world.bytes, try world.open())
        let places = log.places(keeping: .all)
        for spoiled in places {
            let offset = Int(spoiled.offset) + place
            world.bytes = hasRightSum ? flipped(bytes, offset, in: places) : flipped(bytes, offset)
            var reader = try log.reader()
            for place in places {
                let isGiven = try reader.open(at: place.offset, length: log.committedEnd) { _, _ in true }
                #expect((isGiven == true) == (place.offset != spoiled.offset))
            }
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
