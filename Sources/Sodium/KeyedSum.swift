internal import CSodium

/// Poly1305 over bytes that come in pieces, for comparing two long contents that nobody else chose.
///
/// Under a random key, contents that differ have the same sum with a chance of less than 2⁻⁶⁰. The key of a message that shall be
/// *authentic* serves one message alone; here sums under one key are only held against each other, and shown to nobody.
@safe public struct KeyedSum: ~Copyable {
    private let state: UnsafeMutablePointer<crypto_onetimeauth_state>

    /// The length of a sum, in bytes.
    public static let count = 16

    /// The sum of nothing yet.
    public init(key: borrowing Key) {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: crypto_onetimeauth_statebytes(), alignment: 64)
        unsafe state = memory.bindMemory(to: crypto_onetimeauth_state.self, capacity: 1)
        let state = unsafe state
        key.withBytes { key in
            unsafe key.withPointer { key, _ in _ = unsafe crypto_onetimeauth_init(state, key) }
        }
    }

    deinit {
        unsafe sodium_memzero(state, crypto_onetimeauth_statebytes())
        unsafe UnsafeMutableRawPointer(state).deallocate()
    }

    /// Goes on with `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        let state = unsafe state
        unsafe bytes.withPointer { bytes, count in
            _ = unsafe crypto_onetimeauth_update(state, bytes, UInt64(count))
        }
    }

    /// The sum of all bytes so far, after which there are none.
    public consuming func finish() -> [UInt8] {
        var result = [UInt8](repeating: 0, count: KeyedSum.count)
        var span = result.mutableSpan
        let state = unsafe state
        unsafe span.withPointer { result, _ in _ = unsafe crypto_onetimeauth_final(state, result) }
        return result
    }
}
