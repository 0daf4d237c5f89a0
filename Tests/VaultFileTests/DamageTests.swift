import Platform
import Sodium
import Testing

@testable import VaultFile

/// A vault with what it held after each transaction.
private struct Sample {
    let world: World
    /// Where each transaction ends, and the whole history then; the first is the empty vault.
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

    /// What the longest prefix of whole transactions within `count` bytes holds.
    func commit(within count: Int) -> (end: Int, history: History) {
        commits.last { $0.end <= count } ?? commits[0]
    }
}

extension History {
    /// Whether every version here is one there.
    fileprivate func isPart(of other: History) -> Bool {
        allSatisfy { address, entries in entries.allSatisfy { other[address]?.contains($0) == true } }
    }
}

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

    @Test func `every bit of header and frames counts`() throws {
        let sample = try Sample([
            [.text("A", "one")], [.text("A", "two"), .text("project:p/B", "x")], [.remove("A")],
            [.text("A", "four")],
        ])
        let world = sample.world
        let (length, frames) = (world.bytes.count, world.frames())
        let master = try world.masterKey()
        let lastStart = sample.commits[sample.commits.count - 2].end
        for offset in Array(0..<512) + Array(4608..<length) {
            for bit in 0..<8 {
                world.disk.flip(world.path, at: offset, bit: bit)
                defer { world.disk.flip(world.path, at: offset, bit: bit) }
                let place: Comment = "bit \(bit) of byte \(offset)"
                do throws(VaultFileError) {
                    let log = try offset < 512 ? world.open() : world.open(master: master)
                    #expect(offset >= lastStart, place)
                    let tail = Log.UnfinishedTail(
                        offset: UInt64(lastStart), count: UInt64(length - lastStart))
                    let (findings, history) = (try log.check(), try log.history())
                    #expect(findings == [.unfinishedTail(tail)], place)
                    #expect(history == sample.commit(within: lastStart).history, place)
                } catch {
                    switch (offset, error) {
                    case (0..<8, .notAVault(.content)): break
                    case (8..<10, .unsupported(.format)), (16..<20, .unsupported(.flags)): break
                    case (10..<16, .damagedHeader), (20..<480, .damagedHeader): break
                    case (480..<512, .tamperedHeader): break
                    case (4608..<lastStart, .damaged(let at)):
                        #expect(frames.contains { $0.lowerBound == Int(at) && $0.contains(offset) }, place)
                    default: Issue.record("\(place): \(error)")
                    }
                }
            }
        }
        #expect(try world.open().history() == sample.last)
    }

    @Test func `check finds every bit of the header's copy and every byte of the gap`() throws {
        let sample = try Sample([[.text("A", "one")]])
        let world = sample.world
        let log = try world.open()
        func check(_ offset: Int, _ bit: Int) throws {
            world.disk.flip(world.path, at: offset, bit: bit)
            let finding: Log.Finding =
                offset < 4096 ? .gapNotZero(at: UInt64(offset)) : .headerCopyDiffers(at: UInt64(offset))
            if try log.check() != [finding] { Issue.record("bit \(bit) of byte \(offset)") }
            if offset % 256 == bit { #expect(try world.open().history() == sample.last) }
            world.disk.flip(world.path, at: offset, bit: bit)
        }
        for offset in 512..<4096 { try check(offset, offset % 8) }
        for offset in 4096..<4608 { for bit in 0..<8 { try check(offset, bit) } }
        #expect(try log.check() == [])
    }

    /// What an opened mutant may hold: nothing but what the committed history holds.
    private func expectNoWrongValue(_ sample: Sample, _ place: Comment) throws {
        do throws(VaultFileError) {
            let log = try sample.world.open()
            #expect(log.unfinishedTail != nil, place)
            let history = try log.history()
            #expect(history.isPart(of: sample.last), place)
            #expect(sample.commits.contains { $0.history == history }, place)
        } catch {
            guard case .damaged = error else {
                Issue.record("\(place): \(error)")
                return
            }
        }
    }

    @Test func `zeroed and filled bytes are never taken for something else`() throws {
        let sample = try Sample([
            [.text("A", "one")], [.text("A", "two"), .text("B", "x")], [.text("A", "three")],
        ])
        let world = sample.world
        let whole = world.bytes
        for start in stride(from: 4608, to: whole.count, by: 4) {
            for (fill, count) in [(0, 8), (255, 8), (0, 512), (255, 176)] as [(UInt8, Int)] {
                let range = start..<min(start + count, whole.count)
                if whole[range].allSatisfy({ $0 == fill }) { continue }
                world.bytes.replaceSubrange(range, with: [UInt8](repeating: fill, count: range.count))
                try expectNoWrongValue(sample, "\(count) times \(fill) from \(start)")
                world.bytes = whole
            }
        }
    }

    @Test func `frames that were swapped, doubled or taken out are damage or a tail`() throws {
        let sample = try Sample([
            [.text("A", "1")], [.text("A", "2"), .text("B", "2")], [.text("A", "3")], [.remove("A")],
            [.text("B", "5")],
        ])
        let world = sample.world
        let whole = world.bytes
        let frames = world.frames()
        #expect(frames.count == 6)
        for (number, frame) in frames.enumerated() {
            world.bytes.removeSubrange(frame)
            if number == frames.count - 1 {
                #expect(try world.open().history() == sample.commits[4].history)
            } else {
                try expectNoWrongValue(sample, "without frame \(number)")
            }
            world.bytes = whole
            for place in 0...frames.count {
                let offset = place == frames.count ? whole.count : frames[place].lowerBound
                world.bytes.insert(contentsOf: whole[frame], at: offset)
                try expectNoWrongValue(sample, "frame \(number) doubled at \(place)")
                world.bytes = whole
            }
            for other in frames.indices where other != number {
                world.bytes.replaceSubrange(frames[other], with: whole[frame])
                try expectNoWrongValue(sample, "frame \(number) over \(other)")
                world.bytes.replaceSubrange(frame, with: whole[frames[other]])
                try expectNoWrongValue(sample, "frames \(number) and \(other) swapped")
                world.bytes = whole
            }
        }
        for start in frames.indices {
            for end in start + 1..<frames.count {
                world.bytes.removeSubrange(frames[start].lowerBound..<frames[end].lowerBound)
                try expectNoWrongValue(sample, "without frames \(start)..<\(end)")
                world.bytes = whole
            }
        }
    }

    @Test func `a frame that was moved stays refused when its nonce and sum are made to fit`() throws {
        let sample = try Sample([[.text("A", "1")], [.text("A", "2")], [.text("A", "3")]])
        let world = sample.world
        let whole = world.bytes
        let frames = world.frames()
        for (from, to) in [(0, 1), (1, 0), (2, 1), (0, 2)] {
            var frame = Array(whole[frames[from]])
            frame.store(UInt64(frames[to].lowerBound), at: 24)
            world.bytes.replaceSubrange(frames[to], with: Forge.withSum(frame))
            try expectNoWrongValue(sample, "frame \(from) as \(to)")
            world.bytes = whole
        }
    }

    @Test func `frames of another vault with the same passphrase do not open`() throws {
        let steps: [[Step]] = [[.text("A", "1")], [.text("A", "2")], [.text("A", "3")]]
        let (sample, other) = (try Sample(steps), try Sample(steps, seed: 2))
        let world = sample.world
        let whole = world.bytes
        for frame in world.frames() {
            world.bytes.replaceSubrange(frame, with: other.world.bytes[frame])
            try expectNoWrongValue(sample, "frame at \(frame.lowerBound)")
            world.bytes = whole
        }
        world.bytes = whole + other.world.bytes[4608...]
        let log = try world.open()
        #expect(try log.history() == sample.last)
        #expect(log.unfinishedTail?.count == UInt64(whole.count - 4608))
        world.bytes = Array(whole[0..<4608] + other.world.bytes[4608...])
        #expect(try world.open().history() == [:])
    }

    @Test func `frames of a copy that went on by itself do not mix with the file's own`() throws {
        let world = World()
        try world.create().append(.text("A", "common"))
        let fork = World(seed: 5)
        fork.bytes = world.bytes
        for number in 1...3 {
            try world.open().append(.text("A", "left \(number)"))
            try fork.open().append(.text("A", "right \(number)"))
        }
        let (left, right, frames) = (world.bytes, fork.bytes, world.frames())
        #expect(fork.frames() == frames)
        // The very same header, keys, offsets and numbers: only the chain tells them apart.
        for choice in 0..<8 {
            let isRight = (0..<3).map { choice >> $0 & 1 == 1 }
            world.bytes = Array(left[0..<frames[1].lowerBound])
            for number in 0..<3 { world.bytes += (isRight[number] ? right : left)[frames[number + 1]] }
            let whole = isRight.prefix { $0 == isRight[0] }.count
            if whole == 1 {
                #expect(world.verdict() == .damaged(at: UInt64(frames[2].lowerBound)))
            } else {
                #expect(try world.open().text("A") == "\(isRight[0] ? "right" : "left") \(whole)")
                #expect(try world.open().unfinishedTail?.count == (whole == 3 ? nil : 176))
            }
        }
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
