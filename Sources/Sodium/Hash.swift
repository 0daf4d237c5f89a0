internal import CSodium

/// BLAKE2b, with and without a key, for results of 16 to 64 bytes.
public enum BLAKE2b {
    /// The hash of `message`, `count` bytes of it.
    ///
    /// For public data: the result is an ordinary array.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func hash(_ message: Span<UInt8>, count: Int = 32) throws(SodiumError) -> [UInt8] {
        try Library.start()
        return [UInt8](filledLength: count) { compute(message, key: nil, into: &$0) }
    }

    /// The hash of `message` under `key` (32 bytes), `count` bytes of it.
    ///
    /// For results that may be public, such as a MAC.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func authenticate(
        _ message: Span<UInt8>, key: borrowing Key, count: Int = 32
    ) throws(SodiumError) -> [UInt8] {
        try Library.start()
        return key.withBytes { key in
            [UInt8](filledLength: count) { compute(message, key: key, into: &$0) }
        }
    }

    /// The hash of `message` under a key of 16 to 64 bytes that is no secret, `count` bytes of it.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func hash(
        _ message: Span<UInt8>, underPublicKey key: Span<UInt8>, count: Int
    ) throws(SodiumError) -> [UInt8] {
        try Library.start()
        return [UInt8](filledLength: count) { compute(message, key: key, into: &$0) }
    }

    /// The key that `label` and `context` derive from `key`: BLAKE2b-256(key, label ‖ context).
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public static func deriveKey(
        from key: borrowing Key, label: StaticString, context: Span<UInt8>? = nil
    ) throws(SodiumError) -> Key {
        let message = concatenate(label, context)
        var derived = try SecretBytes(count: Key.count)
        key.withBytes { key in derived.withMutableBytes { compute(message.span, key: key, into: &$0) } }
        return try derived.withBytes { bytes throws(SodiumError) in try Key(copying: bytes) }
    }

    /// BLAKE2b-512(secret, label ‖ context) in guarded memory, for a `secret` of 16 to 64 bytes.
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
        if let context {
            for index in context.indices { message.append(context[index]) }
        }
        return message
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
        // Refuses only lengths outside 16 to 64 bytes, which are constants of the callers.
        precondition(status == 0)
    }
}

extension [UInt8] {
    /// An array of `length` bytes that `fill` writes all of.
    fileprivate init(filledLength length: Int, fill: (inout MutableSpan<UInt8>) -> Void) {
        self.init(repeating: 0, count: length)
        var span = mutableSpan
        fill(&span)
    }
}

extension Span where Element == UInt8 {
    /// Whether both have the same bytes, in a time that depends on their lengths alone.
    public func isEqualInConstantTime(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withPointer { left, count in
            unsafe other.withPointer { right, _ in unsafe sodium_memcmp(left, right, count) == 0 }
        }
    }
}
