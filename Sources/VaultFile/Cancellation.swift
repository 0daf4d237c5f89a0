internal import Synchronization

/// A flag with which another thread stops work on vault files, as soon as that does no harm.
public final class Cancellation: Sendable {
    private let flag = Atomic(false)

    /// Creates a flag that is not set.
    public init() {}

    /// Sets the flag.
    ///
    /// Work whose dependencies hold it throws ``VaultFileError/cancelled`` before its next read or wait.
    public func cancel() { flag.store(true, ordering: .releasing) }

    /// True once ``cancel()`` was called.
    public var isCancelled: Bool { flag.load(ordering: .acquiring) }

    /// - Throws: ``VaultFileError/cancelled`` if the flag is set.
    func check() throws(VaultFileError) {
        if isCancelled { throw .cancelled }
    }
}
