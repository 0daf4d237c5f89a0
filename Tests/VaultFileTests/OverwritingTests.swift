import Platform
import Sodium
import Testing

@testable import VaultFile

/// A copy over the file in place, which keeps its identity (`cp other.vault this.vault`), while a log has it open.
@Suite struct OverwritingTests {
    /// Two continuations of one vault, and a log that has the first one open.
    private func fork(_ left: [[Step]], _ right: [[Step]]) throws -> (world: World, log: Log, right: World) {
        let world = World()
        try world.create().append(.text("A", "common"))
        let other = World(seed: 3)
        other.bytes = world.bytes
        let log = try world.open()
        for steps in left { try log.append(try transaction(steps)) }
        let writer = try other.open()
        for steps in right { try writer.append(try transaction(steps)) }
        return (world, log, other)
    }

    @Test func `an overwritten file of the same length is seen before it is written`() throws {
        let (world, log, other) = try fork([[.text("A", "left")]], [[.text("A", "right")]])
        world.bytes = other.bytes
        _ = try? log.append(.text("B", "mine"))
        let history = try world.open().history()
        #expect(history[address("A")]?.first?.value == Array("right".utf8))
        #expect(try log.history() == history)
    }

    @Test func `an overwritten file that is longer is seen before it is cut`() throws {
        let (world, log, other) = try fork([[.text("A", "left")]], [[.put("A", noise(500))]])
        world.bytes = other.bytes
        _ = try? log.append(.text("B", "mine"))
        let fresh = try world.open()
        #expect(try fresh.value("A") == noise(500))
        #expect(try log.history() == fresh.history())
        #expect(world.otherFiles == [])
    }

    @Test func `another vault that was copied over the file is not written`() throws {
        let world = World()
        let log = try world.create()
        let other = World(seed: 2)
        try other.create().append(.text("A", "other"))
        world.bytes = other.bytes
        #expect(throws: VaultFileError.replaced) { try log.append(.text("A", "mine")) }
        #expect(world.bytes == other.bytes)
        #expect(world.otherFiles == [])
    }
}
