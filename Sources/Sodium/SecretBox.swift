internal import CSodium

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
        key.withBytes { seal(message, nonce: nonce, key: $0, into: &box, at: offset) }
    }

    static func seal(
        _ message: Span<UInt8>, nonce: Span<UInt8>, key: Span<UInt8>, into box: inout MutableSpan<UInt8>,
        at offset: Int
    ) {
        precondition(nonce.count == nonceSize && key.count == Key.count && offset >= 0)
        precondition(box.count - offset >= message.count + tagSize)
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

    /// Opens `box` into the first `box.count - tagSize` bytes of `message`.
    ///
    /// - Returns: true if the box is authentic; otherwise `message` is unchanged.
    public static func open(
        _ box: Span<UInt8>, nonce: Span<UInt8>, key: borrowing Key, into message: inout MutableSpan<UInt8>
    ) -> Bool {
        key.withBytes { open(box, nonce: nonce, key: $0, into: &message) }
    }

    static func open(
        _ box: Span<UInt8>, nonce: Span<UInt8>, key: Span<UInt8>, into message: inout MutableSpan<UInt8>
    ) -> Bool {
        precondition(nonce.count == nonceSize && key.count == Key.count)
        precondition(message.count >= box.count - tagSize)
        guard box.count >= tagSize else { return false }
        return unsafe box.withPointer { box, count in
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
