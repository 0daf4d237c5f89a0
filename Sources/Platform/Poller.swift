internal import CPlatform
internal import Glibc

/// Waits until one of several descriptors can go on (`poll`).
public struct Poller {
    private var entries: [pollfd] = []

    /// What is waited for.
    public struct Interest: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int16
        /// Nothing, not even the end of the other side, which would be told again and again.
        public static let none: Interest = []
        /// Something to read.
        public static let reading = Interest(rawValue: Int16(POLLIN))
        /// Room to write.
        public static let writing = Interest(rawValue: Int16(POLLOUT))

        /// The interest with these bits of `poll`.
        public init(rawValue: Int16) { self.rawValue = rawValue }
    }

    /// Waits for nothing yet.
    public init() {}

    /// Forgets all descriptors.
    public mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// Adds a listener.
    ///
    /// - Returns: its place, for ``isReady(_:)``.
    public mutating func add(_ listener: borrowing Listener) -> Int {
        add(listener.descriptor.number, .reading)
    }

    /// Adds a connection.
    public mutating func add(_ socket: borrowing LocalSocket, _ interest: Interest) -> Int {
        add(socket.descriptor.number, interest)
    }

    /// Adds a descriptor that somebody else owns.
    public mutating func add(_ borrowed: InheritedDescriptor, _ interest: Interest) -> Int {
        add(borrowed.number, interest)
    }

    /// Adds what other threads wake this one with.
    public mutating func add(_ wakeup: borrowing Wakeup) -> Int { add(wakeup.descriptor.number, .reading) }

    /// Adds a timer.
    public mutating func add(_ timer: borrowing BootTimer) -> Int { add(timer.descriptor.number, .reading) }

    private mutating func add(_ number: Int32, _ interest: Interest) -> Int {
        let number = interest == .none ? -1 : number
        entries.append(pollfd(fd: number, events: interest.rawValue, revents: 0))
        return entries.count - 1
    }

    /// Waits until one of them is ready, or so many milliseconds are over; nil waits on.
    public mutating func wait(milliseconds: UInt64?) throws(Errno) {
        let timeout = milliseconds.map { Int32(min($0, 1_000_000)) } ?? -1
        let count = nfds_t(entries.count)
        // A signal ends the wait; whoever waits looks at the clock anyway.
        if unsafe poll(&entries, count, timeout) == -1, Errno.current != .interrupted { throw .current }
    }

    /// Whether the descriptor at `place` can go on, or the other side is gone.
    public func isReady(_ place: Int) -> Bool { entries[place].revents != 0 }
}

/// A timer on the clock that goes on while the machine sleeps.
public struct BootTimer: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// A timer that is not set.
    public init() throws(Errno) { descriptor = Descriptor(adopting: try retrying { platform_boot_timer() }) }

    /// Becomes ready at a moment of ``SystemClock/bootMilliseconds()``, at once if that is over; nil never.
    public borrowing func set(_ moment: UInt64?) throws(Errno) {
        let nanoseconds = moment.map { max($0, 1) * 1_000_000 } ?? 0
        let number = descriptor.number
        _ = try retrying { platform_boot_timer_set(number, nanoseconds) }
    }
}
