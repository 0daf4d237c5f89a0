import Compaction
import Platform
import Sodium
import Testing

@testable import VaultFile

/// A vault with every kind of record, and other vaults whose bytes an attacker may put into it.
struct CorruptionSample {
    let world: World
    /// The file, which the machine's checkpoint names.
    let whole: [UInt8]
    let point: CommitPoint
    let oracle: Oracle
    /// Files from which no bytes may be accepted here, except those that this file has too.
    let donors: [(name: String, bytes: [UInt8])]

    /// - Parameter donors: vaults with the same passphrase.
    private init(_ world: World, donors: [(name: String, world: World)]) throws {
        self.world = world
        let log = try world.open()
        (whole, point) = (world.bytes, log.present)
        var oracle = Oracle()
        try oracle.learn(world)
        for donor in donors { try oracle.learn(donor.world) }
        self.oracle = oracle
        self.donors = donors.map { ($0.name, $0.world.bytes) }
    }

    /// Creates a sample of generation 1.
    static func young() throws -> CorruptionSample {
        let world = World.remembering()
        _ = try world.create()
        try world.begin()
        let fork = world.copy(seed: 5)
        try world.proceed(1)
        try fork.proceed(2)
        let next = world.copy(seed: 6)
        try next.compact(keeping: .all)
        let stranger = World(seed: 9)
        _ = try stranger.create()
        try stranger.begin()
        try stranger.proceed(4)
        return try CorruptionSample(
            world,
            donors: [
                ("fork", fork), ("twin", try world.twin()), ("stranger", stranger), ("next generation", next),
            ])
    }

    /// Creates a sample of generation 2 with a recovery slot.
    static func compacted() throws -> CorruptionSample {
        var world = World(seed: 11)
        _ = try world.create()
        try world.addRecoverySlot()
        world.dependencies.checkpoints = CheckpointStore(path: "/state/seen", storage: world.disk)
        try world.begin()
        try world.proceed(1)
        let (before, sibling) = (world.copy(seed: 12), world.copy(seed: 13))
        try world.compact(keeping: .all)
        let fork = world.copy(seed: 14)
        try world.proceed(2)
        try fork.proceed(3)
        try sibling.compact(keeping: .all)
        try sibling.proceed(2)
        return try CorruptionSample(
            world,
            donors: [
                ("generation before", before), ("fork", fork), ("other compaction", sibling),
                ("twin", try world.twin()),
            ])
    }
}

extension World {
    /// Returns a new world with the same file and no checkpoint.
    fileprivate func copy(seed: UInt64) -> World {
        let other = World(seed: seed)
        other.bytes = bytes
        return other
    }

    /// Appends records in the two smallest buckets, an empty value, a deletion, and metadata.
    fileprivate func begin() throws {
        clock.step = 7
        let log = try open()
        try log.append(.text("A", "one"))
        try log.append(
            .text("project:web/A", "two"), .text("cluster:gpu-1/A", "three"), .put("EMPTY", []),
            .put("B", noise(100)))
        try log.append(.remove("A"), .text("meta:A", "{}"))
    }

    /// Appends records of unknown kinds in buckets of each class; only their values depend on `seed`.
    fileprivate func proceed(_ seed: UInt64) throws {
        func record(_ kind: UInt8, _ count: Int) -> ForgedRecord {
            var record = ForgedRecord(noise(count, seed: seed))
            record.kind = kind
            return record
        }
        try forge(record(RecordBody.headKind, CommitPoint.bodySize))
        let descent = Descent(keys: [seed], ids: [seed, seed + 1])
        let content = RecordPrefix.plaintext(of: descent, time: 0)
        var proof = ForgedRecord(Array(content[Format.prefixSize..<Format.prefixSize + descent.size]))
        proof.kind = RecordBody.descentKind
        try forge(proof, record(RecordBody.purgedKind, 32))
        try forge(
            record(0xC5, 300), ForgedRecord(address("C"), noise(20, seed: seed), time: World.start + seed),
            record(0x80, 0))
        let long = String(repeating: "n", count: 128)
        let log = try open()
        try log.append(.put("BIG", noise(1100, seed: seed)))
        try log.append(.put("project:\(long)/\(long)", noise(700, seed: seed)))
        try log.append(
            .put("A", noise(5, seed: seed)), .remove("project:web/A"), .put("B", noise(3, seed: seed)))
    }

    /// Returns another vault with the same passphrase and, unlike real vaults, the same master key.
    fileprivate func twin() throws -> World {
        let twin = World(seed: 8)
        try twin.writeHeader(vaultID: noise(16, seed: 8), master: try key(), passphrase: passphrase)
        try twin.begin()
        try twin.proceed(3)
        return twin
    }

    private func writeHeader(
        vaultID: [UInt8], master: borrowing Key, passphrase: [UInt8], recovery: [UInt8] = KeySlot.empty
    ) throws {
        let fields = Header.Fields(vaultID: vaultID, fileSalt: noise(32, seed: 8))
        let slot = try KeySlot.encode(
            passphrase: passphrase.span, parameters: World.weak, master: master,
            vaultID: Bytes16(vaultID.span, at: 0), entropy: dependencies.entropy)
        let header = try Header.encode(fields, slots: [slot, recovery], master: master)
        bytes = try Header(header, bounds: .testOnlyWeak).front
    }

    /// Adds a recovery slot, which no test opens.
    fileprivate func addRecoverySlot() throws {
        var recovery: [UInt8] = [2] + [UInt8](repeating: 0, count: 15)
        recovery += noise(120, seed: 4) + [UInt8](repeating: 0, count: 8)
        let header = try Log.readHeader(path: path, dependencies: dependencies)
        try writeHeader(
            vaultID: header.vaultID.bytes, master: try key(), passphrase: passphrase, recovery: recovery)
    }
}
