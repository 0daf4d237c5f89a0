internal import Glibc
internal import Synchronization

/// Closes descriptors that another process sent, on threads where that may take as long as it likes.
///
/// `close(2)` can wait for whoever is behind a descriptor: a file system of somebody's own answers when it pleases, and a socket with
/// SO_LINGER waits for its peer. The same goes for a connection, with which the system closes what was sent over it and never received.
public final class DescriptorDisposal: Sendable {
    private struct State {
        var waiting: [Int32] = []
        /// How many threads there are, how many of them wait, and how many were ever started.
        var (threads, idle, started) = (0, 0, 0)
        /// Since when each thread closes what it closes now, in monotonic milliseconds; not by descriptor, whose number is free
        /// again before it is closed.
        var closing: [Int: UInt64] = [:]
    }

    private let state = Mutex(State())
    /// Signalled when there is one for an idle thread.
    private let wakeup: Wakeup

    /// How many threads there are at most.
    private static let maxThreads = 8
    /// How many descriptors may wait while no thread gets on, and for how long one may take then, in milliseconds.
    private static let (maxWaiting, patience): (Int, UInt64) = (64, 1000)

    /// The one of this process; nil if there was no descriptor left for it.
    public static let shared = try? DescriptorDisposal()

    private init() throws(Errno) { wakeup = try Wakeup() }

    /// Whether so many descriptors cannot be closed that more of them would use up what a process may have.
    public var isStuck: Bool {
        state.withLock { state in
            let now = SystemClock.monotonicMilliseconds()
            return state.waiting.count > DescriptorDisposal.maxWaiting
                && state.closing.count == DescriptorDisposal.maxThreads
                && state.closing.values.allSatisfy { now > $0 + DescriptorDisposal.patience }
        }
    }

    /// Closes a descriptor on another thread; on this one only if there can be none.
    static func close(_ number: Int32) {
        if shared?.add(number) != true { Glibc.close(number) }
    }

    /// - Returns: false if there is no thread to close it.
    private func add(_ number: Int32) -> Bool {
        let newThread = state.withLock { state -> Int? in
            state.waiting.append(number)
            if state.idle > 0 || state.threads == DescriptorDisposal.maxThreads { return nil }
            (state.threads, state.started) = (state.threads + 1, state.started + 1)
            return state.started
        }
        guard let newThread else {
            wakeup.signal()
            return true
        }
        do throws(Errno) {
            try DetachedThread.start { [self] in run(newThread) }
            return true
        } catch {
            return state.withLock { state in
                state.threads -= 1
                // Another thread may have taken it.
                guard let index = state.waiting.firstIndex(of: number) else { return true }
                state.waiting.remove(at: index)
                return false
            }
        }
    }

    private func run(_ thread: Int) {
        while true {
            while let next = take(thread) { Glibc.close(next) }
            wakeup.wait(milliseconds: nil)
            wakeup.clear()
            state.withLock { $0.idle -= 1 }
        }
    }

    /// The next descriptor; nil if there is none, and the thread is idle.
    private func take(_ thread: Int) -> Int32? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.idle += 1
                state.closing[thread] = nil
                return nil
            }
            let next = state.waiting.removeFirst()
            state.closing[thread] = SystemClock.monotonicMilliseconds()
            // One signal may stand for several.
            if !state.waiting.isEmpty, state.idle > 0 { wakeup.signal() }
            return next
        }
    }
}
