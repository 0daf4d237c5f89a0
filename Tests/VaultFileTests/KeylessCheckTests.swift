import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

@Suite struct KeylessCheckTests {
    private func check(_ world: World) throws(VaultFileError) -> KeylessCheck {
        try KeylessCheck(path: world.path, dependencies: world.dependencies)
    }

    @Test func `a sound file has whole frames from end to end`() throws {
        let world = try World.withHistory()
        #expect(try check(world).findings == [])
        #expect(try check(world).frames == 20)
        try world.compact()
        #expect(try check(world).findings == [])
    }

    @Test func `every flipped bit of a frame is found, and where it is`() throws {
        let world = World()
        let log = try world.create()
        for number in 0..<3 { try log.append(.text("A\(number)", "x")) }
        for bit in 0..<176 * 8 {
            let offset = 4608 + 176 + bit / 8
            world.disk.flip(world.path, at: offset, bit: bit % 8)
            #expect(try check(world).findings == [.noFrames(at: 4784, count: 176)], "bit \(bit)")
            world.disk.flip(world.path, at: offset, bit: bit % 8)
        }
    }

    @Test func `damage in two places is two findings`() throws {
        let world = try World.withHistory()
        for frame in [2, 5] { world.disk.flip(world.path, at: 4608 + frame * 176 + 40, bit: 0) }
        world.disk.flip(world.path, at: 4097, bit: 0)
        let expected: [Log.Finding] = [
            .headerCopyDiffers(at: 4097), .noFrames(at: 4960, count: 176), .noFrames(at: 5488, count: 176),
        ]
        #expect(try check(world).findings == expected)
    }

    @Test func `a rewrite that is said to end within a frame is a finding`() throws {
        let world = try World.withHistory()
        try world.compact()
        let end = try #require(
            Optional(Int(Log.readHeader(path: world.path, dependencies: world.dependencies).baseEnd)))
        var bytes = world.bytes
        var header = Array(bytes.prefix(512))
        var span = header.mutableSpan
        span.store(UInt64(end - 16), at: 64)
        header.replaceSubrange(448..<480, with: try BLAKE2b.hash(header.span.extracting(0..<448)))
        for start in [0, 4096] { bytes.replaceSubrange(start..<start + 512, with: header) }
        world.bytes = bytes
        #expect(try check(world).findings == [.noFrames(at: UInt64(end - 176), count: 176)])
    }

    @Test func `a header whose sum is wrong, and an incomplete copy, are no vaults to look into`() throws {
        let world = try World.withHistory()
        try world.compact()
        world.disk.replace(world.path, with: world.bytes.dropLast())
        #expect(throws: VaultFileError.self) { try check(world) }
        world.disk.flip(world.path, at: 100, bit: 0)
        #expect(throws: VaultFileError.damagedHeader) { try check(world) }
    }
}
