import Platform
import Sodium
import Testing

@testable import VaultFile

/// Records of other writers: newer, merging, or incorrect ones.
@Suite struct RecordTests {
    private func vault() throws -> World {
        let world = World()
        try world.create().append(.text("A", "one"))
        return world
    }

    @Test func `a forged frame is like a written one`() throws {
        let (world, twin) = (try vault(), try vault())
        try world.forge(ForgedRecord(address("B"), Array("two".utf8)))
        let log = try twin.open()
        try log.append(.text("B", "two"))
        #expect(world.bytes.count == twin.bytes.count)
        #expect(try world.open().history() == log.history())
    }

    @Test func `a version is read as what it is, at its own address, and a deletion has no value`() throws {
        let log = try World().create()
        try log.append(.text("A", "one"), .text("meta:A", "one"))
        try log.append(.remove("A"), .remove("meta:A"))
        let (value, metadata) = (address("A"), address("meta:A"))
        #expect(try log.entries(value).map(\.value) == [nil, Array("one".utf8)])
        #expect(try log.entries(metadata).map(\.value) == [[], Array("one".utf8)])
        let mistaken = [
            (log.versions(value)[0], value), (log.versions(value)[1], metadata),
            (log.versions(metadata)[0], value), (log.versions(metadata)[1], value),
        ]
        for (version, address) in mistaken {
            #expect(throws: VaultFileError.damaged(at: version.offset)) {
                try log.bytes(of: version, at: address)
            }
        }
    }

    @Test(arguments: [0x80, 0x81, 0xBF, 0xC0, 0xC1, 0xFF] as [UInt8])
    func `a kind that may be ignored is verified and skipped`(kind: UInt8) throws {
        let world = try vault()
        var record = ForgedRecord(noise(56))
        record.kind = kind
        try world.forge(record)
        try world.forge(ForgedRecord(address("A"), Array("two".utf8), time: World.start + 1), record)
        let log = try world.open()
        #expect(try log.text("A") == "two")
        #expect(log.committedSeq == 4)
        #expect(log.nameCount == 1)
        #expect(log.replay.skipped == 2)
        #expect(log.unfinishedTail == nil)
        try log.append(.text("A", "three"))
        #expect(try world.open().text("A") == "three")
        world.disk.flip(world.path, at: world.frames()[1].lowerBound + 60, bit: 5)
        #expect(world.verdict() == .damaged(at: UInt64(world.frames()[1].lowerBound)))
    }

    @Test(arguments: [0x00, 0x03, 0x40, 0x41, 0x42, 0x7F] as [UInt8])
    func `a kind that must not be ignored is unsupported`(kind: UInt8) throws {
        let world = try vault()
        var record = ForgedRecord(noise(20))
        record.kind = kind
        try world.forge(record)
        let before = world.bytes
        #expect(world.verdict() == .unsupported(.record(kind: kind)))
        #expect(world.bytes == before)
    }

    @Test func `an unknown kind is unsupported even when its transaction was not finished`() throws {
        let world = try vault()
        var record = ForgedRecord(noise(20))
        (record.kind, record.flags) = (0x42, 0)
        try world.forge(record, keepsFlags: true)
        #expect(world.verdict() == .unsupported(.record(kind: 0x42)))
    }

    @Test func `the body of a kind that is ignored may be empty or as long as any`() throws {
        let world = try vault()
        for count in [0, 1_048_836] {
            var record = ForgedRecord([UInt8](repeating: 1, count: count))
            record.kind = 0x81
            try world.forge(record)
        }
        #expect(try world.open().replay.skipped == 2)
    }

    /// Violations of the rules in a frame in its place: damage, whether it is committed or not.
    private static let breaches: [(String, @Sendable (inout ForgedRecord) -> Void)] = [
        ("an unknown flag", { $0.flags |= 0x80 }),
        ("flag bit 1", { $0.flags |= 0x02 }),
        ("a reserved byte", { $0.reserved = 0x100 }),
        ("padding", { $0.padding = 1 }),
        ("a larger bucket", { $0.plaintextSize = 192 }),
        ("a body beyond the box", { $0.bodySize = 81 }),
        ("a huge body", { $0.bodySize = 0xFFFF_FFFF }),
        ("no body", { $0.bodySize = 0 }),
        ("half an address", { $0.bodySize = 3 }),
        ("the year 10000", { $0.time = 253_402_300_800_000 }),
        ("scope 0", { $0.body[0] = 0 }),
        ("scope 4", { $0.body[0] = 4 }),
        ("a project without an id", { $0.body[0] = 2 }),
        ("a team with an id", { $0.body[1] = 1 }),
        ("no name", { $0.body[2] = 0 }),
        ("a name of 129 characters", { $0.body = [1, 0, 129, 0] + [UInt8](repeating: 65, count: 129) }),
        ("an id of 129 characters", { $0.body = [2, 129, 1, 0] + [UInt8](repeating: 65, count: 130) }),
        ("a reserved byte of the address", { $0.body[3] = 1 }),
        ("a name beyond the body", { $0.body[2] = 60 }),
        ("a digit in front", { $0.body[4] = UInt8(ascii: "1") }),
        ("a dot in front", { $0.body[4] = UInt8(ascii: ".") }),
        ("a slash", { $0.body[4] = UInt8(ascii: "/") }),
        ("a NUL", { $0.body[4] = 0 }),
        ("a letter that is no ASCII", { $0.body[4] = 0xC3 }),
        ("a tombstone with a rest", { $0.kind = 2 }),
        ("a head of 55 bytes", { ($0.kind, $0.body) = (0xC1, noise(55)) }),
        ("a head of 57 bytes", { ($0.kind, $0.body) = (0xC1, noise(57)) }),
        (
            "a value of 1 MiB and a byte",
            { $0.body = Array($0.body[..<5]) + [UInt8](repeating: 7, count: (1 << 20) + 1) }
        ),
        (
            "an ignorable body of 1,048,837 bytes",
            { ($0.kind, $0.body) = (0x81, [UInt8](repeating: 7, count: 1_048_837)) }
        ),
        (
            "a body of an unknown kind that is too long",
            { ($0.kind, $0.body) = (0x42, [UInt8](repeating: 7, count: 1_048_837)) }
        ),
        ("an unknown kind with a flag", { ($0.kind, $0.flags) = (0x42, 5) }),
        ("an ignorable kind with a flag", { ($0.kind, $0.flags) = (0x81, 5) }),
    ]

    @Test(arguments: breaches.indices, [true, false])
    func `a record in place that breaks a rule is damage`(number: Int, commits: Bool) throws {
        let world = try vault()
        let end = UInt64(world.bytes.count)
        var record = ForgedRecord(address("X"), [1, 2, 3])
        record.flags = commits ? 1 : 0
        RecordTests.breaches[number].1(&record)
        try world.forge(record, keepsFlags: true)
        #expect(world.verdict() == .damaged(at: end), "\(RecordTests.breaches[number].0)")
    }

    /// Frames under the right key in a wrong place: nothing follows them, so they are a tail.
    private static let displacements: [(String, @Sendable (inout ForgedRecord) -> Void)] = [
        ("the same number again", { $0.seqSkew = .max }),
        ("a number left out", { $0.seqSkew = 1 }),
        ("another tag before", { $0.previousTag = .zero }),
        ("a transaction that began earlier", { $0.transactionStart = 4608 }),
        ("an offset of another place", { $0.nonceOffset = 4608 }),
    ]

    @Test(arguments: displacements.indices)
    func `a frame that is not in place is a tail`(number: Int) throws {
        let world = try vault()
        let end = UInt64(world.bytes.count)
        var record = ForgedRecord(address("A"), Array("two".utf8), time: World.start + 1)
        RecordTests.displacements[number].1(&record)
        try world.forge(record)
        let log = try world.open()
        #expect(try log.text("A") == "one")
        #expect(
            log.unfinishedTail == .init(offset: end, count: 176), "\(RecordTests.displacements[number].0)")
    }

    @Test(arguments: [(112, nil), (128, "two"), (135, nil), (1_081_360, nil)] as [(Int, String?)])
    func `a box of a length that no box has is not in place though it opens`(count: Int, text: String?) throws
    {
        let world = try vault()
        let end = UInt64(world.bytes.count)
        var record = ForgedRecord(address("A"), Array("two".utf8), time: World.start + 1)
        record.plaintextSize = count
        try world.forge(record)
        let log = try world.open()
        #expect(try log.text("A") == text ?? "one")
        #expect(log.unfinishedTail?.offset == (text == nil ? end : nil))
    }

    @Test func `a frame that begins a transaction behind the gap is damage`() throws {
        let world = try vault()
        let end = UInt64(world.bytes.count)
        let log = try world.open()
        let forge = try Forge(log)
        let behind = Replay.Position(end: end + 64, seq: 5, tag: .zero)
        let record = ForgedRecord(address("A"), [2])
        world.bytes += noise(64) + forge.frame(record, after: behind, transactionStart: end + 64).bytes
        #expect(world.verdict() == .damaged(at: end))
        // The same frame as part of the unfinished transaction proves nothing.
        world.bytes.removeLast(176)
        world.bytes += forge.frame(record, after: behind, transactionStart: end).bytes
        #expect(try world.open().unfinishedTail?.count == 240)
    }

    @Test func `equal times are ordered by kind, then by value, a prefix first`() throws {
        let versions: [[UInt8]?] = [[], [0], [1], [1, 0], [1, 0, 0], [2], [255], nil]
        let time = World.start + 50
        let expected = versions.reversed().map { Entry(time: time, value: $0) }
        for seed in 0..<6 {
            let world = World()
            _ = try world.create()
            var order = versions.map {
                (noise(1, seed: UInt64(seed * 31 + ($0?.count ?? 9) * 7 + Int($0?.first ?? 3)))[0], $0)
            }
            order.sort { $0.0 < $1.0 }
            if seed == 0 { order = versions.map { (0, $0) } }
            for (_, value) in order { try world.forge(ForgedRecord(address("A"), value, time: time)) }
            let log = try world.open()
            #expect(try log.entries(address("A")) == expected)
            #expect(log.current(address("A")) == nil)
        }
    }

    @Test func `of two values of the same time the larger is current, in one transaction too`() throws {
        let world = World()
        _ = try world.create()
        try world.forge(
            ForgedRecord(address("A"), [7]), ForgedRecord(address("A"), [9]), ForgedRecord(address("A"), [8]))
        #expect(try world.open().value("A") == [9])
    }

    @Test func `equal triples count once`() throws {
        let world = World()
        _ = try world.create()
        for _ in 0..<3 {
            try world.forge(
                ForgedRecord(address("A"), [7]), ForgedRecord(address("A"), nil),
                ForgedRecord(address("A"), [7]))
            try world.forge(ForgedRecord(address("A"), [7], time: World.start - 1))
        }
        let log = try world.open()
        #expect(log.versionCount == 3)
        #expect(try log.entries(address("A")).map(\.value) == [nil, [7], [7]])
        #expect(log.committedSeq == 12)
    }

    @Test func `records that come late take their place in the history`() throws {
        let world = World()
        _ = try world.create()
        for skew in [5, 1, 9, 3, 7, 0] as [UInt64] {
            try world.forge(ForgedRecord(address("A"), [UInt8(skew)], time: World.start + skew))
        }
        let log = try world.open()
        #expect(try log.entries(address("A")).map(\.value) == [[9], [7], [5], [3], [1], [0]])
        try log.append(.text("A", "now"))
        #expect(log.versions(address("A"))[0].time == World.start + 10)
        #expect(try world.open().text("A") == "now")
    }

    @Test func `more than 64 MiB in one transaction is damage`() throws {
        let world = World()
        let log = try world.create()
        let forge = try Forge(log)
        let start = log.replay.committed
        var (bytes, position) = ([UInt8](), start)
        var record = ForgedRecord(address("A"), [UInt8](repeating: 0, count: 1 << 20))
        record.flags = 0
        var last = position.end
        while position.end - start.end <= 64 << 20 {
            record.time += 1
            last = position.end
            let next = forge.frame(record, after: position, transactionStart: start.end)
            bytes += next.bytes
            position = next.end
        }
        world.bytes += bytes
        #expect(world.verdict() == .damaged(at: last))
    }

    @Test func `two thousand names are found again whatever their order`() throws {
        let world = World()
        let log = try world.create()
        var changes = try Transaction()
        for number in 0..<2000 {
            try changes.set(address("N\(number &* 7919 % 2000)"), to: [UInt8(number % 251)].span)
        }
        try log.append(changes)
        for number in 0..<2000 {
            let version = try #require(log.current(address("N\(number &* 7919 % 2000)")))
            #expect(version.offset == 4608 + 176 * UInt64(number))
        }
        #expect(log.current(address("N2000")) == nil)
        #expect(log.current(address("project:N/N1")) == nil)
    }
}

@Suite struct AddressTests {
    @Test(arguments: ["A", "_", "a.b-c_D9", String(repeating: "x", count: 128)])
    func `names by the rules are accepted`(name: String) {
        #expect(Address(scope: 1, id: [], name: Array(name.utf8)) != nil)
    }

    @Test(arguments: [
        "", "9A", ".a", "-a", "a b", "a/b", "é", "a\u{0}", "a\n", String(repeating: "x", count: 129),
    ])
    func `other names are not`(name: String) {
        #expect(Address(scope: 1, id: [], name: Array(name.utf8)) == nil)
        #expect(Address(scope: 2, id: [65], name: Array(name.utf8)) == nil)
    }

    @Test(
        arguments: [[], [1], [1, 0], [1, 0, 1], [1, 0, 2, 65], [1, 0, 1, 65, 65], [4, 0, 1, 65]] as [[UInt8]])
    func `packed bytes of another length or scope are no address`(packed: [UInt8]) {
        #expect(Address(packed: packed.span) == nil)
    }

    @Test func `ids begin with a letter or a digit, and the team has none`() {
        func isValid(_ scope: UInt8, _ id: String) -> Bool {
            Address(scope: scope, id: Array(id.utf8), name: [65]) != nil
        }
        for scope in [2, 3] as [UInt8] {
            for id in ["a", "9", "gpu-1", "a.b_c-", String(repeating: "9", count: 128)] {
                #expect(isValid(scope, id))
            }
            for id in ["", "_a", ".a", "-", "a b", "ü", String(repeating: "9", count: 129)] {
                #expect(!isValid(scope, id))
            }
        }
        #expect(isValid(1, ""))
        for scope in [0, 1, 4, 255] as [UInt8] { #expect(!isValid(scope, "a")) }
    }

    @Test func `an address gives back its parts`() {
        let address = address("cluster:gpu-1/KEY")
        #expect(address.scope == 3)
        #expect(address.id == Array("gpu-1".utf8))
        #expect(address.name == Array("KEY".utf8))
    }

    @Test func `id and name do not run together`() {
        #expect(address("project:a/bc") != address("project:ab/c"))
        #expect(address("project:a/b") != address("cluster:a/b"))
    }
}
