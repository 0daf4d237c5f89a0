public import Sodium

/// A reference to a key in guarded memory; the key is wiped when the last reference is gone.
public final class SharedKey: Sendable {
    /// The key.
    public let key: Key

    /// Takes ownership of `key`.
    public init(_ key: consuming Key) { self.key = key }
}
