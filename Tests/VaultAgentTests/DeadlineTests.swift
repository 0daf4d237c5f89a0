import Platform
import Sodium
import Testing
import VaultFile
import VaultCore

@testable import VaultAgent

/// Tests when keys are forgotten, to the millisecond, on a clock that the tests advance.
@Suite struct DeadlineTests {
    private let clock = TurnedClock()
    private let world: AgentWorld
    private let path: String
    private let keyring: Keyring

    init() throws {
        world = try AgentWorld()
        path = try world.makeVault()
        keyring = Keyring(clock: clock.clock)
    }

    private func unlock(_ limits: Limits, _ other: String? = nil) throws {
        let path = other ?? path
        let worker = try VaultWorker(
            path, VaultKeys(try world.key(path)), FileProof(files: [], paths: []), AgentWorld.dependencies,
            try Mailbox(), Backlog())
        keyring.keep(worker, limits, Self.state)
    }

    private static let state = VaultState(
        summary: Summary(
            generation: 1, secrets: 0, versions: 0, committedBytes: Format.logStart, liveBytes: 0))

    /// Shortens the limits as the agent's loop does, and returns the status that the client gets.
    private func shorten(_ path: String, _ wish: Limits) throws -> AgentStatus {
        try keyring.shorten(path, wish)
        return try keyring.status(path)
    }

    private var isUnlocked: Bool {
        keyring.expire()
        return !keyring.isEmpty
    }

    @Test func `a vault that nothing uses is locked when its idle time is over, and not before`() throws {
        try unlock(Limits(idle: 5000, total: 60_000))
        clock.pass(4999)
        #expect(isUnlocked)
        clock.pass(1)
        #expect(!isUnlocked)
        #expect(throws: VaultError.locked) { try keyring.use(path) }
    }

    @Test func `each use moves the idle deadline, but none the last one`() throws {
        try unlock(Limits(idle: 5000, total: 12_000))
        for _ in 0..<2 {
            clock.pass(4999)
            _ = try keyring.use(path)
        }
        clock.pass(2001)
        #expect(isUnlocked)
        clock.pass(1)
        #expect(!isUnlocked)
    }

    @Test func `status tells both deadlines and moves neither`() throws {
        try unlock(Limits(idle: 5000, total: 60_000))
        clock.pass(3000)
        for _ in 0..<3 {
            let status = try keyring.status(path)
            #expect(status.idleLeft == 2000)
            #expect(status.totalLeft == 57_000)
        }
        clock.pass(2000)
        #expect(!isUnlocked)
    }

    @Test func `the idle deadline that is told is never behind the last one`() throws {
        try unlock(Limits(idle: 60_000, total: 5000))
        #expect(try keyring.status(path).idleLeft == 5000)
    }

    @Test func `sleep counts for both deadlines`() throws {
        try unlock(.default)
        clock.sleep(3_599_999)
        #expect(isUnlocked)
        clock.sleep(1)
        #expect(!isUnlocked)
        try unlock(Limits(idle: 200_000_000, total: 100_000_000))
        clock.sleep(100_000_000)
        #expect(!isUnlocked)
    }

    @Test func `a hundred thousand seconds of sleep lock what the defaults unlocked`() throws {
        try unlock(.default)
        clock.sleep(100_000_000)
        #expect(!isUnlocked)
    }

    @Test func `a vault that locks on sleep is locked by any sleep, the others are not`() throws {
        let other = try world.makeVault("b.vault")
        try unlock(Limits(idle: 60_000, total: 60_000, locksOnSleep: true))
        try unlock(.default, other)
        clock.pass(10_000)
        keyring.expire()
        _ = try keyring.use(path)
        clock.sleep(500)
        keyring.expire()
        #expect(throws: VaultError.locked) { try keyring.use(path) }
        _ = try keyring.use(other)
    }

    @Test func `two clocks that are not read together are no sleep`() throws {
        try unlock(Limits(idle: 60_000, total: 60_000, locksOnSleep: true))
        clock.sleep(499)
        #expect(isUnlocked)
    }

    @Test func `a vault that locks on sleep is looked at once a second, any other at its deadline`() throws {
        try unlock(Limits(idle: 60_000, total: 90_000))
        #expect(keyring.nextExpiry == 1_060_000)
        try unlock(Limits(idle: 60_000, total: 90_000, locksOnSleep: true))
        #expect(keyring.nextExpiry == 1_001_000)
        keyring.lockAll()
        #expect(keyring.nextExpiry == nil)
    }

    @Test func `a wish can shorten and never lengthen, all of it or nothing`() throws {
        try unlock(Limits(idle: 5000, total: 60_000))
        clock.pass(1000)
        #expect(throws: WireFailure.wouldLengthen) { try shorten(path, Limits(idle: 5001, total: 0)) }
        #expect(throws: WireFailure.wouldLengthen) {
            try shorten(path, Limits(idle: 1, total: 59_001))
        }
        #expect(try keyring.status(path).idleLeft == 4000)
        let status = try shorten(path, Limits(idle: 3000, total: 59_000, locksOnSleep: true))
        #expect(status.idleLeft == 2000)
        #expect(status.totalLeft == 59_000)
        #expect(status.locksOnSleep)
        #expect(try shorten(path, Limits(idle: 0, total: 0)).locksOnSleep)
        #expect(throws: WireFailure.vault(.locked)) {
            try shorten(world.root + "/other", Limits(idle: 1, total: 1))
        }
    }

    @Test func `the passphrase lengthens`() throws {
        try unlock(Limits(idle: 5000, total: 6000))
        try unlock(Limits(idle: 50_000, total: 60_000))
        clock.pass(49_999)
        #expect(isUnlocked)
    }

    @Test func `the longest times there are do not overflow`() throws {
        try unlock(Limits(idle: AgentProtocol.maxDuration, total: AgentProtocol.maxDuration))
        #expect(try keyring.status(path).totalLeft == AgentProtocol.maxDuration)
    }
}
