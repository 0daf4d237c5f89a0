internal import CSodium

/// BLAKE2b, with and without a key, for results of 16 to 64 bytes.
public enum BLAKE2b {
    /// Returns the first `count` bytes of the hash of `message`, which is public.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func hash(_ message: Span<UInt8>, count: Int = 32) throws(SodiumError) -> [UInt8] {
        try array(message, key: nil, count: count)
    }

    /// Returns the hash of `message` under `key` in `count` bytes, for results that may be public, such as a
    /// MAC.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func authenticate(
        _ message: Span<UInt8>, key: borrowing Key, count: Int = 32
    ) throws(SodiumError) -> [UInt8] {
        try key.withBytes { key throws(SodiumError) in try array(message, key: key, count: count) }
    }

    /// Returns the hash of `message` in `count` bytes, under a key of 16 to 64 bytes that is not secret.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func hash(
        _ message: Span<UInt8>, underPublicKey key: Span<UInt8>, count: Int
    ) throws(SodiumError) -> [UInt8] {
        try array(message, key: key, count: count)
    }

    /// Returns the key BLAKE2b-256(`key`, `label` ‖ `context`).
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public static func deriveKey(
        from key: borrowing Key, label: StaticString, context: Span<UInt8>? = nil
    ) throws(SodiumError) -> Key {
        let message = concatenate(label, context)
        var derived = try SecretBytes(count: Key.count)
        key.withBytes { key in derived.withMutableBytes { compute(message.span, key: key, into: &$0) } }
        return Key(derived)
    }

    /// Returns BLAKE2b-512(`secret`, `label` ‖ `context`) in guarded memory, for a `secret` of 16 to 64
    /// bytes.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public static func deriveBytes(
        from secret: Span<UInt8>, label: StaticString, context: Span<UInt8>
    ) throws(SodiumError) -> SecretBytes {
        let message = concatenate(label, context)
        var derived = try SecretBytes(count: 64)
        derived.withMutableBytes { compute(message.span, key: secret, into: &$0) }
        return derived
    }

    private static func concatenate(_ label: StaticString, _ context: Span<UInt8>?) -> [UInt8] {
        var message = Array(label.description.utf8)
        if let context { unsafe context.withUnsafeBufferPointer { unsafe message.append(contentsOf: $0) } }
        return message
    }

    private static func array(
        _ message: Span<UInt8>, key: Span<UInt8>?, count: Int
    ) throws(SodiumError) -> [UInt8] {
        try Library.start()
        return [UInt8](count: count) { compute(message, key: key, into: &$0) }
    }

    private static func compute(
        _ message: Span<UInt8>, key: Span<UInt8>?, into result: inout MutableSpan<UInt8>
    ) {
        let status = unsafe result.withPointer { result, resultSize in
            unsafe message.withPointer { message, count in
                guard let key else {
                    return unsafe crypto_generichash(result, resultSize, message, UInt64(count), nil, 0)
                }
                return unsafe key.withPointer { key, keyCount in
                    unsafe crypto_generichash(result, resultSize, message, UInt64(count), key, keyCount)
                }
            }
        }
        precondition(status == 0, "the result and the key have 16 to 64 bytes")
    }
}
