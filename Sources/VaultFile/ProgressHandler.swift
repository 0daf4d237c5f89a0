/// Reports progress and allows cancellation.
public struct ProgressHandler: Sendable {
    private let report: @Sendable (UInt64, UInt64) -> Bool

    /// Creates a handler that calls `report` from time to time with the bytes done and the bytes in total.
    ///
    /// The work is cancelled when `report` returns false.
    public init(_ report: @escaping @Sendable (UInt64, UInt64) -> Bool) { self.report = report }

    /// A handler that ignores progress and never cancels.
    public static let unwatched = ProgressHandler { _, _ in true }

    /// Reports the progress of work that another process does, and that cannot be cancelled.
    package func show(_ done: UInt64, of total: UInt64) { _ = report(done, total) }

    /// Reports progress.
    ///
    /// - Throws: ``VaultFileError/cancelled``.
    package func say(_ done: UInt64, of total: UInt64) throws(VaultFileError) {
        guard report(done, total) else { throw .cancelled }
    }
}
