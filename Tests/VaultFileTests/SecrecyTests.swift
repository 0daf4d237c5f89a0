import Platform
import Sodium
import Testing

@testable import VaultFile

@Suite struct SecrecyTests {
    /// Returns whether `bytes` contains `count` successive bytes of `text`.
    private func holds(_ bytes: [UInt8], anyOf text: [UInt8], _ count: Int) -> Bool {
        let pieces = Set((0...text.count - count).map { Array(text[$0..<$0 + count]) })
        return (0...bytes.count - count).contains { pieces.contains(Array(bytes[$0..<$0 + count])) }
    }

    private func sample(_ world: World) throws {
        let log = try world.create()
        try log.append(.text("DATABASE_URL", "postgres://localhost/app"))
        try log.append(
            .text("project:website/API_KEY", "sk-live-5d41402abc4b2a76"), .remove("cluster:gpu-1/TOKEN"))
    }

    @Test func `no four bytes of a name, an id, a value or the passphrase are in the file`() throws {
        let world = World(passphrase: "correct horse battery staple")
        try sample(world)
        for text in [
            "DATABASE_URL", "postgres://localhost/app", "website", "API_KEY", "sk-live-5d41402abc4b2a76",
            "gpu-1",
            "TOKEN", "correct horse battery staple",
        ] {
            #expect(!holds(world.bytes, anyOf: Array(text.utf8), 4), "\(text)")
        }
        var time = [UInt8](repeating: 0, count: 8)
        time.store(World.start, at: 0)
        #expect(!holds(world.bytes, anyOf: Array(time[0..<6]), 5))
    }

    @Test(arguments: [true, false])
    func `what was written, or was not, stays in no memory of the writer's`(isWritten: Bool) throws {
        let log = try World().create()
        let value = noise(300)
        let changes = try transaction([.put("A", value), .put("B", value)])
        do {
            try log.append { batch throws(VaultFileError) in
                guard try batch.add(changes) else { throw .transactionTooLarge }
                // The last plaintext is not yet sealed.
                if !isWritten { throw .cancelled }
            }
            #expect(isWritten)
        } catch VaultFileError.cancelled {
            #expect(!isWritten)
        }
        #expect(log.sealer?.isWiped == true)
        #expect(log.nameCount == (isWritten ? 2 : 0))
    }

    @Test
    func `two vaults with the same content and passphrase share nothing but what the header says openly`()
        throws
    {
        var worlds = [World(), World()]
        for index in worlds.indices {
            worlds[index].dependencies.entropy = .system
            try sample(worlds[index])
        }
        let (left, right) = (worlds[0].bytes, worlds[1].bytes)
        #expect(left.count == right.count)
        var runs: Set<[UInt8]> = []
        for start in 0...left.count - 16 { runs.insert(Array(left[start..<start + 16])) }
        // The same in every new vault: up to the id, generation to base_end, lineage, the slots' numbers,
        // zeros.
        let open = [0..<32, 48..<72, 104..<144, 264..<448, 512..<4096]
        func isOpen(_ offset: Int) -> Bool { offset < 4608 && open.contains { $0.contains(offset % 4096) } }
        for start in 0...right.count - 16 where runs.contains(Array(right[start..<start + 16])) {
            // A random byte next to open ones is equal with probability 1/256; four equal ones are not
            // chance.
            let closed = (start..<start + 16).filter { !isOpen($0) }
            #expect(closed.count < 4, "16 bytes from \(start)")
        }
    }

    @Test func `the same value written twice looks different`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("A", "same"), .text("A", "same"))
        try log.append(.text("A", "same"))
        let frames = world.frames().map { Array(world.bytes[$0]) }
        #expect(Set(frames.map { Array($0[32...]) }).count == 3)
        #expect(Array(frames[0][8..<24]) == Array(frames[1][8..<24]))
        #expect(Array(frames[0][8..<24]) != Array(frames[2][8..<24]))
    }

    @Test func `an attempt that failed does not lend its nonce to the next`() throws {
        let world = World()
        let log = try world.create()
        world.disk.fail(.sync, after: 1)
        world.disk.fail(.truncate)
        #expect(throws: VaultFileError.outcomeUnknown(.ioError)) { try log.append(.text("A", "one")) }
        let first = Array(world.bytes[4608...])
        world.bytes.removeLast(176)
        try world.open().append(.text("A", "two"))
        #expect(first[8..<24] != world.bytes[4616..<4632])
    }

    @Test func `short values and deletions have frames of one length`() throws {
        let world = World()
        let log = try world.create()
        for count in 0...40 {
            try log.append(.put("cluster:123456789012/ABCDEFGHIJKLMNOPQRSTUVWX", noise(count)))
        }
        try log.append(.remove("A"))
        try log.append(.remove("cluster:123456789012/ABCDEFGHIJKLMNOPQRSTUVWX"))
        #expect(world.frames().count == 43)
        #expect(world.frames().allSatisfy { $0.count == 176 })
    }

    @Test func `other names beside the vault say nothing but where the tail began`() throws {
        let world = World()
        let log = try world.create()
        try log.append(.text("SECRET_NAME", "x"))
        world.bytes += noise(100)
        try world.open().append(.text("SECRET_NAME", "y"))
        #expect(world.otherFiles.count == 1)
        let name = Path.name(of: world.otherFiles[0])
        #expect(name.hasPrefix("a.vault.unfinished-4784-"))
        #expect(name.dropFirst("a.vault.unfinished-4784-".count).allSatisfy { $0.isHexDigit })
        #expect(name.count == "a.vault.unfinished-4784-".count + 16)
    }
}
