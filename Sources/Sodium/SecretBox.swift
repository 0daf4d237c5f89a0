internal import CSodium

/// A 32-byte key in guarded memory.
public struct Key: ~Copyable, Sendable {
    /// The length of every key, in bytes.
    public static let count = 32

    private let bytes: SecretBytes

    init(_ bytes: consuming SecretBytes) {
        precondition(bytes.count == Key.count)
        self.bytes = bytes
    }

    /// Creates a random key.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init() throws(SodiumError) { self.init(try SecretBytes(randomCount: Key.count)) }

    /// Creates a key from the ``count`` bytes of `span`.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init(copying span: Span<UInt8>) throws(SodiumError) {
        self.init(try SecretBytes(copying: span))
    }

    /// Calls `body` with the key's bytes.
    public borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try bytes.withBytes(body)
    }
}

/// libsodium's secretbox: XSalsa20-Poly1305 with a 24-byte nonce.
public enum SecretBox {
    /// The length of a nonce, in bytes.
    public static let nonceSize = 24
    /// The length of the tag that precedes the encrypted message in a box, in bytes.
    public static let tagSize = 16

    /// Seals `message` into the `message.count + tagSize` bytes of `box` from `offset` on.
    public static func seal(
        _ message: Span<UInt8>, nonce: Span<UInt8>, key: borrowing Key, into box: inout MutableSpan<UInt8>,
        at offset: Int = 0
    ) {
        precondition(nonce.count == nonceSize && offset >= 0)
        precondition(box.count - offset >= message.count + tagSize)
        key.withBytes { key in
            unsafe message.withPointer { message, count in
                unsafe nonce.withPointer { nonce, _ in
                    unsafe key.withPointer { key, _ in
                        unsafe box.withPointer { box, _ in
                            // Fails only for messages of more than 2⁶⁴ bytes.
                            _ = unsafe crypto_secretbox_easy(box + offset, message, UInt64(count), nonce, key)
                        }
                    }
                }
            }
        }
    }

    /// Opens `box` into the first `box.count - tagSize` bytes of `message`.
    ///
    /// - Returns: true if the box is authentic; otherwise `message` is unchanged.
    public static func open(
        _ box: Span<UInt8>, nonce: Span<UInt8>, key: borrowing Key, into message: inout MutableSpan<UInt8>
    ) -> Bool {
        precondition(nonce.count == nonceSize && message.count >= box.count - tagSize)
        guard box.count >= tagSize else { return false }
        return key.withBytes { key in
            unsafe box.withPointer { box, count in
                unsafe nonce.withPointer { nonce, _ in
                    unsafe key.withPointer { key, _ in
                        unsafe message.withPointer { message, _ in
                            unsafe crypto_secretbox_open_easy(message, box, UInt64(count), nonce, key) == 0
                        }
                    }
                }
            }
        }
    }
}
