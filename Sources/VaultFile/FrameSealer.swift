internal import Platform
package import Sodium

/// Seals plaintexts into consecutive frames.
///
/// Plaintexts wait in guarded memory until they fill a group. The first 16 bytes of the nonces of a group are a hash over random
/// bytes, the preceding tag and all plaintexts of the group. So a machine whose random numbers repeat, for instance after a
/// snapshot was restored, repeats a nonce only for an identical frame.
package struct FrameSealer: ~Copyable {
    /// The position after the last frame that was sealed.
    package private(set) var position: Replay.Position
    private var key: BoxKey
    private let nonceKey: Key
    /// The 16 random bytes of the present transaction.
    private var salt: [UInt8] = []
    /// The plaintexts of the group, one after the other.
    private var group: SecretBytes
    /// The number of bytes of each plaintext in the group, and of all together.
    private var sizes: [Int] = []
    private var usedSize = 0
    /// The offset at which the frame of the next plaintext will begin.
    package private(set) var nextOffset: UInt64

    /// How many bytes of plaintext a group holds at least, so that hashing costs little for each frame.
    private static let groupSize = 64 << 10

    /// Creates a sealer of frames under `key` after `position`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    package init(after position: Replay.Position, key: consuming Key) throws(VaultFileError) {
        let nonceKey = try guarding(BLAKE2b.deriveKey(from: key, label: "vault-1 nonces"))
        let group = try guarding(SecretBytes(count: 1024))
        let boxKey = try guarding(BoxKey(copying: key))
        self.nonceKey = nonceKey
        self.group = group
        self.key = boxKey
        self.position = position
        nextOffset = position.end
    }

    /// The number of the next plaintext's frame.
    package var nextSeq: UInt64 { position.seq + UInt64(sizes.count) + 1 }

    /// Begins a transaction after `position`.
    ///
    /// - Parameter salt: 16 random bytes that no other transaction has.
    package mutating func begin(after position: Replay.Position, salt: [UInt8]) {
        wipe()
        self.position = position
        self.salt = salt
        nextOffset = position.end
    }

    /// Allocates memory for plaintexts of at most `longest` bytes each and about `total` bytes together.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    package mutating func reserve(longest: Int, total: Int) throws(VaultFileError) {
        let wanted = max(longest, min(FrameSealer.groupSize, total))
        guard group.count < wanted else { return }
        var larger = try guarding(SecretBytes(count: wanted))
        group.withBytes { old in larger.withMutableBytes { $0.copy(from: old, at: 0) } }
        group = larger
    }

    /// Discards the plaintexts of the group, and wipes their memory.
    package mutating func wipe() {
        let size = usedSize
        group.withMutableBytes { $0.wipe(0..<size) }
        sizes.removeAll(keepingCapacity: true)
        usedSize = 0
        nextOffset = position.end
    }

    /// True if the memory of the group holds no plaintext.
    var isWiped: Bool { group.withBytes { $0.isZero($0.indices) } }

    /// Adds a plaintext of `size` bytes, for which memory was reserved.
    ///
    /// - Parameters:
    ///   - frames: receives the frames of the present group if that is full.
    ///   - fill: writes the plaintext over zeros. The preceding tag is stored when the plaintext is sealed.
    package mutating func add(
        _ size: Int, to frames: inout [UInt8], _ fill: (inout MutableSpan<UInt8>) -> Void
    ) {
        if usedSize + size > group.count { seal(to: &frames) }
        let start = usedSize
        group.withMutableBytes(from: start) { plaintext in
            plaintext.wipe(0..<size)
            fill(&plaintext)
        }
        sizes.append(size)
        usedSize += size
        nextOffset += UInt64(Format.frameOverhead + size + SecretBox.tagSize)
    }

    /// Ends the transaction with the last plaintext that was added, and seals the group.
    package mutating func commit(to frames: inout [UInt8]) {
        guard let size = sizes.last else { return }
        let start = usedSize - size
        group.withMutableBytes(from: start) { RecordPrefix.setCommit(in: &$0) }
        seal(to: &frames)
    }

    /// Seals the plaintexts of the group, and appends their frames.
    private mutating func seal(to frames: inout [UInt8]) {
        var nonce = nonceHalf() + [UInt8](repeating: 0, count: 8)
        var start = 0
        for size in sizes {
            seal(start..<start + size, &nonce, to: &frames)
            start += size
        }
        wipe()
    }

    /// Computes the 16 bytes that the nonces of the group share.
    private func nonceHalf() -> [UInt8] {
        var hash = KeyedHash(key: nonceKey, salt: salt.span, count: 16)
        let (tag, size) = (position.tag.bytes, usedSize)
        hash.update(tag.span)
        group.withBytes { hash.update($0.extracting(0..<size)) }
        return hash.finish()
    }

    /// Seals the plaintext at `range` of the group after `position`, and appends its frame.
    private mutating func seal(_ range: Range<Int>, _ nonce: inout [UInt8], to frames: inout [UInt8]) {
        let (boxSize, start, before) = (range.count + SecretBox.tagSize, position.end, position.tag)
        var nonceSpan = nonce.mutableSpan
        nonceSpan.store(start, at: 16)
        let frame = frames.count..<frames.count + Format.frameOverhead + boxSize
        frames.append(zeros: frame.count)
        var bytes = frames.mutableSpan
        bytes.store(UInt32(boxSize), at: frame.lowerBound)
        bytes.copy(from: nonceSpan.span, at: frame.lowerBound + 8)
        let box = frame.lowerBound + Format.frameOverhead
        group.withMutableBytes(from: range.lowerBound) { RecordPrefix.setPreviousTag(before, in: &$0) }
        group.withBytes { group in
            key.seal(group.extracting(range), nonce: nonceSpan.span, into: &bytes, at: box)
        }
        bytes.store(FrameHead.sum(of: bytes.span.extracting(frame)), at: frame.lowerBound + 4)
        position = Replay.Position(
            end: start + UInt64(frame.count), seq: position.seq + 1, tag: Bytes16(bytes.span, at: box),
            lastFrame: start)
    }
}

extension Entropy {
    /// Returns 16 random bytes for the nonces of a transaction.
    package func salt() throws(VaultFileError) -> [UInt8] {
        try guarding(bytes(16))
    }
}
