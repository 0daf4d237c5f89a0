import Foundation
import Testing

/// Replays the inputs that the fuzzers kept, and random mutations of them, without a fuzzer.
///
/// An input that breaks an invariant ends the process, as it ends a fuzzer.
@Suite struct ReplayTests {
    @Test(.timeLimit(.minutes(10)))
    func `headers that were kept, and others like them, are judged by the rules`() throws {
        var replay = try Replay(HeaderTarget.self)
        replay.run(changes: 600)
    }

    @Test(.timeLimit(.minutes(10)))
    func `files that were kept, and others like them, are read as the format page says`() throws {
        var replay = try Replay(FramesTarget.self)
        replay.run(changes: 100)
    }

    @Test(.timeLimit(.minutes(10)))
    func `messages that were kept, and others like them, keep nobody else from being answered`() throws {
        var replay = try Replay(AgentTarget.self)
        replay.run(changes: 1500)
    }

    @Test(.timeLimit(.minutes(10)))
    func `words that were kept, and others like them, are read or refused in one line`() throws {
        var replay = try Replay(ArgumentsTarget.self)
        replay.run(changes: 2000)
    }

    @Test(.timeLimit(.minutes(10)))
    func `texts that were kept, and others like them, come back as they were read`() throws {
        var replay = try Replay(FormatsTarget.self)
        replay.run(changes: 500)
    }
}

/// The inputs of one target.
private struct Replay {
    private let target: any FuzzTarget.Type
    private let inputs: [[UInt8]]
    private var random = Sequence(state: 1)

    /// A generator with a fixed seed, so that a failure can be reproduced.
    private struct Sequence: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    init(_ target: any FuzzTarget.Type) throws {
        self.target = target
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent("Corpus/\(target.name)")
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        try #require(!names.isEmpty)
        let kept = try names.map { [UInt8](try Data(contentsOf: directory.appendingPathComponent($0))) }
        inputs = target.seeds.map(\.input) + kept
    }

    /// Runs all inputs, then `count` mutations of them.
    mutating func run(changes count: Int) {
        for input in inputs { target.run(input) }
        for _ in 0..<count { target.run(changed()) }
    }

    private mutating func one() -> [UInt8] { inputs.randomElement(using: &random) ?? [] }

    private mutating func changed() -> [UInt8] {
        var input = one()
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0...input.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0 where place < input.count:
                input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1 where place < input.count: input[place] = UInt8.random(in: 0...255, using: &random)
            case 2: input.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 3:
                let end = min(input.count, place + Int.random(in: 1...8, using: &random))
                input.removeSubrange(place..<end)
            default:
                let other = one()
                let start = Int.random(in: 0...other.count, using: &random)
                input.insert(contentsOf: other[start...].prefix(32), at: place)
            }
        }
        return input
    }
}
