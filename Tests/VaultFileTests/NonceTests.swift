import Foundation
import Platform
import Sodium
import Testing

@testable import VaultFile

/// What a nonce must never do: seal two things under one key.
@Suite struct NonceTests {
    /// How many changes are made; `VAULT_CHANGES=1000000 swift test --filter NonceTests` makes a million.
    private static let changes = Int(ProcessInfo.processInfo.environment["VAULT_CHANGES"] ?? "") ?? 20_000

    @Test func `yesterday's file restored, and both copies written to, never share a nonce`() throws {
        var world = World()
        world.surroundings.entropy = .system
        try world.create().append(.text("A", "x"))
        let key = try world.masterKey()
        let yesterday = world.bytes
        var nonces: Set<[UInt8]> = []
        var frames = 0
        while frames < Self.changes {
            for copy in 0..<2 {
                world.disk.replace(world.path, with: yesterday)
                let log = try Log(
                    path: world.path, access: .writing, surroundings: world.surroundings,
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
