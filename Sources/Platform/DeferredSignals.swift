internal import CPlatform
internal import Glibc

/// The signals that would end this process and have to wait until it has put something in order.
public struct DeferredSignals: Sendable {
    /// A descriptor that is readable while such a signal is pending.
    let number: Int32

    /// Calls `body` and defers SIGTERM and SIGHUP until it has returned or thrown.
    ///
    /// Programs that it starts get these signals as usual. Calls must not be nested.
    public static func during<R: ~Copyable, E: Error>(
        _ body: (DeferredSignals) throws(E) -> R, orFail: (Errno) -> E
    ) throws(E) -> R {
        let signals = [SIGTERM, SIGHUP]
        let number = unsafe platform_defer_signals(signals, signals.count)
        guard number >= 0 else { throw orFail(.current) }
        defer { platform_stop_deferring(number) }
        return try body(DeferredSignals(number: number))
    }
}
