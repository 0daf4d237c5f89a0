import Platform
import Sodium

@testable import VaultFile

/// Ends the program because an invariant does not hold.
func broken(_ what: String) -> Never { fatalError("broken: \(what)") }

/// Ends the program unless `condition` holds.
func require(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { broken(what()) }
}

/// The known master key of every fuzzed vault, which saves key derivations.
enum Known {
    /// 2026-01-01T00:00:00Z.
    static let now: UInt64 = 1_767_225_600_000
    static let path = "/home/a.vault"
    static let masterBytes: [UInt8] = (0..<32).map { $0 &* 7 &+ 1 }
    static let vaultID: [UInt8] = (0..<16).map { $0 &+ 0xA0 }

    /// The master key.
    static var master: Key {
        do { return try Key(copying: masterBytes.span) } catch { broken("no memory for a key") }
    }

    /// Dependencies with this disk and the product's bounds on derivations.
    static func dependencies(_ disk: FuzzDisk) -> Dependencies {
        var dependencies = Dependencies()
        dependencies.storage = disk
        dependencies.now = { now }
        #if DEBUG
            dependencies.entropy = .testOnlySequence(TestOnlySequence(seed: 1))
        #endif
        return dependencies
    }

    /// A valid key slot whose box no key opens.
    static let slot: [UInt8] = {
        var slot: [UInt8] = [1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0]
        slot += (0..<120).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 5) }
        return slot + [UInt8](repeating: 0, count: 8)
    }()

    /// A header of this key: 512 bytes with a valid sum and MAC.
    static func header(_ change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        header.replaceSubrange(0..<8, with: [0x89, 0x56, 0x4C, 0x54, 0x0D, 0x0A, 0x1A, 0x0A])
        header.store(UInt16(1), at: 8)
        header.store(UInt32(512), at: 12)
        header.replaceSubrange(32..<48, with: vaultID)
        header.store(UInt64(1), at: 48)
        header.store(UInt64(4608), at: 64)
        for index in 72..<104 { header[index] = UInt8(index) }
        header.replaceSubrange(128..<272, with: slot)
        change(&header)
        repairSum(&header)
        repairMAC(&header)
        return header
    }

    /// Recomputes the unkeyed sum.
    static func repairSum(_ header: inout [UInt8]) {
        guard let sum = try? BLAKE2b.hash(header.span.extracting(0..<448)) else { broken("no hash") }
        header.replaceSubrange(448..<480, with: sum)
    }

    /// Recomputes the MAC.
    static func repairMAC(_ header: inout [UInt8]) {
        header.replaceSubrange(480..<512, with: mac(header))
    }

    static func mac(_ header: [UInt8]) -> [UInt8] {
        do {
            let key = try BLAKE2b.deriveKey(from: master, label: "vault-1 header")
            return try BLAKE2b.authenticate(header.span.extracting(0..<480), key: key)
        } catch { broken("no MAC") }
    }

    /// Returns the key of the frames behind `header`.
    static func frameKey(_ header: [UInt8]) -> FrameKey {
        do {
            return FrameKey(
                try BLAKE2b.deriveKey(
                    from: master, label: "vault-1 frames", context: header.span.extracting(0..<480)))
        } catch { broken("no key") }
    }

    /// The header, the gap and the copy of the header.
    static func front(_ header: [UInt8]) -> [UInt8] {
        header + [UInt8](repeating: 0, count: 3584) + header
    }
}

/// A key that several owners share.
final class FrameKey {
    let key: Key

    init(_ key: consuming Key) { self.key = key }
}

extension [UInt8] {
    /// Writes a little-endian number.
    mutating func store<T: FixedWidthInteger & UnsignedInteger>(_ value: T, at offset: Int) {
        for index in 0..<MemoryLayout<T>.size {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> T(8 * index))
        }
    }

    /// The little-endian number at an offset.
    func number<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type, at offset: Int) -> T {
        withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}

/// Reads an input from front to back, with zeros after its end.
struct InputReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        defer { position += 1 }
        return position < bytes.count ? bytes[position] : 0
    }

    mutating func number<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) -> T {
        (0..<MemoryLayout<T>.size).reduce(0) { result, index in result | T(byte()) << T(8 * index) }
    }

    /// Reads `count` bytes, or fewer at the end.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = Swift.min(position + count, bytes.count)
        defer { position = Swift.max(position, end) }
        return position < end ? Array(bytes[position..<end]) : []
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }
}
