internal import CPlatform
internal import Glibc

/// Waits until one of several descriptors is ready (`poll`).
public struct Poller {
    private var entries: [pollfd] = []

    /// The events to wait for.
    public struct Interest: OptionSet, Sendable {
        /// The events, as in `poll`.
        public let rawValue: Int16
        /// None, not even that the peer has closed its end, which would be reported again and again.
        public static let none: Interest = []
        /// There is something to read.
        public static let reading = Interest(rawValue: Int16(POLLIN))
        /// There is space to write.
        public static let writing = Interest(rawValue: Int16(POLLOUT))

        /// Creates an interest in these events of `poll`.
        public init(rawValue: Int16) { self.rawValue = rawValue }
    }

    /// Creates a poller without descriptors.
    public init() {}

    /// Removes all descriptors.
    public mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// Adds a listener.
    ///
    /// - Returns: the descriptor's index, for ``isReady(_:)``.
    public mutating func add(_ listener: borrowing Listener) -> Int {
        add(listener.descriptor.number, .reading)
    }

    /// Adds a connection.
    public mutating func add(_ socket: borrowing LocalSocket, _ interest: Interest) -> Int {
        add(socket.descriptor.number, interest)
    }

    /// Adds a descriptor that another value owns.
    public mutating func add(_ borrowed: InheritedDescriptor, _ interest: Interest) -> Int {
        add(borrowed.number, interest)
    }

    /// Adds a wakeup, by which other threads wake this one.
    public mutating func add(_ wakeup: borrowing Wakeup) -> Int { add(wakeup.descriptor.number, .reading) }

    /// Adds the signals that are deferred.
    public mutating func add(_ signals: DeferredSignals) -> Int { add(signals.number, .reading) }

    /// Adds a timer.
    public mutating func add(_ timer: borrowing BootTimer) -> Int { add(timer.descriptor.number, .reading) }

    private mutating func add(_ number: Int32, _ interest: Interest) -> Int {
        let number = interest == .none ? -1 : number
        entries.append(pollfd(fd: number, events: interest.rawValue, revents: 0))
        return entries.count - 1
    }

    /// Waits until a descriptor is ready, for at most the given time; nil waits without a limit.
    public mutating func wait(milliseconds: UInt64?) throws(Errno) {
        let timeout = milliseconds.map { Int32(min($0, 1_000_000)) } ?? -1
        let count = nfds_t(entries.count)
        // After a signal the caller looks at the clock and calls again.
        if unsafe poll(&entries, count, timeout) == -1, Errno.current != .interrupted { throw .current }
    }

    /// Returns true if the descriptor at `index` is ready, or the peer has closed its end.
    public func isReady(_ index: Int) -> Bool { entries[index].revents != 0 }
}

/// A timer on a clock that does not stop while the machine sleeps.
public struct BootTimer: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// Creates a timer that is not set.
    public init() throws(Errno) { descriptor = Descriptor(adopting: try retrying { platform_boot_timer() }) }

    /// Makes the timer ready at a moment of ``SystemClock/bootMilliseconds()``, or at once if it is past; nil
    /// stops the timer.
    public borrowing func set(_ moment: UInt64?) throws(Errno) {
        let nanoseconds = moment.map { max($0, 1) * 1_000_000 } ?? 0
        _ = try retrying { platform_boot_timer_set(descriptor.number, nanoseconds) }
    }
}
