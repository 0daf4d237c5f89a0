internal import Platform
internal import Sodium
internal import VaultCore

/// A clock that counts sleep, from which the agent reads the time.
public struct AgentClock: Sendable {
    /// Returns the milliseconds since some fixed moment, including those that the machine slept.
    public var now: @Sendable () -> UInt64
    /// Returns how many of them the machine slept.
    public var slept: @Sendable () -> UInt64

    /// Creates a clock, for tests.
    public init(now: @escaping @Sendable () -> UInt64, slept: @escaping @Sendable () -> UInt64) {
        self.now = now
        self.slept = slept
    }

    /// The machine's clock.
    public static let system = AgentClock(
        now: { SystemClock.bootMilliseconds() }, slept: { SystemClock.sleptMilliseconds() })
}

/// The unlocked vaults, by path, with their deadlines.
final class Keyring {
    private struct Entry {
        let worker: VaultWorker
        var deadlines: Deadlines
        /// How long the machine had slept when the vault was unlocked.
        let slept: UInt64
        /// The last report of the worker.
        var state: VaultState
    }

    private var entries: [String: Entry] = [:]
    private let clock: AgentClock

    /// The least increase of the time slept that counts as sleep, in milliseconds.
    ///
    /// Two clocks that are not read at the same instant can differ by less.
    private static let minSleep: UInt64 = 500
    /// How often a vault that locks on sleep is checked, in milliseconds.
    private static let sleepCheckInterval: UInt64 = 1000

    init(clock: AgentClock) { self.clock = clock }

    /// True if no vault is unlocked.
    var isEmpty: Bool { entries.isEmpty }

    /// Adds an unlocked vault, and replaces the one with the same path.
    func keep(_ worker: VaultWorker, _ limits: Limits, _ state: VaultState) {
        if let previous = entries[worker.path]?.worker {
            for successor in previous.keys.successors { worker.keys.announce(successor) }
            previous.post(.retire)
        }
        entries[worker.path] = Entry(
            worker: worker, deadlines: Deadlines(limits, at: clock.now()), slept: clock.slept(), state: state)
    }

    /// Locks each vault whose deadline has passed, or that locks on sleep and has seen one.
    func expire() {
        let (now, slept) = (clock.now(), clock.slept())
        for (path, entry) in entries {
            let sleepCounts = entry.deadlines.limits.locksOnSleep
            if now >= entry.deadlines.end || sleepCounts && slept >= entry.slept + Keyring.minSleep {
                lock(path)
            }
        }
    }

    /// The time at which ``expire()`` must be called again; nil if no vault is unlocked.
    var nextExpiry: UInt64? {
        entries.values.map { entry in
            let end = entry.deadlines.end
            guard entry.deadlines.limits.locksOnSleep else { return end }
            return min(end, clock.now() + Keyring.sleepCheckInterval)
        }.min()
    }

    /// Returns whether the vault at `path` is unlocked.
    func isUnlocked(_ path: String) -> Bool { entries[path] != nil }

    /// Returns the worker of the vault at `path`, or nil if it is locked; this does not count as a use.
    func worker(_ path: String) -> VaultWorker? { entries[path]?.worker }

    /// Returns the worker of the vault at `path`; this counts as a use.
    ///
    /// - Throws: ``VaultError/locked``.
    func use(_ path: String) throws(VaultError) -> VaultWorker {
        guard let worker = entries[path]?.worker else { throw .locked }
        entries[path]?.deadlines.use(at: clock.now())
        return worker
    }

    /// Shortens the deadlines of a vault.
    ///
    /// - Throws: ``WireFailure/wouldLengthen``; ``VaultError/locked`` in a ``WireFailure``.
    func shorten(_ path: String, _ wish: Limits) throws(WireFailure) {
        guard var deadlines = entries[path]?.deadlines else { throw .vault(.locked) }
        guard deadlines.shorten(wish, at: clock.now()) else { throw .wouldLengthen }
        entries[path]?.deadlines = deadlines
    }

    /// Forgets a vault's keys.
    func lock(_ path: String) { entries.removeValue(forKey: path)?.worker.lock() }

    /// Forgets a vault's keys unless `worker` has been replaced.
    func lock(_ worker: VaultWorker) {
        if entries[worker.path]?.worker === worker { lock(worker.path) }
    }

    /// Forgets all keys.
    func lockAll() { for path in entries.keys { lock(path) } }

    /// Stores what a worker reports, unless that worker has been replaced.
    func update(_ state: VaultState, of worker: VaultWorker) {
        if entries[worker.path]?.worker === worker { entries[worker.path]?.state = state }
    }

    /// Returns whether the client means the file that the vault's worker had open at its last report.
    func isAbout(_ proof: FileProof, _ path: String) -> Bool {
        proof.files.allSatisfy { file in
            guard let known = file.knownIdentity else { return false }
            return known == entries[path]?.state.file
        }
    }

    /// Returns the status of a vault as last reported, without notices; this does not count as a use.
    ///
    /// - Throws: ``VaultError/locked``.
    func status(_ path: String) throws(VaultError) -> AgentStatus {
        guard let entry = entries[path] else { throw .locked }
        let (deadlines, now, summary) = (entry.deadlines, clock.now(), entry.state.summary)
        return AgentStatus(
            idleLeft: deadlines.end - min(now, deadlines.end),
            totalLeft: deadlines.totalEnd - min(now, deadlines.totalEnd), generation: summary.generation,
            secrets: UInt64(summary.secrets), versions: UInt64(summary.versions),
            liveBytes: summary.liveBytes, deadBytes: summary.deadBytes, expired: entry.state.expired,
            due: entry.state.due,
            locksOnSleep: deadlines.limits.locksOnSleep, isMemoryLocked: GuardedMemory.isLocked)
    }
}
