/// Somebody who watches long work and may end it.
public struct ProgressHandler: Sendable {
    private let report: @Sendable (UInt64, UInt64) -> Bool

    /// Calls `report` now and then with what is done and what there is to do in all, both in bytes; false ends the work.
    public init(_ report: @escaping @Sendable (UInt64, UInt64) -> Bool) { self.report = report }

    /// Nobody watches.
    public static let unwatched = ProgressHandler { _, _ in true }

    /// Says how far the work is that somebody else does.
    package func show(_ done: UInt64, of total: UInt64) { _ = report(done, total) }

    /// Says how far the work is.
    ///
    /// - Throws: ``VaultFileError/cancelled``.
    package func say(_ done: UInt64, of total: UInt64) throws(VaultFileError) {
        guard report(done, total) else { throw .cancelled }
    }
}
