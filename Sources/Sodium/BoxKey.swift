internal import CSodium

/// A key that opens and seals the boxes of ``SecretBox``, in half the time if messages are short and nonces begin alike.
///
/// For each box, `crypto_secretbox_easy` derives a subkey from the first 16 bytes of the nonce, then asks for the stream twice, in
/// parts too short for libsodium's vector code, which needs 256 bytes. All frames of a transaction share those 16 bytes. So the
/// subkey is kept here, and one stream of at least 256 bytes yields the key of the tag and encrypts the message. The construction is
/// section 10 of Bernstein, "Cryptography in NaCl". Long messages are left to ``SecretBox``.
public struct BoxKey: ~Copyable, Sendable {
    /// The key, and the subkey for ``salt``; then the key of a tag and a message, which are zeros between calls.
    private var memory: SecretBytes
    /// The first 16 bytes of the last nonce.
    private var salt: (UInt64, UInt64)?

    private static let subkeyOffset = Key.count
    private static let bufferOffset = 2 * Key.count
    private static let tagKeySize = 32
    private static let minStream = 256
    private static let maxMessage = 2048

    /// Copies `key`.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init(copying key: borrowing Key) throws(SodiumError) {
        var memory = try BoxKey.allocate()
        key.withBytes { key in memory.withMutableBytes { $0.copy(from: key, at: 0) } }
        self.memory = memory
    }

    private init(_ memory: consuming SecretBytes) { self.memory = memory }

    private static func allocate() throws(SodiumError) -> SecretBytes {
        try SecretBytes(count: bufferOffset + tagKeySize + maxMessage)
    }

    /// Returns the same key, with memory of its own.
    ///
    /// - Throws: as ``init(copying:)``.
    public borrowing func copy() throws(SodiumError) -> BoxKey {
        var memory = try BoxKey.allocate()
        withKey { key in memory.withMutableBytes { $0.copy(from: key, at: 0) } }
        return BoxKey(memory)
    }

    private borrowing func withKey<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try memory.withBytes { memory throws(E) in try body(memory.extracting(0..<Key.count)) }
    }

    /// Seals `message` into the `message.count + SecretBox.tagSize` bytes of `box` from `offset` on.
    public mutating func seal(
        _ message: Span<UInt8>, nonce: Span<UInt8>, into box: inout MutableSpan<UInt8>, at offset: Int
    ) {
        guard message.count <= BoxKey.maxMessage else {
            return withKey { SecretBox.seal(message, nonce: nonce, key: $0, into: &box, at: offset) }
        }
        precondition(offset >= 0 && box.count - offset >= message.count + SecretBox.tagSize)
        unsafe withStream(over: message, nonce: nonce) { buffer, count in
            unsafe box.withPointer { box, _ in
                let encrypted = unsafe UnsafePointer(buffer + BoxKey.tagKeySize)
                unsafe (box + offset + SecretBox.tagSize).update(from: encrypted, count: count)
                unsafe crypto_onetimeauth(box + offset, encrypted, UInt64(count), buffer)
            }
        }
    }

    /// Opens `box` into the first `box.count - SecretBox.tagSize` bytes of `message`.
    ///
    /// - Returns: true if the box is authentic; otherwise `message` is unchanged.
    public mutating func open(
        _ box: Span<UInt8>, nonce: Span<UInt8>, into message: inout MutableSpan<UInt8>
    ) -> Bool {
        let count = box.count - SecretBox.tagSize
        guard 0...BoxKey.maxMessage ~= count else {
            return withKey { SecretBox.open(box, nonce: nonce, key: $0, into: &message) }
        }
        precondition(message.count >= count)
        let encrypted = box.extracting(SecretBox.tagSize..<box.count)
        return unsafe withStream(over: encrypted, nonce: nonce) { buffer, count in
            let isAuthentic = unsafe box.withPointer { box, _ in
                unsafe crypto_onetimeauth_verify(box, box + SecretBox.tagSize, UInt64(count), buffer) == 0
            }
            guard isAuthentic else { return false }
            unsafe message.withPointer { message, _ in
                unsafe message.update(from: buffer + BoxKey.tagKeySize, count: count)
            }
            return true
        }
    }

    /// Calls `body` with the key of the tag, followed by `text` combined with the stream, and with the number of bytes in `text`.
    private mutating func withStream<R>(
        over text: Span<UInt8>, nonce: Span<UInt8>, _ body: (UnsafeMutablePointer<UInt8>, Int) -> R
    ) -> R {
        precondition(nonce.count == SecretBox.nonceSize)
        let count = text.count
        let size = max(BoxKey.minStream, BoxKey.tagKeySize + count)
        return unsafe nonce.withPointer { nonce, _ in
            unsafe derive(nonce)
            return memory.withMutableBytes { memory in
                memory.copy(from: text, at: BoxKey.bufferOffset + BoxKey.tagKeySize)
                let result = unsafe memory.withPointer { memory, _ in
                    let buffer = unsafe memory + BoxKey.bufferOffset
                    // Fails only for messages of more than 2⁶⁴ bytes.
                    _ = unsafe crypto_stream_salsa20_xor(
                        buffer, buffer, UInt64(size), nonce + 16, memory + BoxKey.subkeyOffset)
                    return unsafe body(buffer, count)
                }
                memory.wipe(BoxKey.bufferOffset..<BoxKey.bufferOffset + size)
                return result
            }
        }
    }

    /// Derives the subkey for a nonce, unless the last nonce had the same.
    private mutating func derive(_ nonce: UnsafePointer<UInt8>) {
        let words = unsafe UnsafeRawPointer(nonce)
        let salt = unsafe (
            words.loadUnaligned(as: UInt64.self), words.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        if let last = self.salt, last == salt { return }
        self.salt = salt
        memory.withMutableBytes { memory in
            unsafe memory.withPointer { memory, _ in
                _ = unsafe crypto_core_hsalsa20(memory + BoxKey.subkeyOffset, nonce, memory, nil)
            }
        }
    }
}
