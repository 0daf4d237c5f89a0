internal import Platform
package import Sodium

/// Seals plaintexts into frames that follow one another in a file.
package struct FrameSealer {
    /// Where the next frame begins, and what it must name.
    package private(set) var position: Replay.Position
    /// L, CRC and nonce of the frame at hand; the random half of the nonce stays.
    private var head: [UInt8]
    /// The box at hand, and what longer ones left behind it.
    private var box: [UInt8] = []

    /// Frames behind `position`, all with the random bytes `salt` (16) in their nonces.
    package init(after position: Replay.Position, salt: [UInt8]) {
        self.position = position
        head = [UInt8](repeating: 0, count: Format.frameOverhead)
        renew(salt)
    }

    /// Takes other random bytes (16), as each transaction needs them.
    package mutating func renew(_ salt: [UInt8]) {
        var span = head.mutableSpan
        span.copy(from: salt.span, at: 8)
    }

    /// Appends the next frame to `frames`.
    package mutating func append(
        _ plaintext: Span<UInt8>, key: borrowing Key, to frames: inout [UInt8]
    ) {
        let (boxCount, before) = (plaintext.count + SecretBox.tagCount, position)
        // Moved out for a moment, so that both can be written to.
        var (head, box) = ([UInt8](), [UInt8]())
        swap(&head, &self.head)
        swap(&box, &self.box)
        defer {
            swap(&head, &self.head)
            swap(&box, &self.box)
        }
        if box.count < boxCount { box = [UInt8](repeating: 0, count: boxCount) }
        head.store(UInt32(boxCount), at: 0)
        head.store(before.end, at: 24)
        var boxSpan = box.mutableSpan
        SecretBox.seal(plaintext, nonce: head.span.extracting(8..<32), key: key, into: &boxSpan)
        var sum = CRC32C()
        sum.update(head.span.extracting(0..<4))
        sum.update(head.span.extracting(8..<head.count))
        sum.update(box.span.extracting(first: boxCount))
        head.store(sum.value, at: 4)
        frames += head
        frames += box.prefix(boxCount)
        position = Replay.Position(
            end: before.end + UInt64(Format.frameOverhead + boxCount), seq: before.seq + 1,
            tag: Bytes16(box.span, at: 0), lastFrame: before.end)
    }
}

extension [UInt8] {
    /// Writes `value` at `offset`, little-endian.
    fileprivate mutating func store(
        _ value: some FixedWidthInteger & UnsignedInteger & BitwiseCopyable, at offset: Int
    ) {
        var span = mutableSpan
        span.store(value, at: offset)
    }
}
