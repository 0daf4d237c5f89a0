internal import CPlatform
internal import Glibc

/// Wakes one thread that waits for work from others (`eventfd`).
public struct Wakeup: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// One that was not signalled yet.
    public init() throws(Errno) { descriptor = Descriptor(adopting: try retrying { platform_wakeup() }) }

    /// Wakes whoever waits now, or waits next.
    public borrowing func signal() {
        var one: UInt64 = 1
        // It fails only when 2^64 - 2 signals wait already.
        _ = unsafe write(descriptor.number, &one, 8)
    }

    /// Forgets the signals that came.
    public borrowing func clear() {
        var count: UInt64 = 0
        _ = unsafe read(descriptor.number, &count, 8)
    }

    /// Waits for a signal, for so many milliseconds at most; nil waits on.
    public borrowing func wait(milliseconds: UInt64?) {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&entry, 1, milliseconds.map { Int32(min($0, 1_000_000)) } ?? -1)
    }
}
