import Compaction
import Dispatch
import Foundation
import Platform
import Sodium
import Synchronization
import Testing

@testable import VaultFile
@testable import VaultCore

/// Merges of diverged copies: vault-format.md, section 9.
@Suite struct MergeTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let wanted = environment["VAULT_PAIRS"].flatMap { Int($0) }
    private static let seed = environment["VAULT_SEED"].flatMap { UInt64($0) } ?? 1

    @Test func `a merge is the union of the histories, whichever way and however often it is made`() throws {
        let count = MergeTests.wanted ?? 150
        let next = Mutex(0)
        let problems = Mutex([String]())
        let sums = Mutex(Apart.Counts())
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while true {
                let number = next.withLock { number in
                    number += 1
                    return number - 1
                }
                guard number < count, problems.withLock({ $0.count < 5 }) else { return }
                let seed = MergeTests.seed &+ UInt64(number)
                do {
                    let apart = try Apart(seed: seed)
                    let counts = try apart.judge()
                    sums.withLock { $0 += counts }
                } catch {
                    problems.withLock { $0.append("VAULT_SEED=\(seed): \(error)") }
                }
            }
        }
        let found = problems.withLock { $0 }
        let counts = sums.withLock { $0 }
        print(
            "merge: \(counts.pairs) pairs, \(counts.versions) versions taken in, \(counts.conflicts) conflicts, \(found.count) wrong"
        )
        #expect(found == [])
        #expect(counts.pairs == count && counts.conflicts > count / 10 && counts.versions > count)
    }

    @Test func `of two values of one millisecond the larger is current, on both sides`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.write(.text("A", "smaller"), to: 0, at: 50)
        try apart.write(.text("A", "zebra"), to: 1, at: 50)
        let report = try apart.merge(into: 0, from: 1)
        #expect(
            report.conflicts
                == [Merge.Conflict(at: address("A"), isHereCurrent: false, version: 1)])
        #expect(try apart.open(0).text("A") == "zebra")
        let back = try apart.merge(into: 1, from: 0)
        #expect(
            back.conflicts.isEmpty && back.versions == 1,
            "what is the other's newest was known before \(back)")
        #expect(try apart.open(1).history() == apart.open(0).history())
    }

    @Test func `a secret of which metadata alone are taken counts, even if its value is left out`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.write(.text("A", "future"), to: 1, at: 3 * 86_400_000)
        try apart.write(.text("meta:A", "{}"), to: 1, at: 50)
        try apart.write(.text("meta:B", "{}"), to: 1, at: 50)
        try apart.write(.text("B", "both"), to: 1, at: 51)
        let report = try apart.merge(into: 0, from: 1)
        #expect(report.versions == 3 && report.secrets == 2 && report.future == [SecretID("A", in: .team)])
    }

    @Test func `what was deleted on one side and set on the other goes by the later, and both stay`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.write(.remove("A"), to: 0, at: 100)
        try apart.write(.text("A", "late"), to: 1, at: 90)
        #expect(
            try apart.merge(into: 0, from: 1).conflicts
                == [Merge.Conflict(at: address("A"), isHereCurrent: true, version: 1)])
        #expect(try apart.open(0).text("A") == nil)
        #expect(try apart.open(0).entries(address("A")).map { $0.value == nil } == [true, false, false])
    }

    @Test func `the same value set on both sides is no conflict`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.write(.text("A", "same"), to: 0, at: 100)
        try apart.write(.text("A", "same"), to: 1, at: 200)
        #expect(try apart.compare(0, 1).differences.map(\.change) == [.history])
        let report = try apart.merge(into: 0, from: 1)
        #expect(report.versions == 1 && report.conflicts.isEmpty)
    }

    @Test func `a clock that is fast wins, is named, and its values can be written past`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.write(.text("A", "tomorrow"), to: 1, at: 86_400_000)
        try apart.write(.text("A", "now"), to: 0, at: 1000)
        let report = try apart.merge(into: 0, from: 1)
        #expect(report.ahead == [SecretID("A", in: .team)])
        #expect(try apart.open(0).text("A") == "tomorrow")
        try apart.write(.text("A", "after all"), to: 0, at: 2000)
        #expect(try apart.open(0).text("A") == "after all")
    }

    @Test func `another vault is merged too, and leaves no head`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.putAnotherVault(at: 1, [.text("B", "other")])
        let report = try apart.merge(into: 0, from: 1)
        #expect(report.isOtherVault && report.hasOtherKeys && report.versions == 1)
        let log = try apart.open(0)
        #expect(try log.text("B") == "other" && log.text("A") == "base")
    }

    @Test func `the unfinished tail of the other file is left out, and that of this one set aside`() throws {
        let apart = try Apart(base: [.text("A", "base")])
        try apart.write(.text("B", "other"), to: 1, at: 100)
        for side in [0, 1] { apart.world.disk[Apart.path(side)] += noise(100) }
        let before = apart.world.disk[Apart.path(1)]
        let report = try apart.merge(into: 0, from: 1)
        #expect(report.savedTail?.count == 100 && report.versions == 1)
        #expect(apart.world.disk[Apart.path(1)] == before)
    }

    @Test(arguments: [false, true])
    func `who has the file open goes on in the merged one that takes its place, and nowhere else`(
        isCompacted: Bool
    ) throws {
        let apart = try Apart(base: [.text("A", "base")])
        let store = CheckpointStore(path: "/state/seen", storage: apart.world.disk)
        try apart.write(.text("B", "there"), to: 1, at: 50)
        try apart.write(.text("A", "here"), to: 0, at: 100)
        if isCompacted { try apart.compact(0) }
        for checkpoints in [store, nil] {
            let log = try apart.open(0, checkpoints: checkpoints)
            let forked = apart.world.disk[Apart.path(1)]
            try apart.merge(into: 1, from: 0)
            let merged = apart.world.disk[Apart.path(1)]
            apart.world.disk.replace(Apart.path(0), with: forked)
            #expect { try log.refresh() } throws: { ($0 as? VaultFileError)?.isRollback == true }
            apart.world.disk.replace(Apart.path(0), with: merged)
            try log.refresh()
            #expect(try log.text("A") == "here" && log.text("B") == "there")
            try log.append(.text("C", "on"))
            #expect(try apart.open(0, checkpoints: checkpoints).text("C") == "on")
            apart.world.disk.replace(Apart.path(0), with: merged)
            #expect { try log.refresh() } throws: { ($0 as? VaultFileError)?.isRollback == true }
            apart.world.disk[Apart.path(1)] = forked
        }
    }

    @Test func `a merge of more than 64 MiB is several transactions, and one that was cut off is made whole`()
        throws
    {
        let apart = try Apart(base: [.text("A", "base")])
        for number in 0..<3 {
            let steps = (0..<22).map {
                Step.put("N\(number)_\($0)", [UInt8](repeating: UInt8(22 * number + $0), count: 1 << 20))
            }
            let change = try transaction(steps)
            try apart.open(1).append(change, timeout: 0)
        }
        let expected = try apart.open(1).addresses.count
        let disk = RecordingDisk(apart.world.disk)
        let (bytes, path) = (apart.world.disk[Apart.path(0)], Apart.path(0))
        disk.begin()
        let report = try apart.merge(into: 0, from: 1, storage: disk)
        #expect(report.versions == 66)
        let writes = disk.events.filter { if case .write = $0 { true } else { false } }
        #expect(writes.count >= 2)
        #expect(try apart.open(0).addresses.count == expected)
        let calls = disk.calls
        apart.world.disk[path] = bytes
        disk.begin()
        disk.fault = RecordingDisk.Fault(call: calls * 3 / 4, error: .ioError, lasts: true)
        #expect(throws: VaultFileError.self) { try apart.merge(into: 0, from: 1, storage: disk) }
        disk.fault = nil
        apart.world.disk.releaseLocks()
        #expect(try apart.open(0).text("A") == "base")
        _ = try apart.merge(into: 0, from: 1)
        #expect(try apart.open(0).addresses.count == expected)
    }
}

/// Three diverged copies of one vault, on a disk in memory.
final class Apart {
    struct Counts {
        var pairs = 0
        var versions: UInt64 = 0
        var conflicts = 0

        static func += (left: inout Counts, right: Counts) {
            left.pairs += right.pairs
            left.versions += right.versions
            left.conflicts += right.conflicts
        }
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var world: World
    /// The master key of the copies.
    private var keys: [MasterKey] = []
    private var dice: Dice

    static func path(_ side: Int) -> String { "/home/\(side).vault" }

    /// Creates identical copies.
    init(base: [Step], seed: UInt64 = 1) throws {
        world = World(seed: seed, path: Apart.path(0))
        dice = Dice(seed: seed)
        let log = try world.create()
        let key = MasterKey(bytes: log.master.withBytes { key in key.array(key.indices) })
        keys = [key, key, key]
        for step in base {
            world.clock.now += 1
            try log.append(step)
        }
        for side in 1...2 { world.disk[Apart.path(side)] = world.disk[Apart.path(0)] }
    }

    /// Creates copies that diverge in a way that `seed` determines.
    convenience init(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let base = (0..<Int.random(in: 0...8, using: &dice)).map { _ in Apart.step(&dice) }
        try self.init(base: base, seed: seed)
        self.dice = dice
        if self.dice.happens(5) {
            try putAnotherVault(
                at: 2, (0..<Int.random(in: 0...4, using: &dice)).map { _ in Apart.step(&dice) })
        }
        let start = world.clock.now
        for side in 0..<3 {
            // The copies use the same few milliseconds, so that some times are equal.
            world.clock.now = start
            for _ in 0..<Int.random(in: 0...6, using: &self.dice) { try change(side) }
        }
        world.clock.now = start + 100
    }

    func putAnotherVault(at side: Int, _ steps: [Step]) throws {
        var other = World(seed: 1_000_000 + world.clock.now, path: Apart.path(side))
        other.dependencies.storage = world.disk
        try? world.disk.remove(Apart.path(side))
        let log = try other.create()
        for step in steps { try log.append(step) }
        keys[side] = MasterKey(bytes: log.master.withBytes { key in key.array(key.indices) })
    }

    private static func step(_ dice: inout Dice) -> Step {
        let name =
            ["A", "B", "C", "project:web/A", "cluster:gpu-1/A", "meta:A", "meta:project:web/A"]
            .randomElement(using: &dice) ?? "A"
        if dice.happens(20) { return .remove(name) }
        let count = dice.happens(90) ? Int.random(in: 0...2, using: &dice) : 300
        return .put(name, noise(count, seed: UInt64.random(in: 0...3, using: &dice)))
    }

    private func change(_ side: Int) throws {
        world.clock.now += UInt64.random(in: 0...2, using: &dice)
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<80: try open(side).append(Apart.step(&dice))
        case 80..<88:
            _ = try Compaction.run(
                path: Apart.path(side), master: keys[side].copy(), keeping: dice.happens(50) ? .none : .all,
                dependencies: world.dependencies)
        case 88..<92: try changeKeys(side)
        default: _ = try merge(into: side, from: (side + 1) % 3)
        }
    }

    private func changeKeys(_ side: Int) throws {
        let passphrase = world.passphrase
        let new = try NewKeys(
            for: try open(side).header.vaultID, passphrase: passphrase.span, parameters: World.weak,
            hasRecoveryKey: false, dependencies: world.dependencies)
        _ = try Compaction.changeKeys(
            path: Apart.path(side), from: keys[side].copy(), to: new, dependencies: world.dependencies)
        keys[side] = MasterKey(bytes: new.master.withBytes { key in key.array(key.indices) })
    }

    /// Opens one copy for writing.
    func open(_ side: Int, storage: (any Storage)? = nil, checkpoints: CheckpointStore? = nil) throws -> Log {
        var dependencies = world.dependencies
        if let storage { dependencies.storage = storage }
        dependencies.checkpoints = checkpoints
        return try Log(
            path: Apart.path(side), access: .writing, dependencies: dependencies, master: keys[side].copy())
    }

    /// Rewrites one copy with all versions.
    func compact(_ side: Int) throws {
        _ = try Compaction.run(
            path: Apart.path(side), master: keys[side].copy(), keeping: .all,
            dependencies: world.dependencies)
    }

    /// Writes one step at the given time.
    func write(_ step: Step, to side: Int, at time: UInt64) throws {
        world.clock.now = World.start + time
        try open(side).append(step)
    }

    @discardableResult
    func merge(
        into side: Int, from other: Int, isTrial: Bool = false, storage: (any Storage)? = nil
    ) throws -> Merge.Report {
        let here = try open(side, storage: storage)
        let options = MergeOptions(isTrial: isTrial, takesKeys: true, takesAll: true)
        var report = try Merge.run(into: here, from: try open(other), options, now: world.clock.now)
        report.hasOtherKeys = keys[side].bytes != keys[other].bytes
        if report.hasTakenKeys, !isTrial {
            keys[side] = keys[other]
            return report
        }
        if !isTrial, world.disk[Apart.path(side)].count < 1 << 20, try here.history() != open(side).history()
        {
            throw Problem(description: "the open file and the one that is opened anew differ")
        }
        return report
    }

    func compare(_ side: Int, _ other: Int) throws -> Comparison {
        try Comparison(try open(side), try open(other))
    }

    private func snapshot() -> [[UInt8]] { (0..<3).map { world.disk[Apart.path($0)] } }

    private func restore(_ files: [[UInt8]]) {
        for (side, bytes) in files.enumerated() { world.disk[Apart.path(side)] = bytes }
    }

    private func demand(_ holds: Bool, _ text: String) throws {
        if !holds { throw Problem(description: text) }
    }

    /// Compares merges of the first two copies, and of all three, with the union of sets.
    func judge() throws -> Counts {
        let (files, masters) = (snapshot(), keys)
        let histories = try (0..<3).map { try open($0).history() }
        let union = Apart.union(histories[0], histories[1])
        let comparison = try compare(0, 1)
        let (point, trial) = (try open(1).presentCheckpoint(), try merge(into: 0, from: 1, isTrial: true))
        try demand(snapshot() == files, "a trial wrote")
        let report = try merge(into: 0, from: 1)
        try demand(report == trial, "a trial tells of another merge: \(trial), not \(report)")
        try demand(try open(0).history() == union, "the merged file is not the union")
        try demand(try open(0).check().isEmpty, "check finds something")
        try demand(snapshot()[1] == files[1], "the other file was touched")
        try demand(report.isWritten == (snapshot()[0] != files[0]), "it is not said whether it was written")
        let lacked = try compare(0, 1).differences.filter { $0.change == .there || $0.change == .both }
        try demand(lacked.isEmpty, "something is lacking still: \(lacked)")
        let conflicts = comparison.differences.filter { $0.change == .both }
        try demand(
            report.conflicts.map(\.secret) == conflicts.map(\.secret)
                && report.conflicts.map(\.part) == conflicts.map(\.part),
            "conflicts differ from the comparison's")
        try judgeConflicts(report, histories)
        try judgeCheckpoint(point)

        let merged = snapshot()[0]
        let again = try merge(into: 0, from: 1)
        try demand(snapshot()[0] == merged && !again.isWritten, "the second merge wrote something")
        try merge(into: 1, from: 0)
        try demand(try open(1).history() == union, "the way back is not the union")

        restore(files)
        keys = masters
        try merge(into: 1, from: 0)
        try demand(try open(1).history() == union, "it depends on the side")
        try merge(into: 2, from: 1)
        let right = try open(2).history()
        restore(files)
        keys = masters
        try merge(into: 1, from: 2)
        try merge(into: 0, from: 1)
        try demand(try open(0).history() == right, "it depends on the order")
        try demand(right == Apart.union(union, histories[2]), "three are not the union")
        restore(files)
        keys = masters
        return Counts(pairs: 1, versions: report.versions, conflicts: report.conflicts.count)
    }

    /// Checks that the versions that a merge leaves inactive are where the report says.
    private func judgeConflicts(_ report: Merge.Report, _ histories: [History]) throws {
        let log = try open(0)
        for conflict in report.conflicts {
            let place = try conflict.secret.address(of: conflict.part)
            let entries = try log.entries(place)
            let winner = histories[conflict.isHereCurrent ? 0 : 1][place]?.first
            let loser = histories[conflict.isHereCurrent ? 1 : 0][place]?.first
            try demand(
                entries.first == winner && entries[Int(conflict.version)] == loser,
                "a conflict is told wrongly: \(conflict)")
        }
    }

    /// Checks that the machine of the other copy accepts the merged file.
    private func judgeCheckpoint(_ point: Checkpoint) throws {
        guard point.vaultID == (try open(0).header.vaultID) else { return }
        let store = CheckpointStore(path: "/state/seen", storage: world.disk)
        try store.set(point, of: Apart.path(0))
        _ = try open(0, checkpoints: store)
        try store.remove(Apart.path(0))
    }

    /// Returns the union of two sets of (time, kind, value) for each address.
    private static func union(_ left: History, _ right: History) -> History {
        left.merging(right) { left, right in
            var entries = left
            for entry in right where !entries.contains(entry) { entries.append(entry) }
            return entries.sorted(by: isNewer)
        }
    }

    private static func isNewer(_ left: Entry, _ right: Entry) -> Bool {
        if left.time != right.time { return left.time > right.time }
        // The kind of a tombstone is the larger number.
        guard let one = left.value else { return right.value != nil }
        guard let other = right.value else { return false }
        return other.lexicographicallyPrecedes(one)
    }
}
