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
