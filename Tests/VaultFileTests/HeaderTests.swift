import Platform
import Sodium
import Testing

@testable import VaultFile

@Suite struct HeaderTests {
    private func vault() throws -> World {
        let world = World()
        try world.create().append(.text("A", "one"))
        return world
    }

    @Test func `a slot that was changed under a right sum opens nothing`() throws {
        let world = try vault()
        let whole = world.bytes
        let bounds = Argon2id.Bounds.testOnlyWeak
        for offset in 144..<264 {
            for bit in [0, 3, 7] {
                try world.changeHeader { $0[offset] ^= 1 << UInt8(bit) }
                #expect(world.verdict() == .wrongPassphrase, "bit \(bit) of byte \(offset)")
                world.bytes = whole
            }
        }
        for (passes, memory) in [(2, 8), (1, 9), (32, 8), (1, 16)] as [(UInt32, UInt32)] {
            #expect(bounds.contains(.init(passes: passes, memoryKiB: memory)))
            try world.changeHeader { header in
                header.store(passes, at: 132)
                header.store(memory, at: 136)
            }
            #expect(world.verdict() == .wrongPassphrase)
            world.bytes = whole
        }
    }

    @Test func `any other field that was changed under a right sum is noticed too`() throws {
        let world = try vault()
        let whole = world.bytes
        let fields: [(Range<Int>, VaultFileError)] = [
            (10..<16, .damagedHeader), (28..<32, .damagedHeader), (120..<128, .damagedHeader),
            (416..<448, .damagedHeader), (104..<120, .damagedHeader), (56..<64, .damagedHeader),
            (264..<272, .damagedHeader), (272..<416, .damagedHeader), (128..<132, .damagedHeader),
            (140..<144, .damagedHeader),
            // The slot's commitment covers the vault's id; the MAC covers flags, generation and salt.
            (32..<48, .wrongPassphrase), (20..<28, .tamperedHeader), (72..<104, .tamperedHeader),
            (49..<56, .tamperedHeader),
        ]
        for (range, verdict) in fields {
            for offset in range {
                try world.changeHeader { $0[offset] ^= 0x80 }
                #expect(world.verdict() == verdict, "byte \(offset)")
                world.bytes = whole
            }
        }
        try world.changeHeader { $0.store(UInt64(0), at: 48) }
        #expect(world.verdict() == .damagedHeader)
    }

    @Test(
        arguments: [
            (0, 8192), (33, 8192), (.max, 8192), (1, 0), (1, 8191), (1, 4_194_305), (1, .max), (.max, .max),
            (5, 4_194_304),
            (32, 524_289), (0, 0),
        ] as [(UInt32, UInt32)])
    func `parameters out of bounds are refused before anything is derived`(passes: UInt32, memory: UInt32)
        throws
    {
        var world = try vault()
        try world.changeHeader { header in
            header.store(passes, at: 132)
            header.store(memory, at: 136)
        }
        world.dependencies.readingBounds = .reading
        var derived = false
        let error = #expect(throws: VaultFileError.self) {
            try Log(path: world.path, access: .writing, dependencies: world.dependencies) {
                header throws(VaultFileError) in
                derived = true
                throw .wrongPassphrase
            }
        }
        #expect(error == .refusedParameters(.init(passes: passes, memoryKiB: memory)))
        #expect(!derived)
    }

    @Test func `the bounds themselves are accepted`() throws {
        var world = try vault()
        world.dependencies.readingBounds = .reading
        for (passes, memory) in [(1, 8192), (32, 524_288), (4, 4_194_304), (32, 8192)] as [(UInt32, UInt32)] {
            try world.changeHeader { header in
                header.store(passes, at: 132)
                header.store(memory, at: 136)
            }
            let header = try Log.readHeader(path: world.path, dependencies: world.dependencies)
            #expect(header.parameters == .init(passes: passes, memoryKiB: memory))
        }
    }

    @Test(arguments: [
        (128, 0), (128, 2), (128, 3), (129, 0), (129, 1), (140, 0), (140, 2), (272, 1), (272, 3), (273, 2),
    ])
    func `slots of another kind, derivation or number of lanes are damage`(offset: Int, value: UInt8) throws {
        let world = try vault()
        try world.changeHeader { $0[offset] = value }
        #expect(world.verdict() == .damagedHeader)
    }

    @Test func `another format or an incompatible flag is unsupported, whatever the sum says`() throws {
        let world = try vault()
        world.bytes[8] = 2
        #expect(world.verdict() == .unsupported(.format(2)))
        world.bytes[8] = 1
        world.bytes[19] = 0x40
        #expect(world.verdict() == .unsupported(.flags(0x4000_0000)))
    }

    @Test func `a master key that was exchanged in its box is noticed`() throws {
        let world = try vault()
        let log = try world.open()
        let slot = KeySlot(log.header.bytes.span, at: 128)
        let vaultID = log.header.vaultID
        // A slot that wraps another master key with the same passphrase, made by someone who knows the
        // passphrase.
        let other = try Key(copying: noise(32).span)
        let forged = try KeySlot.encode(
            passphrase: world.passphrase.span, parameters: slot.parameters, master: other, vaultID: vaultID,
            entropy: .testOnlySequence(TestOnlySequence(seed: 8)))
        try world.changeHeader { $0.replaceSubrange(128..<272, with: forged) }
        #expect(world.verdict() == .tamperedHeader)
    }

    @Test func `a read-only flag allows reading and forbids writing`() throws {
        let world = try vault()
        let log = try world.open()
        try world.resealHeader(log) { $0.store(UInt32(1 << 9), at: 20) }
        let reader = try world.open()
        #expect(reader.header.isReadOnly)
        let before = world.bytes
        #expect(throws: VaultFileError.readOnly) { try reader.append(.text("A", "two")) }
        #expect(world.bytes == before)
    }

    @Test func `an unknown compatible flag changes nothing`() throws {
        let world = try vault()
        let log = try world.open()
        try world.resealHeader(log) { $0.store(UInt32(1 << 31), at: 24) }
        let second = try world.open()
        try second.append(.text("A", "two"))
        #expect(try world.open().text("A") == "two")
    }
}

extension World {
    /// Gives an empty copy of the vault another header with a MAC under the right master key.
    func resealHeader(_ log: Log, _ change: (inout [UInt8]) -> Void) throws {
        let passphrase = passphrase
        let master = try log.header.unlock(passphrase: passphrase.span)
        try changeHeader(change)
        var header = Array(bytes[0..<512])
        let key = try BLAKE2b.deriveKey(from: master, label: "vault-1 header")
        header.replaceSubrange(
            480..<512, with: try BLAKE2b.authenticate(header.span.extracting(0..<480), key: key))
        bytes = header + [UInt8](repeating: 0, count: 3584) + header
    }
}
