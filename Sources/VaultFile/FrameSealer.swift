internal import Platform
package import Sodium

/// Seals plaintexts into frames that follow one another in a file.
///
/// Plaintexts wait in guarded memory until there are enough for a group. The first half of its frames' nonces is a hash over random
/// bytes, the tag before them and all that they say: a machine whose random numbers come back, as those of a restored
/// snapshot do, repeats a nonce only where it repeats the frame.
package struct FrameSealer: ~Copyable {
    /// Behind the last frame that was sealed.
    package private(set) var position: Replay.Position
    private let key: Key
    private let nonceKey: Key
    /// The random bytes of this attempt to write a transaction.
    private var salt: [UInt8] = []
    /// The plaintexts that wait, one behind the other, and the length of each.
    private var group: SecretBytes
    private var sizes: [Int] = []
    private var usedSize = 0
    /// Where the next plaintext's frame will begin.
    package private(set) var nextOffset: UInt64

    /// How many bytes of plaintexts share half a nonce, where there are so many: enough for the hash of each group to cost little.
    private static let groupSize = 64 << 10

    /// Frames under `key` behind `position`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    package init(after position: Replay.Position, key: consuming Key) throws(VaultFileError) {
        let nonceKey = try guarding { () throws(SodiumError) in
            try BLAKE2b.deriveKey(from: key, label: "vault-1 nonces")
        }
        let group = try guarding { () throws(SodiumError) in try SecretBytes(count: 1024) }
        self.nonceKey = nonceKey
        self.group = group
        self.key = key
        self.position = position
        nextOffset = position.end
    }

    /// The number of the next plaintext's frame.
    package var nextSeq: UInt64 { position.seq + UInt64(sizes.count) + 1 }

    /// Begins a transaction behind `position`, with random bytes (16) of its own.
    package mutating func begin(after position: Replay.Position, salt: [UInt8]) {
        wipe()
        self.position = position
        self.salt = salt
        nextOffset = position.end
    }

    /// Makes room for plaintexts of at most `longest` bytes and of about `total` in all, keeping those that wait.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    package mutating func reserve(longest: Int, total: Int) throws(VaultFileError) {
        let wanted = max(longest, min(FrameSealer.groupSize, total))
        guard group.count < wanted else { return }
        var larger = try guarding { () throws(SodiumError) in try SecretBytes(count: wanted) }
        group.withBytes { old in larger.withMutableBytes { $0.copy(from: old, at: 0) } }
        group = larger
    }

    /// Wipes the plaintexts that wait, and what the last frames left.
    package mutating func wipe() {
        let size = usedSize
        group.withMutableBytes { $0.wipe(0..<size) }
        sizes.removeAll(keepingCapacity: true)
        usedSize = 0
        nextOffset = position.end
    }

    /// Whether nothing of any plaintext is left.
    var isWiped: Bool { group.withBytes { $0.isZero($0.indices) } }

    /// Adds a plaintext of `size` bytes, for which there is room, and lends its bytes, which are zero.
    ///
    /// The tag before it is filled in when it is sealed.
    ///
    /// - Parameter frames: is appended the frames before, if this group is full.
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

    /// Ends the transaction with the last plaintext that was added, and seals all that wait.
    package mutating func commit(to frames: inout [UInt8]) {
        guard let size = sizes.last else { return }
        let start = usedSize - size
        group.withMutableBytes(from: start) { RecordPrefix.setCommit(in: &$0) }
        seal(to: &frames)
    }

    /// Seals the plaintexts that wait, and appends their frames.
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

    /// Seals the plaintext at `range` of the group behind `position`, and appends its frame.
    private mutating func seal(_ range: Range<Int>, _ nonce: inout [UInt8], to frames: inout [UInt8]) {
        let (boxSize, start, before) = (range.count + SecretBox.tagSize, position.end, position.tag)
        var nonceSpan = nonce.mutableSpan
        nonceSpan.store(start, at: 16)
        let frame = frames.count..<frames.count + Format.frameOverhead + boxSize
        frames.append(contentsOf: repeatElement(0, count: frame.count))
        var bytes = frames.mutableSpan
        bytes.store(UInt32(boxSize), at: frame.lowerBound)
        bytes.copy(from: nonceSpan.span, at: frame.lowerBound + 8)
        let box = frame.lowerBound + Format.frameOverhead
        group.withMutableBytes(from: range.lowerBound) { RecordPrefix.setPreviousTag(before, in: &$0) }
        group.withBytes { group in
            SecretBox.seal(group.extracting(range), nonce: nonceSpan.span, key: key, into: &bytes, at: box)
        }
        bytes.store(FrameHead.sum(of: bytes.span.extracting(frame)), at: frame.lowerBound + 4)
        position = Replay.Position(
            end: start + UInt64(frame.count), seq: position.seq + 1, tag: Bytes16(bytes.span, at: box),
            lastFrame: start)
    }
}

extension Entropy {
    /// The random bytes (16) in the nonces of a transaction.
    package func salt() throws(VaultFileError) -> [UInt8] {
        try guarding { () throws(SodiumError) in try bytes(16) }
    }
}
