/// When an unlocked vault is locked; all moments are milliseconds of a clock that counts sleep.
struct Deadlines: Equatable {
    private(set) var limits: Limits
    private var lastUse: UInt64
    private(set) var totalEnd: UInt64

    /// Begins at `now`.
    init(_ limits: Limits, at now: UInt64) {
        self.limits = limits
        lastUse = now
        totalEnd = now + limits.total
    }

    /// The moment at which the vault is locked unless it is used before.
    var idleEnd: UInt64 { lastUse + limits.idle }

    /// The moment at which it is locked as things stand.
    var end: UInt64 { min(idleEnd, totalEnd) }

    /// Notes that the vault is used.
    mutating func use(at now: UInt64) { lastUse = max(lastUse, now) }

    /// Takes a wish for other limits, of which 0 leaves a time as it is.
    ///
    /// - Returns: false if that would lengthen anything; then nothing changes.
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
