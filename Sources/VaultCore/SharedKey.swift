public import Sodium

/// A key in guarded memory that several may hold; it is wiped when nobody does any more.
public final class SharedKey: Sendable {
    /// The key.
    public let key: Key

    /// Takes `key` over.
    public init(_ key: consuming Key) { self.key = key }
}
