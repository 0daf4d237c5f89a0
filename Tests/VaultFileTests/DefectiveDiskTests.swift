import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Blocks that a disk cannot read, and files that shrink under the lock.
@Suite struct DefectiveDiskTests {
    private func longVault() throws -> World {
        let world = World()
        let log = try world.create()
        for number in 0..<40 { try log.append(.put("A\(number)", noise(20_000, seed: UInt64(number)))) }
        return world
    }

    private func salvage(_ world: World, _ master: [UInt8]) throws -> Salvage.Report {
        try Salvage.run(
            from: world.path, to: "/home/saved", master: Key(copying: master.span),
            dependencies: world.dependencies)
    }

    @Test func `each block that cannot be read is counted once`() throws {
        let world = try longVault()
        let master = try world.masterKey()
        world.disk.files[world.path]?.unreadable = [200_000..<200_001, 500_000..<500_001]
        #expect(try salvage(world, master).unreadable == 8192)
    }

    @Test func `the last block counts only with the bytes of the file`() throws {
        let world = try longVault()
        let (master, count) = (try world.masterKey(), world.bytes.count)
        world.disk.files[world.path]?.unreadable = [UInt64(count - 1)..<UInt64(count)]
        #expect(try salvage(world, master).unreadable == UInt64(count % 4096))
    }

    @Test func `a block that is lost only when its records are copied costs no more`() throws {
        let world = try longVault()
        let master = try world.masterKey()
        world.disk.before = { [disk = world.disk, path = world.path] call in
            guard call == .create else { return }
            disk.before = nil
            disk.files[path]?.unreadable = [20_480..<20_481]
        }
        let report = try salvage(world, master)
        #expect(report.unreadable == 4096 && report.secrets == 39)
    }

    @Test(arguments: 0..<10)
    func `a file that is truncated while it is verified under the lock is not said to be damaged`(
        number: Int
    ) throws {
        let world = World()
        let log = try world.create()
        try log.append(.put("A", noise(400_000)), .put("B", noise(400_000)), .text("C", "last"))
        try world.compact(keeping: .all)
        let (whole, master) = (world.bytes, try world.masterKey())
        world.disk.flip(world.path, at: 200_000, bit: 0)
        var reads: Int?
        world.disk.before = { [disk = world.disk, path = world.path] call in
            if call == .lock, reads == nil {
                reads = 0
                disk[path] = whole
            }
            guard call == .read, let count = reads else { return }
            if count == number { disk[path] = Array(whole.prefix(4708)) }
            reads = count + 1
        }
        do throws(VaultFileError) {
            _ = try world.open(master: master)
        } catch {
            #expect(error == .incompleteCopy(count: 4708, expected: UInt64(whole.count)))
        }
    }
}
