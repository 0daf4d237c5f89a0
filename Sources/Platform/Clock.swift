internal import Glibc

/// The machine's clocks.
public enum SystemClock {
    /// Milliseconds since 1970-01-01 UTC, as the wall clock has them.
    ///
    /// It may jump.
    public static func wallMilliseconds() -> UInt64 {
        milliseconds(CLOCK_REALTIME)
    }

    /// Nanoseconds since some moment before this process; never goes back.
    public static func monotonicNanoseconds() -> UInt64 {
        let time = read(CLOCK_MONOTONIC)
        return UInt64(time.seconds) * 1_000_000_000 + UInt64(time.nanoseconds)
    }

    /// The same in milliseconds.
    public static func monotonicMilliseconds() -> UInt64 { monotonicNanoseconds() / 1_000_000 }

    /// Milliseconds since the machine was started, those that it slept too.
    public static func bootMilliseconds() -> UInt64 { milliseconds(CLOCK_BOOTTIME) }

    /// How long the machine slept since it was started, in milliseconds.
    ///
    /// Never too much; too little by as long as the two clocks could not be read together.
    public static func sleptMilliseconds() -> UInt64 {
        let boot = milliseconds(CLOCK_BOOTTIME)
        let awake = milliseconds(CLOCK_MONOTONIC)
        return boot > awake ? boot - awake : 0
    }

    private static func milliseconds(_ clock: clockid_t) -> UInt64 {
        let time = read(clock)
        return UInt64(max(time.seconds, 0)) * 1000 + UInt64(time.nanoseconds) / 1_000_000
    }

    /// Waits.
    ///
    /// A signal may end it early.
    public static func sleep(milliseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        unsafe nanosleep(&time, nil)
    }

    private static func read(_ clock: clockid_t) -> (seconds: Int, nanoseconds: Int) {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return (time.tv_sec, time.tv_nsec)
    }
}

/// Waits for something that another process has, in steps that begin short and stay bounded.
public struct Backoff: Sendable {
    private let deadline: UInt64
    private var step: UInt64 = 1

    /// Patience for so many milliseconds from now.
    public init(milliseconds: UInt64) {
        deadline = SystemClock.monotonicNanoseconds() + milliseconds * 1_000_000
    }

    /// Sleeps one step.
    ///
    /// - Returns: false, at once, when the time is up.
    public mutating func wait() -> Bool {
        guard SystemClock.monotonicNanoseconds() < deadline else { return false }
        SystemClock.sleep(milliseconds: step)
        step = min(step * 2, 25)
        return true
    }
}
