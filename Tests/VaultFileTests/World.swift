import Platform
import Sodium
import Testing

@testable import VaultFile

extension VaultFileError {
    /// The refusal of a file that lacks changes seen at the start of the clock, and has no others.
    static let older = VaultFileError.rolledBack(Rollback(.older, lastSeen: World.start))
    /// The refusal of a file that lacks changes seen then, and has others.
    static let diverged = VaultFileError.rolledBack(Rollback(.diverged, lastSeen: World.start))
    /// The refusal of a file whose keys are not those that were seen then.
    static let otherKeys = VaultFileError.rolledBack(Rollback(.keys, lastSeen: World.start))
    var isRollback: Bool { if case .rolledBack = self { true } else { false } }

    /// The same two refusals where an open log saw the changes.
    static let olderThanOpen = VaultFileError.rolledBack(Rollback(.older, lastSeen: 0))
    static let divergedFromOpen = VaultFileError.rolledBack(Rollback(.diverged, lastSeen: 0))
    /// Any refusal, for comparisons by reason.
    static let rollback = VaultFileError.rolledBack(Rollback(.older, lastSeen: 0))
}

/// A clock that only a test moves.
final class TestClock: @unchecked Sendable {
    /// The time, in milliseconds since 1970.
    var now: UInt64
    /// The milliseconds by which each reading advances it.
    var step: UInt64

    init(_ now: UInt64, step: UInt64 = 0) { (self.now, self.step) = (now, step) }

    func look() -> UInt64 {
        defer { now += step }
        return now
    }
}

/// A vault with its own disk in memory, clock and reproducible entropy.
struct World {
    /// 2026-01-01T00:00:00Z.
    static let start: UInt64 = 1_767_225_600_000
    static let weak = Argon2id.Parameters(passes: 1, memoryKiB: 8)

    let disk = MemoryDisk()
    let clock = TestClock(World.start)
    let path: String
    let passphrase: [UInt8]
    var dependencies = Dependencies()

    init(seed: UInt64 = 1, path: String = "/home/a.vault", passphrase: String = "open sesame") {
        self.path = path
        self.passphrase = Array(passphrase.utf8)
        let clock = clock
        dependencies.storage = disk
        dependencies.entropy = .testOnlySequence(TestOnlySequence(seed: seed))
        dependencies.now = { clock.look() }
        dependencies.readingBounds = .testOnlyWeak
        dependencies.writingBounds = .testOnlyWeak
    }

    /// The bytes of the vault file.
    var bytes: [UInt8] {
        get { disk[path] }
        nonmutating set { disk[path] = newValue }
    }

    func create(parameters: Argon2id.Parameters = World.weak) throws(VaultFileError) -> Log {
        try Log.create(
            path: path, passphrase: passphrase.span, parameters: parameters, dependencies: dependencies)
    }

    func open(_ access: StorageAccess = .writing, passphrase other: String? = nil) throws(VaultFileError)
        -> Log
    {
        let passphrase = other.map { Array($0.utf8) } ?? passphrase
        return try Log(path: path, access: access, dependencies: dependencies) {
            header throws(VaultFileError) in
            try header.unlock(passphrase: passphrase.span)
        }
    }

    /// The master key's bytes.
    func masterKey() throws(VaultFileError) -> [UInt8] {
        let passphrase = passphrase
        let header = try Log.readHeader(path: path, dependencies: dependencies)
        return try header.unlock(passphrase: passphrase.span).withBytes { key in key.indices.map { key[$0] } }
    }

    /// Opens the vault with its master key, to save the derivation where thousands of mutants are opened.
    func open(master: [UInt8]) throws(VaultFileError) -> Log {
        try Log(path: path, access: .reading, dependencies: dependencies) { _ throws(VaultFileError) in
            do throws(SodiumError) { return try Key(copying: master.span) } catch { throw .outOfMemory }
        }
    }

    /// Returns the error of opening; nil if it succeeds.
    func verdict() -> VaultFileError? {
        do throws(VaultFileError) {
            _ = try open()
            return nil
        } catch {
            return error
        }
    }

    /// The paths of the files on the disk, except the vault's.
    var otherFiles: [String] { disk.files.keys.filter { $0 != path }.sorted() }
}

/// A change, in the notation of tests.
enum Step: Equatable, Sendable {
    case put(String, [UInt8])
    case remove(String)

    static func text(_ name: String, _ value: String) -> Step { .put(name, Array(value.utf8)) }
}

/// A version, without its place in the file.
struct Entry: Equatable, Sendable {
    let time: UInt64
    /// The value; nil for a tombstone.
    let value: [UInt8]?
}

/// The versions of each secret, new to old.
typealias History = [Address: [Entry]]

/// Parses `NAME`, `project:web/NAME` or `cluster:gpu-1/NAME`, or the same after `meta:` for the metadata.
func address(_ text: String) -> Address {
    if text.hasPrefix("meta:") { return address(String(text.dropFirst(5))).metadata }
    let parts = text.split(separator: "/").map(String.init)
    let scope = parts.count == 1 ? ["team", ""] : parts[0].split(separator: ":").map(String.init)
    let codes: [String: UInt8] = ["team": 1, "project": 2, "cluster": 3]
    guard let code = codes[scope[0]],
        let address = Address(scope: code, id: Array(scope[1].utf8), name: Array(parts[parts.count - 1].utf8))
    else { fatalError("no address: \(text)") }
    return address
}

func transaction(_ steps: [Step]) throws(VaultFileError) -> Transaction {
    var transaction = try Transaction()
    for step in steps {
        switch step {
        case .put(let name, let value): try transaction.set(address(name), to: value.span)
        case .remove(let name): try transaction.delete(address(name))
        }
    }
    return transaction
}

extension SecretBytes {
    /// Returns a copy that tests can compare.
    var array: [UInt8] {
        withBytes { bytes in bytes.indices.map { bytes[$0] } }
    }
}

extension Log {
    @discardableResult
    func append(_ steps: Step..., timeout: UInt64 = 1000) throws(VaultFileError) -> SavedTail? {
        let changes = try transaction(steps)
        return try append(changes, timeout: timeout)
    }

    /// Returns the current value.
    func value(_ name: String) throws(VaultFileError) -> [UInt8]? {
        guard let version = current(address(name)) else { return nil }
        return try bytes(of: version, at: address(name))
    }

    /// Returns the current value as text.
    func text(_ name: String) throws(VaultFileError) -> String? {
        try value(name).map { String(decoding: $0, as: UTF8.self) }
    }

    func entries(_ address: Address) throws(VaultFileError) -> [Entry] {
        var entries: [Entry] = []
        for version in versions(address) {
            let value = version.kind != .tombstone ? try bytes(of: version, at: address) : nil
            entries.append(Entry(time: version.time, value: value))
        }
        return entries
    }

    /// Every address that was ever written.
    var addresses: [Address] {
        (0..<replay.index.count).filter { histories.newest(at: $0) != nil }.map { place in
            replay.index.withAddress(at: place) { Address($0) }
        }
    }

    /// The whole content of the file.
    func history() throws(VaultFileError) -> History {
        var history: History = [:]
        for address in addresses { history[address] = try entries(address) }
        return history
    }
}

/// Returns `count` pseudorandom bytes that `seed` determines.
func noise(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

extension Log {
    /// Returns the value of a version.
    func bytes(of version: Version, at address: Address) throws(VaultFileError) -> [UInt8] {
        try withValue(of: version, at: address) { value in value.array(value.indices) }
    }
}
