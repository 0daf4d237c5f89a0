import Foundation
import Platform
import Synchronization
import Testing

@testable import VaultFile

/// Counts of the results of mutants; each is opened on a machine without a checkpoint and on one with it.
struct Tally: Equatable {
    /// The number of files.
    var mutants = 0
    /// Refused because of the content of the file.
    var refused = 0
    /// Refused because of the machine's checkpoint.
    var rolledBack = 0
    /// Opened at an earlier commit, with the bytes behind it reported.
    var olderAndSaid = 0
    /// Opened with all content; `check` reports the change.
    var harmlessAndFound = 0
    /// Opened as a backup would: the bytes are the vault's up to a commit, or those of a diverged copy.
    ///
    /// Only the checkpoint can detect this.
    var wholeCopies = 0
    /// Opened at an earlier commit or with other content, without a report: a failure.
    var silent = 0
    /// Opened with content that was never committed: a failure.
    var wrong = 0

    /// Counts an outcome.
    ///
    /// - Parameters:
    ///   - whole: the content of the unchanged vault.
    ///   - known: the contents of vaults after each of their commits.
    ///   - isCopy: whether the bytes are those of a vault up to a commit.
    mutating func count(
        _ outcome: Outcome, whole: History, known: [History], isCopy: Bool, hasMark: Bool
    ) {
        switch outcome {
        case .refused(.rolledBack), .refused(.replaced): rolledBack += 1
        case .refused: refused += 1
        case .opened(let history, let findings):
            let isTold = !findings.isEmpty
            switch history {
            case whole where isTold: harmlessAndFound += 1
            case whole where !hasMark && isCopy: wholeCopies += 1
            case whole: silent += 1
            case _ where !known.contains(history): wrong += 1
            case _ where hasMark: silent += 1
            case _ where isTold: olderAndSaid += 1
            default: if isCopy { wholeCopies += 1 } else { silent += 1 }
            }
        }
    }
}

extension Tally: CustomStringConvertible {
    static func += (left: inout Tally, right: Tally) {
        left.mutants += right.mutants
        left.refused += right.refused
        left.rolledBack += right.rolledBack
        left.olderAndSaid += right.olderAndSaid
        left.harmlessAndFound += right.harmlessAndFound
        left.wholeCopies += right.wholeCopies
        left.silent += right.silent
        left.wrong += right.wrong
    }

    var description: String {
        "corruption: \(mutants) mutants, each without and with the mark: \(refused) refused, "
            + "\(rolledBack) rolled back, \(olderAndSaid) older and said, \(harmlessAndFound) harmless and found, "
            + "\(wholeCopies) whole older copies or forks (told by the mark), \(silent) silent, \(wrong) wrong"
    }
}

/// Opens the mutants of one vault, and compares the results with the rules of the format.
private final class Trial {
    let sample: CorruptionSample
    private(set) var tally = Tally()
    private(set) var surprises: [String] = []
    private let master: [UInt8]
    private let known: [History]
    private let whole: History
    private let files: [String: [UInt8]]

    init(_ sample: CorruptionSample) throws {
        self.sample = sample
        master = try sample.world.masterKey()
        known = [[:]] + sample.oracle.genuine.flatMap { $0.frames.compactMap(\.history) }
        whole = try sample.world.open().history()
        files = sample.world.disk.files.mapValues(\.bytes)
    }

    /// Tries one in every so many mutants.
    func run(_ mutants: [Mutant], step: Int, from first: Int) {
        for number in stride(from: first, to: mutants.count, by: step) {
            let bytes = mutants[number].bytes()
            if bytes == sample.whole { continue }
            tally.mutants += 1
            for point in [nil, sample.point] { attempt(bytes, point, mutants[number].name) }
        }
    }

    private func attempt(_ bytes: [UInt8], _ point: CommitPoint?, _ name: () -> String) {
        let disk = sample.world.disk
        disk[sample.world.path] = bytes
        let outcome = open(bytes, point)
        let expected = sample.oracle.outcome(of: bytes, point: point)
        let isCopy = if case .opened(_, []) = expected { true } else { false }
        let before = (tally.silent, tally.wrong)
        tally.count(outcome, whole: whole, known: known, isCopy: isCopy, hasMark: point != nil)
        var files = files
        files[sample.world.path] = bytes
        if outcome != expected || before != (tally.silent, tally.wrong)
            || disk.files.mapValues(\.bytes) != files
        {
            surprises.append("\(name()), \(point == nil ? "no mark" : "marked"): \(outcome), not \(expected)")
        }
    }

    private func open(_ bytes: [UInt8], _ point: CommitPoint?) -> Outcome {
        var world = sample.world
        if point == nil { world.dependencies.checkpoints = nil }
        do throws(VaultFileError) {
            // A derivation is not needed if the header is the vault's own.
            let isOwn = bytes.starts(with: sample.whole[0..<512])
            let log = isOwn ? try world.open(master: master) : try world.open(.reading)
            return .opened(try log.history(), try log.check())
        } catch .rolledBack {
            // Other tests check the reason.
            return .refused(.rollback)
        } catch {
            return .refused(error)
        }
    }
}

@Suite struct CorruptionTests {
    /// All mutants if the campaign asks for them, else one in every so many.
    private static let isCampaign = ProcessInfo.processInfo.environment["VAULT_CORRUPTION"] == "all"

    @Test func `whatever is done to a file, it is refused, or said, or found, and no value is ever wrong`() {
        let total = Mutex((tally: Tally(), surprises: [String]()))
        let threads = ProcessInfo.processInfo.activeProcessorCount
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            do {
                // Each thread has its own copies of the vaults.
                for sample in [try CorruptionSample.young(), try CorruptionSample.compacted()] {
                    let trial = try CorruptionTests.spoil(sample, thread, of: threads)
                    total.withLock {
                        $0.tally += trial.tally
                        $0.surprises += trial.surprises
                    }
                }
            } catch {
                total.withLock { $0.surprises.append("\(error)") }
            }
        }
        let (tally, surprises) = total.withLock(\.self)
        #expect(surprises.prefix(10) == [])
        #expect(tally.silent == 0 && tally.wrong == 0)
        #expect(tally.refused > 0 && tally.rolledBack > 0 && tally.olderAndSaid > 0)
        #expect(tally.harmlessAndFound > 0 && tally.wholeCopies > 0)
        if CorruptionTests.isCampaign { print(tally) }
    }

    /// Tries one thread's share of the mutants of a vault.
    private static func spoil(_ sample: CorruptionSample, _ thread: Int, of threads: Int) throws -> Trial {
        let (trial, mutants) = (try Trial(sample), Mutants(of: sample))
        let parts = [
            (mutants.spots, 101), (mutants.spotsUnderRightSums, 197), (mutants.lengths, 53),
            (mutants.rearrangements, 11), (mutants.splices, 37),
        ]
        for (part, slice) in parts {
            let step = isCampaign ? 1 : slice
            trial.run(part, step: threads * step, from: thread * step)
        }
        return trial
    }

    @Test func `an older file without a word is silent, and a value that never was is wrong`() {
        let (old, new) = (
            [address("A"): [Entry(time: 1, value: [1])]], [address("A"): [Entry(time: 2, value: [2])]]
        )
        let tail: [Log.Finding] = [.unfinishedTail(.init(offset: 4608, count: 1))]
        func count(_ outcome: Outcome, isCopy: Bool = false, hasMark: Bool = false) -> Tally {
            var tally = Tally()
            tally.count(outcome, whole: new, known: [[:], old, new], isCopy: isCopy, hasMark: hasMark)
            return tally
        }
        #expect(count(.refused(.damaged(at: 1))) == Tally(refused: 1))
        #expect(count(.refused(.rollback)) == Tally(rolledBack: 1))
        #expect(count(.opened(old, tail)) == Tally(olderAndSaid: 1))
        #expect(count(.opened(old, tail), hasMark: true) == Tally(silent: 1))
        #expect(count(.opened(old, [])) == Tally(silent: 1))
        #expect(count(.opened(old, []), isCopy: true) == Tally(wholeCopies: 1))
        #expect(count(.opened(old, []), isCopy: true, hasMark: true) == Tally(silent: 1))
        #expect(count(.opened(new, [.gapNotZero(at: 512)])) == Tally(harmlessAndFound: 1))
        #expect(count(.opened(new, [])) == Tally(silent: 1))
        #expect(count(.opened([address("A"): [Entry(time: 1, value: [3])]], tail)) == Tally(wrong: 1))
    }

    @Test func `the vaults that are spoiled have every kind of record and every class of bucket`() throws {
        for sample in [try CorruptionSample.young(), try CorruptionSample.compacted()] {
            let log = try sample.world.open()
            var reader = try log.reader()
            var (kinds, buckets) = (Set<UInt8>(), Set<Int>())
            for frame in Mutants.frames(of: sample.whole) {
                buckets.insert(frame.count - 48)
                try reader.open(at: UInt64(frame.lowerBound), length: log.committedEnd) {
                    _ = kinds.insert($1[0])
                }
            }
            #expect(kinds == [0x01, 0x02, 0x80, 0x82, 0xC1, 0xC3, 0xC5, 0xC9])
            #expect(buckets.contains(128) && buckets.contains { (129...1024).contains($0) })
            #expect(buckets.contains { $0 > 1024 })
            let addresses = log.addresses
            #expect(Set(addresses.map(\.scope)) == [1, 2, 3])
            #expect(try log.value("EMPTY") == [])
            #expect(log.header.hasRecoveryKey == (log.header.generation == 2))
        }
    }
}
