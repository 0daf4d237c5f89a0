internal import Glibc
internal import Synchronization

/// Closes descriptors that another process sent, on threads of its own, since closing them may never end.
///
/// `close(2)` can wait for whoever is behind a descriptor: a user-space file system answers when it likes,
/// and a socket with SO_LINGER waits for its peer. The same holds for a connection, with which the kernel
/// closes the descriptors that were sent over it and never received.
public final class DescriptorDisposal: Sendable {
    private struct State {
        var waiting: [Int32] = []
        /// The number of threads, of those that wait, and of those ever started.
        var (threads, idle, started) = (0, 0, 0)
        /// When each busy thread began its present `close`, in monotonic milliseconds.
        ///
        /// The key is the thread, since the number of a descriptor is reused before `close` returns.
        var closing: [Int: UInt64] = [:]
    }

    private let state = Mutex(State())
    /// Wakes an idle thread.
    private let wakeup: Wakeup

    private static let maxThreads = 8
    /// Disposal is stuck if more descriptors than this wait, while every thread spends longer than this on
    /// one.
    private static let (maxWaiting, timeout): (Int, UInt64) = (64, 1000)

    /// The instance of this process; nil if it has no descriptor left for its wakeup.
    public static let shared = try? DescriptorDisposal()

    private init() throws(Errno) { wakeup = try Wakeup() }

    /// True if so many descriptors cannot be closed that more of them could use up this process's limit.
    public var isStuck: Bool {
        state.withLock { state in
            let now = SystemClock.monotonicMilliseconds()
            return state.waiting.count > DescriptorDisposal.maxWaiting
                && state.closing.count == DescriptorDisposal.maxThreads
                && state.closing.values.allSatisfy { now > $0 + DescriptorDisposal.timeout }
        }
    }

    /// Closes a descriptor on another thread, or on this one if no thread can be started.
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
                // Another thread may have taken it meanwhile.
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

    /// Takes the next descriptor; if there is none, records that the thread is idle and returns nil.
    private func take(_ thread: Int) -> Int32? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.idle += 1
                state.closing[thread] = nil
                return nil
            }
            let next = state.waiting.removeFirst()
            state.closing[thread] = SystemClock.monotonicMilliseconds()
            // One wakeup may stand for several descriptors.
            if !state.waiting.isEmpty, state.idle > 0 { wakeup.signal() }
            return next
        }
    }
}
