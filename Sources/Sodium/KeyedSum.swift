internal import CSodium

/// Poly1305 over bytes that arrive in pieces, to compare two long contents that no attacker chose.
///
/// Under a random key, different contents have the same sum with a probability of less than 2⁻⁶⁰. As a
/// message authenticator a Poly1305 key must not be used twice; here, sums under one key are only compared
/// with each other and never disclosed.
@safe public struct KeyedSum: ~Copyable {
    private let state: UnsafeMutablePointer<crypto_onetimeauth_state>

    /// The length of a sum, in bytes.
    public static let count = 16

    /// Creates the sum of no bytes under `key`.
    public init(key: borrowing Key) {
        let state = UnsafeMutablePointer<crypto_onetimeauth_state>.allocate(capacity: 1)
        key.withBytes { key in
            unsafe key.withPointer { key, _ in _ = unsafe crypto_onetimeauth_init(state, key) }
        }
        unsafe self.state = unsafe state
    }

    deinit {
        unsafe sodium_memzero(state, MemoryLayout<crypto_onetimeauth_state>.size)
        unsafe state.deallocate()
    }

    /// Adds `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withPointer { bytes, count in
            _ = unsafe crypto_onetimeauth_update(state, bytes, UInt64(count))
        }
    }

    /// Returns the sum of all bytes.
    public consuming func finish() -> [UInt8] {
        [UInt8](count: KeyedSum.count) { result in
            unsafe result.withPointer { result, _ in _ = unsafe crypto_onetimeauth_final(state, result) }
        }
    }
}
