internal import CSodium

/// A source of random bytes.
public enum Entropy: Sendable {
    /// The operating system.
    case system

    #if DEBUG
        /// A reproducible sequence for test vectors: BLAKE2b of a counter that starts at the seed.
        ///
        /// Not in release builds.
        case testOnlySequence(TestOnlySequence)
    #endif

    /// Overwrites `bytes` with random bytes.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public func fill(_ bytes: inout MutableSpan<UInt8>) throws(SodiumError) {
        try Library.start()
        switch self {
        case .system: unsafe bytes.withPointer { unsafe randombytes_buf($0, $1) }
        #if DEBUG
            case .testOnlySequence(let sequence): try sequence.fill(&bytes)
        #endif
        }
    }

    /// Returns `count` random bytes for public use: salts, nonces, identifiers.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public func bytes(_ count: Int) throws(SodiumError) -> [UInt8] {
        try [UInt8](count: count) { span throws(SodiumError) in try fill(&span) }
    }

    /// Returns a random key.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public func key() throws(SodiumError) -> Key {
        var secret = try SecretBytes(count: Key.count)
        try secret.withMutableBytes { bytes throws(SodiumError) in try fill(&bytes) }
        return Key(secret)
    }

    /// Returns a number below `bound`, each with the same probability.
    ///
    /// - Throws: ``SodiumError/unavailable``.
    public static func uniform(below bound: UInt32) throws(SodiumError) -> UInt32 {
        try Library.start()
        return randombytes_uniform(bound)
    }
}

#if DEBUG
    internal import Synchronization

    /// The state of ``Entropy/testOnlySequence(_:)``.
    public final class TestOnlySequence: Sendable {
        private let counter: Mutex<UInt64>

        /// Starts the sequence that belongs to `seed`.
        public init(seed: UInt64) { counter = Mutex(seed << 32) }

        func fill(_ bytes: inout MutableSpan<UInt8>) throws(SodiumError) {
            var offset = 0
            while offset < bytes.count {
                let block = counter.withLock { state in
                    state += 1
                    return state
                }
                let message = unsafe withUnsafeBytes(of: block.littleEndian) { unsafe Array($0) }
                let hash = try BLAKE2b.hash(message.span)
                let count = min(32, bytes.count - offset)
                bytes.copy(from: hash.span.extracting(first: count), at: offset)
                offset += count
            }
        }
    }
#endif
