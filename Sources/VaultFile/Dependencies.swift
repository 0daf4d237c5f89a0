public import Platform
public import Sodium
internal import Synchronization

/// The outside world as a vault file sees it; tests replace parts of it.
public struct Dependencies: Sendable {
    /// The disk.
    public var storage: any Storage
    /// The store of this machine's checkpoints; nil for files without checkpoints, such as backups.
    public var checkpoints: CheckpointStore?
    /// True if ``checkpoints`` is nil because there is no directory for them.
    public var hasNowhereToRemember = false
    /// The last state of the vault that this process saw; it is used if there is no checkpoint.
    package var ownMemory: LastSeen?
    /// Collects the observations of logs to which the caller has no access.
    package var observations: ObservationList?
    /// The path of the vault as the user typed it, if the path in use had its symbolic links resolved.
    public var namedPath: String?
    /// The source of keys, salts and nonces.
    public var entropy: Entropy
    /// The wall clock, in milliseconds since 1970.
    public var now: @Sendable () -> UInt64
    /// Cancels work that uses these dependencies; nil if nothing will.
    package var cancellation: Cancellation?
    /// How long a reader that finds a defect waits for a writer before it reads again, in milliseconds.
    package var readTimeout: UInt64 = 10_000
    /// The derivation parameters that a header may ask for.
    public var readingBounds: Argon2id.Bounds
    /// The derivation parameters that a new header may have.
    public var writingBounds: Argon2id.Bounds

    /// Creates the dependencies of a program: the real disk, clock and random numbers, and no checkpoints.
    public init() {
        storage = DiskStorage()
        entropy = .system
        now = { Dependencies.clock.milliseconds() }
        readingBounds = .reading
        writingBounds = .writing
    }

    private static let clock = IncreasingClock()

    /// A copy for a file whose checkpoints are neither read nor written.
    package var withoutMemory: Dependencies {
        var copy = self
        (copy.checkpoints, copy.ownMemory, copy.observations) = (nil, nil, nil)
        copy.hasNowhereToRemember = false
        return copy
    }
}

/// The wall clock, which avoids to give a time twice, so that changes have times of their own even if one write makes many.
private final class IncreasingClock: Sendable {
    /// The number of milliseconds by which it may be ahead of the system's clock; one that is further behind was set back.
    private static let maxLead: UInt64 = 1000
    private let last = Mutex<UInt64>(0)

    func milliseconds() -> UInt64 {
        let now = SystemClock.wallMilliseconds()
        return last.withLock { last in
            let lead = last < now ? nil : last - now
            switch lead {
            case .some(..<IncreasingClock.maxLead): last += 1
            case .some(IncreasingClock.maxLead): break
            default: last = now
            }
            return last
        }
    }
}
