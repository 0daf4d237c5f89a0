internal import Glibc

/// The system's clocks.
public enum SystemClock {
    /// Returns the milliseconds since 1970-01-01 UTC, by the wall clock, which may jump.
    public static func wallMilliseconds() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

    /// Returns the nanoseconds since some moment before this process started; never goes back.
    public static func monotonicNanoseconds() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

    /// Returns the same in milliseconds.
    public static func monotonicMilliseconds() -> UInt64 { monotonicNanoseconds() / 1_000_000 }

    /// Returns the milliseconds since the system booted, including those asleep.
    public static func bootMilliseconds() -> UInt64 { nanoseconds(CLOCK_BOOTTIME) / 1_000_000 }

    /// Returns the milliseconds that the system has slept since it booted.
    ///
    /// Never too many; too few by the time between the readings of the two clocks.
    public static func sleptMilliseconds() -> UInt64 {
        let boot = bootMilliseconds()
        let awake = monotonicMilliseconds()
        return boot > awake ? boot - awake : 0
    }

    /// Waits; a signal may end the wait early.
    public static func sleep(milliseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        unsafe nanosleep(&time, nil)
    }

    /// Returns the time of a clock; 0 if the wall clock is set to a time before 1970.
    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return time.tv_sec < 0 ? 0 : UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Waits in growing steps, of 1 to 25 ms, for something that another process holds.
public struct Backoff: Sendable {
    private let deadline: UInt64
    private var step: UInt64 = 1

    /// Creates a wait that ends the given time from now.
    public init(milliseconds: UInt64) {
        deadline = SystemClock.monotonicNanoseconds() + milliseconds * 1_000_000
    }

    /// Sleeps for one step.
    ///
    /// - Returns: false, without sleeping, after the deadline.
    public mutating func wait() -> Bool {
        guard SystemClock.monotonicNanoseconds() < deadline else { return false }
        SystemClock.sleep(milliseconds: step)
        step = min(step * 2, 25)
        return true
    }
}
