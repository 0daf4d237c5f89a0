import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Forged headers with the last numbers, which a holder of the key can make; they must not crash the program.
@Suite struct LastNumbersTests {
    /// Creates a vault without frames whose header was changed and authenticated again with the right key.
    private func vault(_ change: (inout [UInt8]) -> Void) throws -> World {
        let world = World()
        _ = try world.create()
        let master = try world.key()
        try world.changeHeader { header in
            header.store(UInt64(2), at: 48)
            change(&header)
        }
        let key = try BLAKE2b.deriveKey(from: master, label: "vault-1 header")
        let mac = try BLAKE2b.authenticate(world.bytes.span.extracting(0..<480), key: key)
        world.bytes.replaceSubrange(480..<512, with: mac)
        world.bytes.replaceSubrange(4096..<4608, with: world.bytes[0..<512])
        return world
    }

    private func salvage(_ world: World) throws {
        _ = try Salvage.run(
            from: world.path, to: "/home/b.vault", master: try world.key(), dependencies: world.dependencies)
    }

    @Test(arguments: [UInt64.max, UInt64.max - 1])
    func `where no frame can be numbered any more, nothing is appended`(base: UInt64) throws {
        let world = try vault { $0.store(base, at: 56) }
        let whole = world.bytes
        let log = try world.open()
        #expect(throws: VaultFileError.numbersExhausted) { try log.append(.text("A", "1"), .text("B", "2")) }
        #expect(world.bytes == whole)
        #expect(world.otherFiles.isEmpty)
        #expect(log.nameCount == 0)
    }

    @Test func `the last number that there is can be used, and the next one not`() throws {
        let world = try vault { $0.store(UInt64.max - 1, at: 56) }
        try world.open().append(.text("A", "1"))
        let log = try world.open()
        #expect(try log.text("A") == "1")
        #expect(throws: VaultFileError.numbersExhausted) { try log.append(.text("A", "2")) }
        #expect(throws: VaultFileError.numbersExhausted) { try world.compact(keeping: .all) }
        #expect(throws: VaultFileError.numbersExhausted) { try salvage(world) }
        #expect(world.otherFiles.isEmpty)
        #expect(try world.open().text("A") == "1")
    }

    @Test func `numbers do not begin again behind the last`() throws {
        let world = try vault { $0.store(UInt64.max, at: 56) }
        try world.forge(ForgedRecord(address("A"), [1]))
        let log = try world.open()
        #expect(log.nameCount == 0)
        #expect(log.unfinishedTail == Log.UnfinishedTail(offset: 4608, count: 176))
    }

    @Test func `the last generation can be written, and not be rewritten`() throws {
        let world = try vault { $0.store(UInt64.max, at: 48) }
        try world.open().append(.text("A", "1"))
        let whole = world.bytes
        #expect(throws: VaultFileError.numbersExhausted) { try world.compact(keeping: .all) }
        #expect(throws: VaultFileError.numbersExhausted) { try salvage(world) }
        #expect(world.bytes == whole)
        #expect(world.otherFiles.isEmpty)
        #expect(try world.open().text("A") == "1")
    }
}
