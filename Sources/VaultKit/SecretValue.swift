internal import Sodium

/// The bytes of a secret, in guarded memory.
///
/// The memory is locked (never swapped), left out of core dumps, and wiped when the last reference to the
/// value is gone. Each value takes at least four pages of it. ``string`` and ``bytes`` make ordinary copies,
/// which nobody wipes; ``withBytes(_:)`` makes none.
public final class SecretValue: Sendable {
    private let memory: SecretBytes

    init(_ memory: consuming SecretBytes) { self.memory = memory }

    /// Copies `bytes` into guarded memory.
    ///
    /// - Throws: ``VaultKitError/other(_:)`` if the system has no memory to lock.
    public init(copying bytes: Span<UInt8>) throws(VaultKitError) {
        do throws(SodiumError) {
            memory = try SecretBytes(copying: bytes)
        } catch {
            throw .other("not enough memory for a secret value")
        }
    }

    /// The number of bytes.
    public var count: Int { memory.count }

    /// Calls `body` with the bytes, and returns what it returns.
    public func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try memory.withBytes(body)
    }

    /// A copy of the bytes.
    public var bytes: [UInt8] { withBytes { bytes in bytes.indices.map { bytes[$0] } } }

    /// A copy as text; nil if the bytes are not UTF-8.
    public var string: String? { String(validating: bytes, as: UTF8.self) }
}

/// A type whose values can be stored as secrets or used as passphrases.
///
/// The memory of a `String` or an array is not wiped. A careful program reads a secret into a ``SecretValue``.
public protocol SecretConvertible {
    /// The bytes in guarded memory.
    ///
    /// - Throws: ``VaultKitError/other(_:)`` if the system has no memory to lock.
    func secretValue() throws(VaultKitError) -> SecretValue
}

extension SecretValue: SecretConvertible {
    /// The value itself.
    public func secretValue() -> SecretValue { self }
}

extension String: SecretConvertible {
    /// A copy of the text in UTF-8, in guarded memory.
    public func secretValue() throws(VaultKitError) -> SecretValue { try Array(utf8).secretValue() }
}

extension [UInt8]: SecretConvertible {
    /// A copy of the bytes in guarded memory.
    public func secretValue() throws(VaultKitError) -> SecretValue { try SecretValue(copying: span) }
}
