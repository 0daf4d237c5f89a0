internal import CSodium

/// BLAKE2b under a key, over a message that arrives in pieces.
@safe public struct KeyedHash: ~Copyable {
    private let state: OpaquePointer
    private let count: Int

    /// Creates the hash of no bytes.
    ///
    /// - Parameters:
    ///   - key: the first 32 bytes of BLAKE2b's key.
    ///   - salt: the rest of that key, at most 32 bytes.
    ///   - count: the length of the result, 16 to 64 bytes.
    public init(key: borrowing Key, salt: Span<UInt8>, count: Int) {
        precondition(salt.count <= 32)
        let state = OpaquePointer(
            UnsafeMutableRawPointer.allocate(byteCount: crypto_generichash_statebytes(), alignment: 64))
        let keyCount = Key.count + salt.count
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: keyCount) { whole in
            var span = unsafe whole.mutableSpan
            key.withBytes { span.copy(from: $0, at: 0) }
            span.copy(from: salt, at: Key.count)
            unsafe span.withPointer { whole, _ in
                _ = unsafe crypto_generichash_init(state, whole, keyCount, count)
            }
            span.wipe(0..<keyCount)
        }
        unsafe self.state = unsafe state
        self.count = count
    }

    deinit {
        let memory = unsafe UnsafeMutableRawPointer(state)
        unsafe sodium_memzero(memory, crypto_generichash_statebytes())
        unsafe memory.deallocate()
    }

    /// Adds `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withPointer { bytes, count in
            _ = unsafe crypto_generichash_update(state, bytes, UInt64(count))
        }
    }

    /// Returns the hash of all bytes.
    public consuming func finish() -> [UInt8] {
        [UInt8](count: count) { result in
            unsafe result.withPointer { result, count in
                _ = unsafe crypto_generichash_final(state, result, count)
            }
        }
    }
}
