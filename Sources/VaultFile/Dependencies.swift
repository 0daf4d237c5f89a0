public import Platform
public import Sodium

/// What a vault file needs from the world, so that tests can give it another.
public struct Dependencies: Sendable {
    /// The disk.
    public var storage: any Storage
    /// What this machine saw last of each vault; nil for what has no past here, such as a backup.
    public var checkpoints: CheckpointStore?
    /// Whether that is nil because there is no place for it.
    public var hasNowhereToRemember = false
    /// What this process saw last of the vault, which counts where this machine remembers nothing of it.
    package var ownMemory: LastSeen?
    /// Has what logs observe, for those who cannot ask them.
    package var observations: ObservationList?
    /// How a person named the vault, where the paths that are worked with have no symbolic links any more.
    public var namedPath: String?
    /// Randomness for keys, salts and nonces.
    public var entropy: Entropy
    /// The wall clock, in milliseconds since 1970.
    public var now: @Sendable () -> UInt64
    /// Ends what is done with these; nil if nobody will.
    package var cancellation: Cancellation?
    /// How long a reader that finds something wrong waits for a writer to finish before it looks again, in milliseconds.
    package var lookPatience: UInt64 = 10_000
    /// What derivation parameters are accepted from a header.
    public var readingBounds: Argon2id.Bounds
    /// What derivation parameters a new header may get.
    public var writingBounds: Argon2id.Bounds

    /// The real world.
    public init() {
        storage = DiskStorage()
        entropy = .system
        now = { SystemClock.wallMilliseconds() }
        readingBounds = .reading
        writingBounds = .writing
    }

    /// The same, for a file of which nothing is remembered, and nothing will be.
    package var withoutMemory: Dependencies {
        var copy = self
        (copy.checkpoints, copy.ownMemory, copy.observations) = (nil, nil, nil)
        copy.hasNowhereToRemember = false
        return copy
    }
}
