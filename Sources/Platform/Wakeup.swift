internal import CPlatform
internal import Glibc

/// Wakes a thread that waits for others (`eventfd`).
public struct Wakeup: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// Creates a wakeup without a signal.
    public init() throws(Errno) { descriptor = Descriptor(adopting: try retrying { platform_wakeup() }) }

    /// Wakes the thread that waits now, or the next one to wait.
    public borrowing func signal() {
        var one: UInt64 = 1
        // Fails only if 2⁶⁴ - 2 signals are pending.
        _ = unsafe write(descriptor.number, &one, 8)
    }

    /// Clears pending signals.
    public borrowing func clear() {
        var count: UInt64 = 0
        _ = unsafe read(descriptor.number, &count, 8)
    }

    /// Waits for a signal, for at most the given time; nil waits without a limit.
    public borrowing func wait(milliseconds: UInt64?) {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&entry, 1, milliseconds.map { Int32(min($0, 1_000_000)) } ?? -1)
    }
}
