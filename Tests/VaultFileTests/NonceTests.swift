import Foundation
import Platform
import Sodium
import Testing

@testable import VaultFile

/// Checks that no nonce is used for two plaintexts under one key.
@Suite struct NonceTests {
    /// The number of changes; `VAULT_CHANGES=1000000 swift test --filter NonceTests` makes a million.
    private static let changes = Int(ProcessInfo.processInfo.environment["VAULT_CHANGES"] ?? "") ?? 20_000

    @Test func `yesterday's file restored, and both copies written to, never share a nonce`() throws {
        var world = World()
        world.dependencies.entropy = .system
        try world.create().append(.text("A", "x"))
        let key = try world.masterKey()
        let yesterday = world.bytes
        var nonces: Set<[UInt8]> = []
        var frames = 0
        while frames < Self.changes {
            for copy in 0..<2 {
                world.disk.replace(world.path, with: yesterday)
                let log = try Log(
                    path: world.path, access: .writing, dependencies: world.dependencies,
                    master: Key(copying: key.span))
                for number in 0..<50 { try log.append(.text("A", "\(copy) \(number)")) }
                let bytes = world.bytes
                for offset in stride(from: yesterday.count, to: bytes.count, by: 176) {
                    nonces.insert(Array(bytes[offset + 8..<offset + 32]))
                    frames += 1
                }
            }
        }
        #expect(nonces.count == frames)
    }

    /// Returns the frames of a machine whose random numbers repeat, as those of a restored snapshot do.
    private func frames(_ steps: [[Step]]) throws -> [[UInt8]] {
        let world = World(seed: 3)
        let log = try world.create()
        let changes = try steps.map { FrameBox(try transaction($0)) }
        try log.append { batch throws(VaultFileError) in
            for change in changes { _ = try batch.add(change.transaction) }
        }
        return stride(from: 4608, to: world.bytes.count, by: 176).map { Array(world.bytes[$0..<$0 + 176]) }
    }

    @Test func `a machine whose random numbers come back repeats a nonce only where it repeats the frame`()
        throws
    {
        let one = try frames([[.text("A", "one")]])
        #expect(try frames([[.text("A", "one")]]) == one)
        for others in [
            [[Step.text("A", "two")]], [[.text("B", "one")]], [[.remove("A")]],
            // The same first record, which is no longer the last of its transaction.
            [[.text("A", "one")], [.text("B", "x")]], [[.text("A", "one"), .text("B", "x")]],
        ] {
            let other = try frames(others)
            #expect(other[0][8..<32] != one[0][8..<32])
        }
        // The same for a rewrite: the same salt, and other content.
        let files = try ["one", "two"].map { value in
            let world = World(seed: 4)
            try world.create().append(.text("A", value))
            try world.compact()
            return world.bytes
        }
        #expect(files[0][4608 + 8..<4608 + 24] != files[1][4608 + 8..<4608 + 24])
    }

    @Test func `an attempt that failed does not lend its nonce to the next one of another process`() throws {
        let world = World()
        let log = try world.create()
        world.disk.fail(.sync, after: 1)
        var attempted: [UInt8] = []
        world.disk.before = { [disk = world.disk] call in
            if call == .truncate { attempted = Array(disk[world.path].dropFirst(4608 + 8).prefix(24)) }
        }
        _ = try? log.append(.text("A", "first"))
        world.disk.before = nil
        try world.open().append(.text("A", "second"))
        #expect(attempted.count == 24)
        #expect(Array(world.bytes.dropFirst(4608 + 8).prefix(24)) != attempted)
    }
}

/// A box that lets an array hold a transaction.
private final class FrameBox {
    let transaction: Transaction

    init(_ transaction: consuming Transaction) { self.transaction = transaction }
}
