/// The times at which an unlocked vault is locked, in milliseconds of a clock that counts sleep.
struct Deadlines: Equatable {
    private(set) var limits: Limits
    private var lastUse: UInt64
    private(set) var totalEnd: UInt64

    /// Starts both times at `now`.
    init(_ limits: Limits, at now: UInt64) {
        self.limits = limits
        lastUse = now
        totalEnd = now + limits.total
    }

    /// The time at which the vault is locked unless it is used before.
    var idleEnd: UInt64 { lastUse + limits.idle }

    /// The earlier of both times.
    var end: UInt64 { min(idleEnd, totalEnd) }

    /// Records a use of the vault.
    mutating func use(at now: UInt64) { lastUse = max(lastUse, now) }

    /// Shortens the limits; 0 leaves a time as it is.
    ///
    /// - Returns: false, and changes nothing, if that would lengthen a time.
    mutating func shorten(_ wish: Limits, at now: UInt64) -> Bool {
        let idle = wish.idle == 0 ? limits.idle : wish.idle
        let end = wish.total == 0 ? totalEnd : now + wish.total
        guard idle <= limits.idle, end <= totalEnd else { return false }
        limits.idle = idle
        limits.locksOnSleep = limits.locksOnSleep || wish.locksOnSleep
        totalEnd = end
        return true
    }
}
