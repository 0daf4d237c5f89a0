import Compaction
import Dispatch
import Foundation
import Platform
import Sodium
import Synchronization
import Testing

@testable import VaultFile
@testable import VaultCore

/// Random histories of several machines: vault-format.md, section 10.
///
/// Each verdict is compared with sets of changes.
@Suite struct RollbackModelTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let wanted = environment["VAULT_HISTORIES"].flatMap { Int($0) }
    private static let seed = environment["VAULT_SEED"].flatMap { UInt64($0) } ?? 1

    @Test(arguments: [false, true])
    func `a file is refused exactly where it lacks a change that this machine saw`(isHostile: Bool) throws {
        let count = RollbackModelTests.wanted.map { $0 / 2 } ?? 100
        let next = Mutex(0)
        let problems = Mutex([String]())
        let sums = Mutex(Histories.Counts())
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while true {
                let number = next.withLock { number in
                    number += 1
                    return number - 1
                }
                guard number < count, problems.withLock({ $0.count < 5 }) else { return }
                let seed = RollbackModelTests.seed &+ UInt64(number)
                do {
                    let histories = try Histories(seed: seed, isHostile: isHostile)
                    try histories.run()
                    sums.withLock { $0 += histories.counts }
                } catch {
                    problems.withLock { $0.append("VAULT_SEED=\(seed): \(error)") }
                }
            }
        }
        let found = problems.withLock { $0 }
        let counts = sums.withLock { $0 }
        print(
            "rollback: \(counts.histories) histories\(isHostile ? " with old files" : ""), \(counts.looks) looks, \(counts.refused) refused, \(counts.merges) merges, \(counts.keyChanges) changes of keys, \(found.count) wrong"
        )
        #expect(found == [])
        #expect(counts.histories == count && counts.looks > 5 * count && counts.refused > 0)
    }
}

/// Machines that work on copies of one vault, and the changes that each copy really contains.
private final class Histories {
    struct Counts {
        var histories = 0
        var looks = 0
        var refused = 0
        var merges = 0
        var keyChanges = 0

        static func += (left: inout Counts, right: Counts) {
            left.histories += right.histories
            left.looks += right.looks
            left.refused += right.refused
            left.merges += right.merges
            left.keyChanges += right.keyChanges
        }
    }

    private struct Problem: Error, CustomStringConvertible { let description: String }

    /// A file, and what the model knows about it.
    private struct Copy {
        var bytes: [UInt8]
        var key: MasterKey
        var keyNumber = 0
        var earlierKeys: Set<Int> = []
        /// The changes that the file contains.
        var truth: Set<Int> = []
    }

    private final class Node {
        let world: World
        var file: Copy
        /// The changes that the machine saw; nil before it first opened a file.
        var seen: Set<Int>?

        init(_ seed: UInt64, _ file: Copy) {
            var world = World(seed: seed)
            world.dependencies.checkpoints = CheckpointStore(path: "/state/seen", storage: world.disk)
            world.disk[world.path] = file.bytes
            self.world = world
            self.file = file
        }
    }

    private(set) var counts = Counts()
    private var dice: Dice
    private let isHostile: Bool
    private var nodes: [Node] = []
    private var snapshots: [Copy] = []
    private var lastChange = 0
    private var lastKey = 0
    private var deeds: [String] = []

    init(seed: UInt64, isHostile: Bool) throws {
        dice = Dice(seed: seed)
        self.isHostile = isHostile
        let world = World(seed: seed)
        let log = try world.create()
        let key = MasterKey(bytes: log.master.withBytes { key in key.array(key.indices) })
        let first = Copy(bytes: world.bytes, key: key)
        snapshots = [first]
        let count = Int.random(in: 2...3, using: &dice)
        nodes = (0..<count).map { Node(seed &* 8 &+ UInt64($0) &+ 1, first) }
    }

    func run() throws {
        do {
            for _ in 0..<Int.random(in: 4...30, using: &dice) { try step() }
        } catch {
            throw Problem(description: "\(error) after \(deeds.joined(separator: ", "))")
        }
        counts.histories += 1
    }

    private func change() -> Int {
        lastChange += 1
        return lastChange
    }

    private func step() throws {
        let index = Int.random(in: 0..<nodes.count, using: &dice)
        let node = nodes[index]
        let other = nodes[Int.random(in: 0..<nodes.count, using: &dice)]
        node.world.clock.now += UInt64.random(in: 0...2, using: &dice)
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<14:
            deeds.append("copy to \(index)")
            return node.file = other.file
        case 14..<20 where isHostile:
            deeds.append("old file put at \(index)")
            return node.file = snapshots.randomElement(using: &dice) ?? node.file
        case 20..<23:
            deeds.append("restore at \(index)")
            node.file = snapshots.randomElement(using: &dice) ?? node.file
            return try accept(node)
        default: break
        }
        guard let log = try look(node) else {
            deeds.append("\(index) refuses")
            if dice.happens(30) { try accept(node) }
            return
        }
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<12: deeds.append("\(index) looks")
        case 12..<45: try set(node, log, index)
        case 45..<57:
            deeds.append("\(index) compacts")
            _ = try Compaction.run(
                path: node.world.path, master: node.file.key.copy(), keeping: dice.happens(50) ? .none : .all,
                dependencies: node.world.dependencies)
            keep(node)
        case 57..<63: try changeKeys(node, index)
        case 63..<67: try purge(node, log, index)
        default: try merge(node, log, other, index)
        }
    }

    /// Reads the copy back from the disk of a machine.
    private func keep(_ node: Node, adding change: Int? = nil) {
        node.file.bytes = node.world.bytes
        if let change { node.file.truth.insert(change) }
        node.seen = node.file.truth
        snapshots.append(node.file)
    }

    /// Opens the file of a machine, and compares the verdict with the model.
    private func look(_ node: Node) throws -> Log? {
        let missing = node.seen.map { !$0.isSubset(of: node.file.truth) } ?? false
        counts.looks += 1
        node.world.disk.replace(node.world.path, with: node.file.bytes)
        let log: Log
        do {
            log = try Log(
                path: node.world.path, access: .writing, dependencies: node.world.dependencies,
                master: node.file.key.copy())
        } catch VaultFileError.rolledBack(let rollback) {
            counts.refused += 1
            if !missing { throw Problem(description: "refused, and nothing is missing: \(rollback)") }
            return nil
        }
        if missing { throw Problem(description: "a change is missing, and nobody says so") }
        node.seen = node.file.truth
        return log
    }

    private func accept(_ node: Node) throws {
        node.world.disk.replace(node.world.path, with: node.file.bytes)
        var unmarked = node.world.dependencies
        unmarked.checkpoints = nil
        let log = try Log(
            path: node.world.path, access: .writing, dependencies: unmarked, master: node.file.key.copy())
        if let store = node.world.dependencies.checkpoints { _ = try log.accept(in: store) }
        node.seen = node.file.truth
    }

    private func name() -> String { ["A", "B", "C", "meta:A", "meta:B"].randomElement(using: &dice) ?? "A" }

    private func set(_ node: Node, _ log: Log, _ index: Int) throws {
        deeds.append("\(index) sets")
        // The clock is wrong for a moment.
        let isFast = dice.happens(6)
        if isFast { node.world.clock.now += 3 * 86_400_000 }
        defer { if isFast { node.world.clock.now -= 3 * 86_400_000 } }
        try log.append(dice.happens(20) ? .remove(name()) : .put(name(), noise(dice.happens(50) ? 1 : 2)))
        keep(node, adding: change())
    }

    private func changeKeys(_ node: Node, _ index: Int) throws {
        deeds.append("\(index) changes its keys")
        counts.keyChanges += 1
        let passphrase = node.world.passphrase
        let header = try Log.readHeader(path: node.world.path, dependencies: node.world.dependencies)
        let new = try NewKeys(
            for: header.vaultID, passphrase: passphrase.span, parameters: World.weak, hasRecoveryKey: false,
            dependencies: node.world.dependencies)
        _ = try Compaction.changeKeys(
            path: node.world.path, from: node.file.key.copy(), to: new, dependencies: node.world.dependencies)
        node.file.key = MasterKey(bytes: new.master.withBytes { key in key.array(key.indices) })
        node.file.earlierKeys.insert(node.file.keyNumber)
        lastKey += 1
        node.file.keyNumber = lastKey
        keep(node, adding: change())
    }

    private func purge(_ node: Node, _ log: Log, _ index: Int) throws {
        let address = address(name()).secret
        let (versions, metadata) = (log.versions(address), log.versions(address.metadata))
        guard !versions.isEmpty || !metadata.isEmpty else { return }
        deeds.append("\(index) purges")
        _ = try Compaction.purge(
            versions.isEmpty || dice.happens(50) ? .all : .version(0), of: address, path: node.world.path,
            master: node.file.key.copy(), dependencies: node.world.dependencies)
        keep(node, adding: change())
    }

    private func merge(_ node: Node, _ log: Log, _ other: Node, _ index: Int) throws {
        let there = dice.happens(70) ? other.file : snapshots.randomElement(using: &dice) ?? other.file
        let here = node.file
        node.world.disk["/home/other.vault"] = there.bytes
        var unmarked = node.world.dependencies
        unmarked.checkpoints = nil
        let otherLog = try Log(
            path: "/home/other.vault", access: .reading, dependencies: unmarked, master: there.key.copy())
        let isNewer = there.earlierKeys.contains(here.keyNumber)
        deeds.append("\(index) merges \(isNewer ? "and takes keys" : "")")
        let report = try Merge.run(
            into: log, from: otherLog, MergeOptions(takesKeys: true), now: node.world.clock.now)
        counts.merges += 1
        let isPartial = report.isPartial
        if isNewer {
            node.file.key = there.key
            node.file.keyNumber = there.keyNumber
            if here.truth.isSubset(of: there.truth), !isPartial {
                node.file.truth = there.truth
                node.file.earlierKeys = there.earlierKeys
                return keep(node)
            }
            node.file.earlierKeys.formUnion(there.earlierKeys.union([here.keyNumber]))
            if !isPartial { node.file.truth.formUnion(there.truth) }
            return keep(node, adding: change())
        }
        if there.truth.isSubset(of: here.truth) {
            if report.isWritten { throw Problem(description: "a merge without anything new was written") }
            return keep(node)
        }
        guard report.isWritten else {
            // All that there was was left out.
            if !isPartial { throw Problem(description: "a merge of something new was not written") }
            return keep(node)
        }
        if !isPartial { node.file.truth.formUnion(there.truth) }
        let isSame = there.keyNumber == here.keyNumber
        if !isSame, !isPartial { node.file.earlierKeys.formUnion(there.earlierKeys) }
        keep(node, adding: isSame && !isPartial ? nil : change())
    }
}
