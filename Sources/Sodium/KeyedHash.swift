internal import CSodium

/// BLAKE2b under a key, over a message that comes in pieces.
@safe public struct KeyedHash: ~Copyable {
    private let state: OpaquePointer
    private let count: Int

    /// The hash of nothing yet, `count` bytes of it (16 to 64), under `key` (32 bytes) followed by `salt` (at most 32).
    public init(key: borrowing Key, salt: Span<UInt8>, count: Int) {
        precondition(salt.count <= 32)
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: crypto_generichash_statebytes(), alignment: 64)
        unsafe state = OpaquePointer(memory)
        self.count = count
        let (state, keyCount) = unsafe (state, Key.count + salt.count)
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: keyCount) { whole in
            guard let whole = whole.baseAddress else { return }
            key.withBytes { key in
                unsafe key.withPointer { bytes, count in unsafe whole.update(from: bytes, count: count) }
            }
            unsafe salt.withPointer { bytes, count in
                unsafe (whole + Key.count).update(from: bytes, count: count)
            }
            _ = unsafe crypto_generichash_init(state, whole, keyCount, count)
            unsafe sodium_memzero(whole, keyCount)
        }
    }

    deinit {
        let memory = unsafe UnsafeMutableRawPointer(state)
        unsafe sodium_memzero(memory, crypto_generichash_statebytes())
        unsafe memory.deallocate()
    }

    /// Goes on with `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        let state = unsafe state
        unsafe bytes.withPointer { bytes, count in
            _ = unsafe crypto_generichash_update(state, bytes, UInt64(count))
        }
    }

    /// The hash of all bytes so far, after which there are none.
    public consuming func finish() -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var span = result.mutableSpan
        let state = unsafe state
        unsafe span.withPointer { result, count in
            _ = unsafe crypto_generichash_final(state, result, count)
        }
        return result
    }
}
