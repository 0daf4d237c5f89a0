internal import Platform
internal import Sodium
internal import VaultKit

/// What an agent reads the time from.
public struct AgentClock: Sendable {
    /// Milliseconds since some moment, those that the machine slept too.
    public var now: @Sendable () -> UInt64
    /// How many of them it slept.
    public var slept: @Sendable () -> UInt64

    /// A clock of one's own, for tests.
    public init(now: @escaping @Sendable () -> UInt64, slept: @escaping @Sendable () -> UInt64) {
        self.now = now
        self.slept = slept
    }

    /// The machine's.
    public static let system = AgentClock(
        now: { SystemClock.bootMilliseconds() }, slept: { SystemClock.sleptMilliseconds() })
}

/// The vaults that are unlocked, by path, and until when.
final class Keyring {
    private struct Entry {
        let worker: VaultWorker
        var deadlines: Deadlines
        /// How long the machine had slept when the vault was unlocked.
        let slept: UInt64
        /// What the vault's worker said last.
        var numbers: VaultNumbers
    }

    private var entries: [String: Entry] = [:]
    private let clock: AgentClock

    /// The least growth of the time slept that counts as sleep, in milliseconds: more than two clocks that
    /// are not read together can differ.
    private static let leastSleep: UInt64 = 500
    /// How often a vault that locks on sleep is looked at, in milliseconds.
    private static let sleepWatch: UInt64 = 1000

    init(clock: AgentClock) { self.clock = clock }

    /// Whether no vault is unlocked.
    var isEmpty: Bool { entries.isEmpty }

    /// Keeps a vault unlocked, in place of what was kept under its path.
    func keep(_ worker: VaultWorker, _ limits: Limits, _ numbers: VaultNumbers) {
        if let before = entries[worker.path]?.worker {
            for successor in before.keys.successors { worker.keys.announce(successor) }
            before.post(.retire)
        }
        entries[worker.path] = Entry(
            worker: worker, deadlines: Deadlines(limits, at: clock.now()), slept: clock.slept(),
            numbers: numbers)
    }

    /// Locks every vault whose time is over, or that was not to outlive a sleep.
    func expire() {
        let (now, slept) = (clock.now(), clock.slept())
        for (path, entry) in entries where isOver(entry, now, slept) { lock(path) }
    }

    private func isOver(_ entry: Entry, _ now: UInt64, _ slept: UInt64) -> Bool {
        if now >= entry.deadlines.end { return true }
        return entry.deadlines.limits.locksOnSleep && slept >= entry.slept + Keyring.leastSleep
    }

    /// The moment at which ``expire()`` has to look again; nil if nothing is unlocked.
    var nextLook: UInt64? {
        entries.values.map { entry in
            let end = entry.deadlines.end
            return entry.deadlines.limits.locksOnSleep ? min(end, clock.now() + Keyring.sleepWatch) : end
        }.min()
    }

    /// Whether a vault is unlocked.
    func isUnlocked(_ path: String) -> Bool { entries[path] != nil }

    /// Who has the vault at `path`, or nil if it is locked; that is no use of it.
    func worker(_ path: String) -> VaultWorker? { entries[path]?.worker }

    /// Who has the vault at `path`, which counts as a use.
    ///
    /// - Throws: ``VaultError/locked``.
    func use(_ path: String) throws(VaultError) -> VaultWorker {
        guard let worker = entries[path]?.worker else { throw .locked }
        entries[path]?.deadlines.use(at: clock.now())
        return worker
    }

    /// Shortens the deadlines of a vault.
    func shorten(_ path: String, _ wish: Limits) throws(WireFailure) {
        guard var deadlines = entries[path]?.deadlines else { throw .vault(.locked) }
        guard deadlines.shorten(wish, at: clock.now()) else { throw .wouldLengthen }
        entries[path]?.deadlines = deadlines
    }

    /// Forgets a vault's keys.
    func lock(_ path: String) { entries.removeValue(forKey: path)?.worker.lock() }

    /// Forgets the keys of a vault if `worker` has it still.
    func lock(_ worker: VaultWorker) {
        if entries[worker.path]?.worker === worker { lock(worker.path) }
    }

    /// Forgets all keys.
    func lockAll() { for path in entries.keys { lock(path) } }

    /// Takes note of what a vault's worker says of it.
    func note(_ numbers: VaultNumbers, of worker: VaultWorker) {
        if entries[worker.path]?.worker === worker { entries[worker.path]?.numbers = numbers }
    }

    /// Whether the file that a vault's worker had open when it was asked last is the one that is meant.
    func isAbout(_ proof: FileProof, _ path: String) -> Bool {
        proof.files.allSatisfy { file in
            guard let known = file.knownIdentity else { return false }
            return known == entries[path]?.numbers.file
        }
    }

    /// What there is to tell about a vault as far as it is known; that is no use of it.
    ///
    /// - Throws: ``VaultError/locked``.
    func status(_ path: String) throws(VaultError) -> AgentStatus {
        guard let entry = entries[path] else { throw .locked }
        let (deadlines, now, numbers) = (entry.deadlines, clock.now(), entry.numbers)
        return AgentStatus(
            idleLeft: min(deadlines.idleEnd, deadlines.totalEnd) - min(now, deadlines.end),
            totalLeft: deadlines.totalEnd - min(now, deadlines.totalEnd),
            locksOnSleep: deadlines.limits.locksOnSleep, generation: numbers.generation,
            secrets: numbers.secrets, versions: numbers.versions, liveBytes: numbers.liveBytes,
            deadBytes: numbers.deadBytes)
    }
}
