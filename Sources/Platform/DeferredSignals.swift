internal import CPlatform
internal import Glibc

/// The signals that would end this process and have to wait until it has put something in order.
public struct DeferredSignals: Sendable {
    /// A descriptor that is readable while such a signal is pending.
    let number: Int32

    /// Calls `body` and defers the signals until it has returned or thrown: every signal that ends a process
    /// and is not ignored, except SIGKILL and the faults.
    ///
    /// Programs that it starts get these signals as usual. Calls must not be nested.
    public static func during<R: ~Copyable, E: Error>(
        _ body: (DeferredSignals) throws(E) -> R, orFail: (Errno) -> E
    ) throws(E) -> R {
        let number = platform_defer_signals()
        guard number >= 0 else { throw orFail(.current) }
        defer { platform_stop_deferring(number) }
        return try body(DeferredSignals(number: number))
    }

    /// True if such a signal waits.
    var arePending: Bool {
        var state = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&state, 1, 0) > 0
    }
}
