internal import Platform
package import Sodium

/// Seals plaintexts into frames that follow one another in a file.
///
/// The plaintext of the next frame waits in guarded memory of the sealer's own, where it may still be changed.
package struct FrameSealer: ~Copyable {
    /// Where the next frame begins, and what it must name.
    package private(set) var position: Replay.Position
    private var key: BoxKey
    private var room: SecretBytes
    /// L, CRC and nonce of the frame at hand; the random half of the nonce stays.
    private var head = [UInt8](repeating: 0, count: Format.frameOverhead)

    /// Frames under `key` behind `position`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    package init(after position: Replay.Position, key: consuming Key) throws(VaultFileError) {
        let room = try BoxKey.room()
        self.key = try BoxKey(guarding: key)
        self.room = room
        self.position = position
    }

    /// Begins a transaction behind `position`, with the random bytes `salt` (16) in its nonces.
    package mutating func begin(after position: Replay.Position, salt: [UInt8]) {
        self.position = position
        var span = head.mutableSpan
        span.copy(from: salt.span, at: 8)
    }

    /// Makes room for a plaintext of `count` bytes, keeping the one that waits.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    package mutating func reserve(_ count: Int) throws(VaultFileError) {
        guard room.count < BoxKey.roomCount(count) else { return }
        var larger = try guarding { () throws(SodiumError) in
            try SecretBytes(count: BoxKey.roomCount(count))
        }
        room.withBytes { old in larger.withMutableBytes { $0.copy(from: old, at: 0) } }
        room = larger
    }

    /// Wipes what the last frames left, and a plaintext that was not sealed.
    package mutating func wipe() {
        let count = room.count
        room.withMutableBytes { $0.wipe(0..<count) }
    }

    /// Lends the plaintext of the next frame, which has as much room as was reserved.
    package mutating func withPlaintext<R>(_ body: (inout MutableSpan<UInt8>) -> R) -> R {
        room.withMutableBytes(from: BoxKey.roomLead, body)
    }

    /// Seals the first `count` bytes of the plaintext and appends the frame to `frames`.
    package mutating func seal(_ count: Int, to frames: inout [UInt8]) {
        let (boxCount, start) = (count + SecretBox.tagCount, position.end)
        var span = head.mutableSpan
        span.store(UInt32(boxCount), at: 0)
        span.store(start, at: 24)
        let head = head
        room.withMutableBytes {
            key.seal(inRoom: &$0, messageCount: count, nonce: head.span.extracting(8..<head.count))
        }
        let box = BoxKey.roomLead - SecretBox.tagCount..<BoxKey.roomLead + count
        let (sum, tag) = room.withBytes { room in
            var sum = CRC32C()
            sum.update(head.span.extracting(0..<4))
            sum.update(head.span.extracting(8..<head.count))
            sum.update(room.extracting(box))
            return (sum.value, Bytes16(room, at: box.lowerBound))
        }
        let frame = frames.count
        frames.append(copying: head.span)
        room.withBytes { frames.append(copying: $0.extracting(box)) }
        var written = frames.mutableSpan
        written.store(sum, at: frame + 4)
        position = Replay.Position(
            end: start + UInt64(Format.frameOverhead + boxCount), seq: position.seq + 1, tag: tag,
            lastFrame: start)
    }
}

extension BoxKey {
    /// Room for most frames, which grows for longer ones.
    static func room() throws(VaultFileError) -> SecretBytes {
        try guarding { () throws(SodiumError) in try SecretBytes(count: 4080) }
    }

    /// Boxes under `key`.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    init(guarding key: consuming Key) throws(VaultFileError) {
        do throws(SodiumError) {
            self = try BoxKey(key)
        } catch {
            throw VaultFileError(error)
        }
    }
}

extension Entropy {
    /// The random bytes (16) in the nonces of a transaction.
    package func salt() throws(VaultFileError) -> [UInt8] {
        try guarding { () throws(SodiumError) in try bytes(16) }
    }
}
