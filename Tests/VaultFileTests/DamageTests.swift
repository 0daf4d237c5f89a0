import Platform
import Sodium
import Testing

@testable import VaultFile

/// A vault and its content after each transaction.
private struct Sample {
    let world: World
    /// The end of each transaction, and the whole history there; the first is the empty vault.
    private(set) var commits: [(end: Int, history: History)] = []

    init(_ transactions: [[Step]], seed: UInt64 = 1) throws {
        world = World(seed: seed)
        world.clock.step = 7
        let log = try world.create()
        commits = [(4608, [:])]
        for steps in transactions {
            let changes = try transaction(steps)
            try log.append(changes)
            commits.append((Int(log.committedEnd), try log.history()))
        }
    }

    var last: History { commits[commits.count - 1].history }

    /// Returns the content of the longest prefix of whole transactions within `count` bytes.
    func commit(within count: Int) -> (end: Int, history: History) {
        commits.last { $0.end <= count } ?? commits[0]
    }
}

/// Bytes behind the last commit, and files that are not vaults.
///
/// ``CorruptionTests`` changes the bytes of a vault.
@Suite struct DamageTests {
    @Test func `every prefix of a file opens to the last commit within it, or is no copy`() throws {
        let sample = try Sample([
            [.text("A", "one")],
            [.text("project:web/A", "two"), .text("cluster:gpu-1/A", "three"), .put("B", noise(300))],
            [.put("BIG", noise(1500))],
            [.remove("A")],
            [.text("A", ""), .remove("B"), .text("C", "four"), .put("D", noise(41)), .text("A", "five")],
            [.put("E", noise(2100, seed: 9))],
        ])
        let world = sample.world
        let whole = world.bytes
        let master = try world.masterKey()
        var (opened, lastEnd) = (0, 0)
        for count in 0...whole.count {
            world.bytes = Array(whole[0..<count])
            switch count {
            case 0: #expect(world.verdict() == .notAVault(.empty))
            case 1..<4608:
                #expect(
                    world.verdict() == .incompleteCopy(count: UInt64(count), expected: 4608), "\(count) bytes"
                )
            default:
                let log = try world.open(master: master)
                let (end, history) = sample.commit(within: count)
                #expect(log.committedEnd == UInt64(end), "\(count) bytes")
                #expect(log.versionCount == history.values.joined().count, "\(count) bytes")
                if end != lastEnd || count % 8 == 0 {
                    #expect(try log.history() == history, "\(count) bytes")
                }
                lastEnd = end
                let tail = Log.UnfinishedTail(offset: UInt64(end), count: UInt64(count - end))
                #expect(log.unfinishedTail == (count == end ? nil : tail), "\(count) bytes")
                opened += 1
            }
        }
        #expect(opened == whole.count - 4607)
        #expect(world.otherFiles == [])
    }

    @Test func `a tail of more than 64 MiB is damage, found quickly`() throws {
        let sample = try Sample([[.text("A", "one")]])
        let world = sample.world
        let end = world.bytes.count
        world.bytes += [UInt8](repeating: 0, count: 64 << 20 + 1)
        let start = ContinuousClock.now
        #expect(world.verdict() == .damaged(at: UInt64(end)))
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test func `garbage after the last commit is a tail`() throws {
        let sample = try Sample([[.text("A", "one")]])
        let world = sample.world
        let end = world.bytes.count
        for count in [1, 15, 16, 31, 32, 175, 176, 5000] {
            world.bytes = Array(world.bytes[0..<end]) + noise(count)
            let log = try world.open()
            #expect(log.unfinishedTail == .init(offset: UInt64(end), count: UInt64(count)))
            #expect(try log.history() == sample.last)
            #expect(try log.check() == [.unfinishedTail(.init(offset: UInt64(end), count: UInt64(count)))])
        }
    }

    @Test func `a file of garbage is no vault`() {
        let world = World()
        for count in [1, 7, 8, 9, 512, 5000] {
            world.bytes = noise(count)
            #expect(world.verdict() == .notAVault(.content))
        }
        world.bytes = Header.magic
        #expect(world.verdict() == .incompleteCopy(count: 8, expected: 4608))
        world.bytes = Header.magic + noise(5000)
        #expect(world.verdict() == .unsupported(.format(noise(2).span.load(UInt16.self, at: 0))))
    }

    @Test func `what no longer is what was verified is not given out`() throws {
        let sample = try Sample([[.text("A", "one")], [.text("A", "two")]])
        let world = sample.world
        let log = try world.open()
        let versions = log.versions(address("A"))
        let frame = world.frames()[1]
        for offset in stride(from: frame.lowerBound, to: frame.upperBound, by: 5) {
            world.disk.flip(world.path, at: offset, bit: 3)
            #expect(throws: VaultFileError.damaged(at: versions[0].offset)) { try log.value("A") }
            #expect(try log.bytes(of: versions[1], at: address("A")) == Array("one".utf8))
            world.disk.flip(world.path, at: offset, bit: 3)
        }
        #expect(try log.text("A") == "two")
        #expect(throws: VaultFileError.damaged(at: versions[0].offset)) {
            _ = try log.bytes(of: versions[0], at: address("B"))
        }
    }
}
