internal import Synchronization

/// Ends work on vault files from another thread, as soon as that does no harm.
public final class Cancellation: Sendable {
    private let flag = Atomic(false)

    /// One that lets everything go on.
    public init() {}

    /// Makes whatever has this among its dependencies throw ``VaultFileError/cancelled`` before it reads on or waits on.
    public func cancel() { flag.store(true, ordering: .releasing) }

    /// Whether it was cancelled.
    public var isCancelled: Bool { flag.load(ordering: .acquiring) }

    /// - Throws: ``VaultFileError/cancelled``.
    func check() throws(VaultFileError) {
        if isCancelled { throw .cancelled }
    }
}
