import Platform
import Sodium

@testable import VaultFile

/// Creates frames and headers that no correct writer creates, sealed with the right keys.
struct Forge: ~Copyable {
    let key: Key
    let salt: [UInt8]

    init(key: consuming Key, salt: [UInt8]) {
        self.key = key
        self.salt = salt
    }

    init(_ log: Log) throws(SodiumError) {
        key = try log.header.frameKey(master: log.master)
        salt = noise(16, seed: log.committedSeq)
    }
}

/// A record that a test seals itself; any field may be wrong.
struct ForgedRecord {
    var kind: UInt8 = 1
    var flags: UInt8 = 1
    var reserved: UInt16 = 0
    var body: [UInt8]
    var bodySize: Int?
    var seqSkew: UInt64 = 0
    var time: UInt64 = World.start
    var padding: UInt8 = 0
    var plaintextSize: Int?
    var transactionStart: UInt64?
    var nonceOffset: UInt64?
    var previousTag: Bytes16?

    init(_ body: [UInt8]) { self.body = body }

    /// Creates a value or, if `value` is nil, a tombstone; or metadata, if `address` is that of metadata.
    init(_ address: Address, _ value: [UInt8]?, time: UInt64 = World.start) {
        body = ForgedRecord.body(address) + (value ?? [])
        kind = ForgedRecord.kind(address, value).rawValue
        self.time = time
    }

    static func body(_ address: Address) -> [UInt8] {
        let packed = address.secret.packed
        return Array(packed[0..<3]) + [0] + Array(packed[3...])
    }

    static func kind(_ address: Address, _ value: [UInt8]?) -> RecordKind {
        address.isOfMetadata ? .metadata : value == nil ? .tombstone : .value
    }
}

extension Forge {
    /// Returns the frame of a record behind `position`, and the position behind the frame.
    func frame(
        _ record: ForgedRecord, after position: Replay.Position, transactionStart: UInt64
    ) -> (bytes: [UInt8], end: Replay.Position) {
        let count = record.plaintextSize ?? Format.bucket(Format.prefixSize + record.body.count)
        var plaintext = [UInt8](repeating: record.padding, count: count)
        plaintext.replaceSubrange(48..<48 + record.body.count, with: record.body)
        var span = plaintext.mutableSpan
        span[0] = record.kind
        span[1] = record.flags
        span.store(record.reserved, at: 2)
        span.store(UInt32(record.bodySize ?? record.body.count), at: 4)
        span.store(position.seq &+ 1 &+ record.seqSkew, at: 8)
        (record.previousTag ?? position.tag).store(into: &span, at: 16)
        span.store(record.transactionStart ?? transactionStart, at: 32)
        span.store(record.time, at: 40)
        return seal(plaintext, after: position, nonceOffset: record.nonceOffset)
    }

    func seal(
        _ plaintext: [UInt8], after position: Replay.Position, nonceOffset: UInt64? = nil
    ) -> (bytes: [UInt8], end: Replay.Position) {
        var box = [UInt8](repeating: 0, count: plaintext.count + 16)
        var frame = [UInt8](repeating: 0, count: 32)
        var head = frame.mutableSpan
        head.store(UInt32(box.count), at: 0)
        head.copy(from: salt.span, at: 8)
        head.store(nonceOffset ?? position.end, at: 24)
        var span = box.mutableSpan
        SecretBox.seal(plaintext.span, nonce: frame.span.extracting(8..<32), key: key, into: &span)
        let bytes = Forge.withSum(frame + box)
        let end = Replay.Position(
            end: position.end + UInt64(bytes.count), seq: position.seq &+ 1, tag: Bytes16(box.span, at: 0))
        return (bytes, end)
    }

    /// Returns a frame with the right CRC.
    static func withSum(_ frame: [UInt8]) -> [UInt8] {
        var (sum, frame) = (CRC32C(), frame)
        sum.update(frame.span.extracting(0..<4))
        sum.update(frame.span.extracting(8..<frame.count))
        var span = frame.mutableSpan
        span.store(sum.value, at: 4)
        return frame
    }

    /// Returns the frames of one transaction.
    ///
    /// The last record gets COMMIT and no other has a flag, unless `keepsFlags`.
    func transaction(_ records: [ForgedRecord], after start: Replay.Position, keepsFlags: Bool = false)
        -> [UInt8]
    {
        var (bytes, position) = ([UInt8](), start)
        for (number, record) in records.enumerated() {
            var record = record
            if !keepsFlags { record.flags = number == records.count - 1 ? 1 : 0 }
            let next = frame(record, after: position, transactionStart: start.end)
            bytes += next.bytes
            position = next.end
        }
        return bytes
    }
}

extension World {
    /// Appends records with any content as one transaction, as a hostile or newer writer would.
    func forge(_ records: ForgedRecord..., keepsFlags: Bool = false) throws {
        let log = try open()
        let forge = try Forge(log)
        bytes += forge.transaction(records, after: log.replay.committed, keepsFlags: keepsFlags)
    }

    /// Returns offset and length of each frame of the file, until a length is invalid.
    func frames() -> [Range<Int>] {
        var frames: [Range<Int>] = []
        var offset = 4608
        let bytes = bytes
        while offset + 32 <= bytes.count {
            let count = 32 + Int(bytes.span.load(UInt32.self, at: offset))
            guard offset + count <= bytes.count else { break }
            frames.append(offset..<offset + count)
            offset += count
        }
        return frames
    }

    /// Changes the header and its copy, and corrects the hash.
    func changeHeader(_ change: (inout [UInt8]) -> Void) throws {
        var header = Array(bytes[0..<512])
        change(&header)
        header.replaceSubrange(448..<480, with: try BLAKE2b.hash(header.span.extracting(0..<448)))
        bytes.replaceSubrange(0..<512, with: header)
        bytes.replaceSubrange(4096..<4608, with: header)
    }
}

extension [UInt8] {
    /// Writes a little-endian number.
    mutating func store(_ value: some FixedWidthInteger & UnsignedInteger & BitwiseCopyable, at offset: Int) {
        var span = mutableSpan
        span.store(value, at: offset)
    }
}
