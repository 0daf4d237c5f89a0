internal import CSodium

/// A key with which many boxes are opened and sealed, in place.
///
/// The bytes are those of ``SecretBox``, for which libsodium's `crypto_secretbox_easy` takes two or three times as long when
/// messages are short. It derives a key from the first 16 bytes of each nonce; here that is done once for boxes that share them, as all
/// of a transaction do. And it makes the stream in two steps, 32 bytes for the tag's key and then what the message needs, while its
/// vector code begins at 256 bytes; here one stream of at least that length serves both.
///
/// The *room* is guarded memory: ``roomLead`` bytes, then the message, then what is left. Each call uses all of it up.
public struct BoxKey: ~Copyable, Sendable {
    private let key: Key
    /// What the key and the salt give, for the rest of the nonce.
    private var subkey: SecretBytes
    /// The first half of the last nonce, as two words.
    private var salt: (UInt64, UInt64)?

    /// How many bytes of a room lie before the message.
    public static let roomLead = 32

    /// How many bytes a room has at least.
    private static let leastRoom = 256

    /// The length of a room for a message of `messageSize` bytes.
    public static func workBufferSize(_ messageSize: Int) -> Int { max(leastRoom, roomLead + messageSize) }

    /// Boxes under `key`.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init(_ key: consuming Key) throws(SodiumError) {
        self.key = key
        subkey = try SecretBytes(count: Key.count)
    }

    /// The same key in guarded memory of its own.
    ///
    /// - Throws: as ``init(_:)``.
    public borrowing func copy() throws(SodiumError) -> BoxKey {
        try BoxKey(try key.withBytes { bytes throws(SodiumError) in try Key(copying: bytes) })
    }

    /// Opens `box`; the message then begins at ``roomLead`` in `room`.
    ///
    /// - Parameter room: at least `workBufferSize(box.count - SecretBox.tagSize)` bytes.
    /// - Returns: whether the box is authentic; if not, nothing is left in `room`.
    public mutating func open(
        _ box: Span<UInt8>, nonce: Span<UInt8>, inRoom room: inout MutableSpan<UInt8>
    ) -> Bool {
        guard box.count >= SecretBox.tagSize else { return false }
        let count = box.count - SecretBox.tagSize
        room.wipe(0..<BoxKey.roomLead)
        room.copy(from: box.extracting(SecretBox.tagSize..<box.count), at: BoxKey.roomLead)
        addStream(to: &room, messageSize: count, nonce: nonce)
        let isAuthentic = unsafe room.withPointer { room, _ in
            unsafe box.withPointer { box, _ in
                unsafe crypto_onetimeauth_verify(box, box + SecretBox.tagSize, UInt64(count), room) == 0
            }
        }
        if !isAuthentic { room.wipe(0..<BoxKey.workBufferSize(count)) }
        return isAuthentic
    }

    /// Seals the `messageSize` bytes at ``roomLead`` in `room`; the box then begins `SecretBox.tagCount` bytes before that.
    ///
    /// - Parameter room: at least `workBufferSize(messageSize)` bytes.
    public mutating func seal(
        inRoom room: inout MutableSpan<UInt8>, messageSize: Int, nonce: Span<UInt8>
    ) {
        room.wipe(0..<BoxKey.roomLead)
        addStream(to: &room, messageSize: messageSize, nonce: nonce)
        unsafe room.withPointer { room, _ in
            unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SecretBox.tagSize) { tag in
                guard let tag = tag.baseAddress else { return }
                unsafe crypto_onetimeauth(tag, room + BoxKey.roomLead, UInt64(messageSize), room)
                unsafe sodium_memzero(room, BoxKey.roomLead)
                unsafe (room + BoxKey.roomLead - SecretBox.tagSize).update(
                    from: tag, count: SecretBox.tagSize)
            }
        }
    }

    /// Adds the stream of `nonce` to a room, whose first ``roomLead`` bytes are zero and become the tag's key.
    private mutating func addStream(
        to room: inout MutableSpan<UInt8>, messageSize: Int, nonce: Span<UInt8>
    ) {
        let count = BoxKey.workBufferSize(messageSize)
        precondition(nonce.count == SecretBox.nonceSize && messageSize >= 0 && room.count >= count)
        unsafe nonce.withPointer { nonce, _ in
            unsafe derive(nonce)
            subkey.withBytes { subkey in
                unsafe subkey.withPointer { subkey, _ in
                    unsafe room.withPointer { room, _ in
                        // Cannot fail: there is no limit to the length of this stream.
                        _ = unsafe crypto_stream_salsa20_xor(room, room, UInt64(count), nonce + 16, subkey)
                    }
                }
            }
        }
    }

    /// Derives the key that belongs to the first 16 bytes of a nonce, unless it is at hand.
    private mutating func derive(_ nonce: UnsafePointer<UInt8>) {
        let words = unsafe UnsafeRawPointer(nonce)
        let salt = unsafe (
            words.loadUnaligned(as: UInt64.self), words.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        if let last = self.salt, last == salt { return }
        self.salt = salt
        key.withBytes { key in
            subkey.withMutableBytes { subkey in
                unsafe key.withPointer { key, _ in
                    unsafe subkey.withPointer { subkey, _ in
                        _ = unsafe crypto_core_hsalsa20(subkey, nonce, key, nil)
                    }
                }
            }
        }
    }
}
