internal import Platform
internal import Synchronization
package import VaultFile

/// A line on the terminal that shows the progress of work that takes more than a second.
package final class ProgressLine: Sendable {
    private let doing: String
    private let isShown: Bool
    private let start = SystemClock.monotonicNanoseconds()
    private let shown = Mutex<UInt64?>(nil)

    package init(_ doing: String, isShown: Bool) {
        self.doing = doing
        self.isShown = isShown && InheritedDescriptor.standardError.isTerminal
    }

    /// Erases the line.
    package func clear() {
        if shown.withLock({ $0 }) != nil { print("\r\u{1B}[K") }
    }

    /// The handler that updates the line.
    package var progress: ProgressHandler {
        ProgressHandler { [self] done, total in
            show(total == 0 ? 0 : 100 * done / total)
            return true
        }
    }

    private func show(_ percent: UInt64) {
        guard isShown, SystemClock.monotonicNanoseconds() - start > 1_000_000_000 else { return }
        let isNews = shown.withLock { shown in
            defer { shown = percent }
            return shown != percent
        }
        if isNews { print("\r\u{1B}[Kvault: \(doing), \(min(percent, 100)) %") }
    }

    private func print(_ text: String) {
        try? InheritedDescriptor.standardError.writeAll(Array(text.utf8).span)
    }
}
