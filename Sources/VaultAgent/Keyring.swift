internal import Platform
internal import Sodium
internal import VaultFile
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

/// The vaults that are unlocked, by path.
final class Keyring {
    /// A vault that is unlocked.
    ///
    /// It is shared, not copied: requests come by the thousand.
    private final class Entry {
        var vault: Vault
        /// The keys that the file may get next, as those who change it said; the last one last.
        var successors: [SharedKey]
        var deadlines: Deadlines
        /// Whether its file was looked at since the requests that are being answered arrived.
        var isUpToDate = false
        /// With the checkpoints that the client named.
        let surroundings: Surroundings
        /// How long the machine had slept when the vault was unlocked.
        let slept: UInt64

        init(
            _ vault: Vault, _ successors: [SharedKey], _ deadlines: Deadlines, _ surroundings: Surroundings,
            slept: UInt64
        ) {
            self.vault = vault
            self.successors = successors
            self.deadlines = deadlines
            self.surroundings = surroundings
            self.slept = slept
        }
    }

    private var entries: [String: Entry] = [:]
    private let clock: AgentClock
    private let surroundings: Surroundings

    /// The least growth of the time slept that counts as sleep, in milliseconds: more than two clocks that
    /// are not read together can differ.
    private static let leastSleep: UInt64 = 500
    /// How often a vault that locks on sleep is looked at, in milliseconds.
    private static let sleepWatch: UInt64 = 1000
    /// How many announced keys are kept for a vault.
    private static let mostSuccessors = 8

    init(clock: AgentClock, surroundings: Surroundings) {
        self.clock = clock
        self.surroundings = surroundings
    }

    /// Whether no vault is unlocked.
    var isEmpty: Bool { entries.isEmpty }

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

    /// Opens a vault with its key and keeps it unlocked, in place of what was kept under that path.
    ///
    /// - Throws: as ``Vault/open(at:masterKey:access:surroundings:)``; what was kept is kept on then.
    func unlock(_ request: consuming UnlockRequest) throws(VaultError) -> AgentStatus {
        let (path, limits) = (request.path, request.limits)
        var surroundings = surroundings
        if !request.checkpoints.isEmpty, !request.isCopy {
            surroundings.checkpoints = CheckpointStore(path: request.checkpoints)
        }
        surroundings.hasNowhereToRemember = surroundings.checkpoints == nil && !request.isCopy
        let vault = try Vault.open(
            at: path, masterKey: request.key, access: .reading, surroundings: surroundings)
        let deadlines = Deadlines(limits, at: clock.now())
        entries[path] = Entry(
            vault, entries[path]?.successors ?? [], deadlines, surroundings, slept: clock.slept())
        return try status(path)
    }

    /// Begins a job with the key of the vault at `path`, which counts as a use.
    ///
    /// - Throws: ``VaultError/locked``; ``VaultError/file(_:)`` if there is no memory or no thread.
    func begin(_ job: Job, _ path: String) throws(VaultError) -> Errand {
        // The file may have got the key that was announced; whatever else is wrong with it, the job will say.
        if let entry = entries[path] {
            do throws(VaultError) {
                _ = try look(entry, path)
            } catch .file(.rolledBack(let rollback)) where rollback.reason == .keys && job.isOnVault(at: path)
            {
                throw .file(.rolledBack(rollback))
            } catch {
                // The job will say.
            }
        }
        guard let entry = entries[path] else { throw .locked }
        entry.deadlines.use(at: clock.now())
        let key = try entry.vault.masterKey()
        var otherKey: SharedKey?
        if let other = job.other.flatMap({ entries[$0] }) {
            let key = SharedKey(try other.vault.masterKey())
            otherKey = key
            // The file may get that key.
            if case .merge(_, _, let options) = job, options.takesKeys, !options.isTrial {
                try announce(key, path)
            }
        }
        var surroundings = entry.surroundings
        if job.isOnVault(at: path) { surroundings.ownMemory = try entry.vault.ownMemory }
        do throws(Errno) {
            return try Errand(job, key: key, otherKey: otherKey, surroundings: surroundings)
        } catch {
            throw .file(.outOfMemory)
        }
    }

    /// Forgets what was seen of the vault at `path` and takes what is there now, which this machine trusts.
    ///
    /// If it cannot be opened, what is kept is kept on.
    func reopen(_ path: String) {
        guard let entry = entries[path] else { return }
        do throws(VaultError) {
            entry.vault = try Vault.open(
                at: path, masterKey: try entry.vault.masterKey(), access: .reading,
                surroundings: entry.surroundings)
        } catch {
            return
        }
    }

    /// Whether a vault is unlocked.
    func isUnlocked(_ path: String) -> Bool { entries[path] != nil }

    /// Shortens the deadlines of a vault.
    func shorten(_ path: String, _ wish: Limits) throws(WireFailure) -> AgentStatus {
        guard let entry = entries[path] else { throw .vault(.locked) }
        guard entry.deadlines.shorten(wish, at: clock.now()) else { throw .wouldLengthen }
        do throws(VaultError) {
            return try status(path)
        } catch {
            throw .vault(error)
        }
    }

    /// Takes note of a key that the file at `path` may get next.
    ///
    /// Of several who change the keys at once, whoever comes first has its way, and not whoever announced last.
    ///
    /// - Throws: ``VaultError/locked``.
    func announce(_ successor: SharedKey, _ path: String) throws(VaultError) {
        guard let entry = entries[path] else { throw .locked }
        entry.successors = entry.successors.suffix(Keyring.mostSuccessors - 1) + [successor]
    }

    /// Says that requests arrived, before which no look at a file counts.
    func noteArrival() {
        for entry in entries.values { entry.isUpToDate = false }
    }

    /// Forgets a vault's keys.
    func lock(_ path: String) { entries[path] = nil }

    /// Forgets all keys.
    func lockAll() { entries = [:] }

    /// The vault at `path`, brought up to date, which counts as a use.
    ///
    /// - Throws: ``VaultError/locked``, and as ``Vault/refresh()``.
    func use(_ path: String) throws(VaultError) -> Vault {
        guard let entry = entries[path] else { throw .locked }
        entry.deadlines.use(at: clock.now())
        return try look(entry, path)
    }

    /// What there is to tell about a vault; that is no use of it.
    ///
    /// - Throws: as ``use(_:)``.
    func status(_ path: String) throws(VaultError) -> AgentStatus {
        guard let entry = entries[path] else { throw .locked }
        let summary = try look(entry, path).summary()
        let (deadlines, now) = (entry.deadlines, clock.now())
        return AgentStatus(
            idleLeft: min(deadlines.idleEnd, deadlines.totalEnd) - min(now, deadlines.end),
            totalLeft: deadlines.totalEnd - min(now, deadlines.totalEnd),
            locksOnSleep: deadlines.limits.locksOnSleep, generation: summary.generation,
            secrets: UInt64(summary.secrets), versions: UInt64(summary.versions),
            liveBytes: summary.liveBytes, deadBytes: summary.deadBytes, notices: entry.vault.newsForClients())
    }

    /// Makes sure that what this machine remembers of another path that leads to `path` agrees with the file.
    ///
    /// - Throws: as ``use(_:)``.
    func follow(_ path: String, _ lexical: String) throws(VaultError) {
        guard let entry = entries[path] else { throw .locked }
        try look(entry, path).follow(lexical)
    }

    /// The vault at `path`, brought up to date: its file is looked at once for all requests that arrived together.
    ///
    /// One whose keys were changed elsewhere is locked: the keys that are here open nothing any more.
    private func look(_ entry: Entry, _ path: String) throws(VaultError) -> Vault {
        if entry.isUpToDate { return entry.vault }
        do throws(VaultError) {
            try entry.vault.refresh()
            entry.vault.looksBeforeReading = true
            entry.isUpToDate = true
            return entry.vault
        } catch .file(.keysChanged) {
            return try follow(entry, path)
        } catch {
            throw error
        }
    }

    /// Opens the vault at `path` with a key that was announced.
    private func follow(_ entry: Entry, _ path: String) throws(VaultError) -> Vault {
        for (index, successor) in entry.successors.enumerated() {
            do throws(VaultError) {
                let vault = try Vault.open(
                    at: path, masterKey: try copy(successor.key), access: .reading,
                    surroundings: entry.surroundings)
                entry.vault = vault
                // One that was announced later may still come.
                entry.successors.removeFirst(index + 1)
                return vault
            } catch .file(.keysChanged) {
                continue
            } catch {
                throw error
            }
        }
        lock(path)
        throw .locked
    }

    private func copy(_ key: borrowing Key) throws(VaultError) -> Key {
        do throws(VaultFileError) {
            return try key.copy()
        } catch {
            throw .file(error)
        }
    }
}

extension Vault {
    /// What a client should tell its user: what happened since the last one asked, and that nothing is remembered as long as that is so.
    func newsForClients() -> [Notice] {
        let news = takeNotices().filter { notice in
            switch notice {
            // Of these, the present state is told.
            case .unfinishedTail, .nothingRemembered, .nowhereToRemember: false
            case .savedTail, .checkpointTorn, .compactionUndone, .newerElsewhere: true
            }
        }
        return news + (memoryFailure.map { [$0] } ?? [])
    }
}
