import Foundation
import Testing
import VaultCore

@testable import VaultAgent

/// Tests random histories of one vault, through the agent and through open files, and compares each step with a dictionary.
@Suite(.serialized) struct HistoryModelTests {
    private static let environment = ProcessInfo.processInfo.environment
    /// The number of operations of a campaign; nil in an ordinary test run, which does fewer.
    private static let campaign = environment["VAULT_OPERATIONS"].flatMap(Int.init)
    private static let seed = environment["VAULT_SEED"].flatMap(UInt64.init) ?? 20_260_101

    /// The number of steps of one history.
    private func history(_ seed: UInt64, count: Int? = nil) -> [Operation] {
        var random = ModelTests.Xorshift(state: (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15 | 1)
        for _ in 0..<4 { _ = random.next() }
        let count = count ?? Int.random(in: 20...300, using: &random)
        return (0..<count).map { _ in .random(&random) }
    }

    /// A mismatch, with the shortest steps found that lead to one.
    private func shrink(_ operations: [Operation], _ mismatch: Mismatch, _ run: ModelRun) throws
        -> (steps: [Operation], mismatch: Mismatch?)
    {
        var shrinker = Shrinker(fails: { (try? run.run($0)) ?? nil != nil })
        let steps = shrinker.shrink(Array(operations.prefix(mismatch.step + 1)))
        return (steps, try run.run(steps))
    }

    @Test func `whoever does what in whatever order, a vault is what a dictionary is`() throws {
        let run = ModelRun(world: try ModelWorld())
        var (operations, histories, wrong) = (0, 0, 0)
        let total = HistoryModelTests.campaign ?? 4000
        if HistoryModelTests.campaign != nil { print("model: seed \(HistoryModelTests.seed)") }
        while operations < total {
            let seed = HistoryModelTests.seed &+ UInt64(histories)
            let steps = history(seed)
            histories += 1
            operations += steps.count
            guard let mismatch = try run.run(steps) else { continue }
            wrong += 1
            let short = try shrink(steps, mismatch, run)
            let text = short.steps.map { "    \($0)," }.joined(separator: "\n")
            Issue.record(
                "VAULT_SEED=\(seed) VAULT_OPERATIONS=1 fails; shortest:\n[\n\(text)\n]\n\(short.mismatch ?? mismatch)"
            )
            if wrong >= 3 { break }
        }
        #expect(wrong == 0)
        if HistoryModelTests.campaign != nil {
            print("model: \(operations) operations in \(histories) histories, \(wrong) wrong")
        }
    }

    /// Runs histories until one fails, and shortens that one.
    private func shortestFailure(of run: ModelRun) throws -> [Operation] {
        for seed in UInt64(0)..<50 {
            let steps = history(seed)
            if let mismatch = try run.run(steps) { return try shrink(steps, mismatch, run).steps }
        }
        return []
    }

    @Test func `a model in which the cluster goes before the project is caught in a handful of steps`() throws
    {
        let run = ModelRun(
            world: try ModelWorld(),
            model: {
                var model = PlainModel()
                model.precedence = { context in
                    [context.cluster.map(Scope.cluster), context.project.map(Scope.project), .team]
                        .compactMap(\.self)
                }
                return model
            })
        let steps = try shortestFailure(of: run)
        #expect((1...5).contains(steps.count), "\(steps)")
        #expect(
            steps.contains {
                if case .resolve = $0 { true } else if case .effective = $0 { true } else { false }
            })
    }

    @Test func `an opened file that forgets deletions is caught in a handful of steps`() throws {
        let steps = try shortestFailure(of: ModelRun(world: try ModelWorld { ForgetfulSession($0) }))
        #expect((1...5).contains(steps.count), "\(steps)")
    }

    @Test func `the shortest failure has nothing in it that it can do without`() throws {
        let steps = history(7, count: 200)
        // Here a history fails if a compaction follows a deletion.
        func fails(_ steps: [Operation]) -> Bool {
            guard let first = steps.firstIndex(where: { if case .delete = $0 { true } else { false } }) else {
                return false
            }
            return steps[first...].contains { if case .compact = $0 { true } else { false } }
        }
        #expect(fails(steps))
        var shrinker = Shrinker(fails: fails)
        let short = shrinker.shrink(steps)
        #expect(short == [.delete(SecretID("A", in: .team), .file), .compact(.none, .file)])
    }
}

/// A session with a defect: it drops the deletions of a transaction with several changes.
private final class ForgetfulSession: Session {
    private let vault: LocalSession

    init(_ vault: LocalSession) { self.vault = vault }

    func secrets(with part: Part) throws(VaultError) -> [SecretID] { vault.secrets(with: part) }
    func contains(_ secret: SecretID) throws(VaultError) -> Bool { try vault.contains(secret) }
    func history(of secret: SecretID, _ part: Part) throws(VaultError) -> [SecretVersion] {
        try vault.history(of: secret, part)
    }
    func metadata(of secrets: [SecretID], version: Int) throws(VaultError) -> [Metadata?] {
        try vault.metadata(of: secrets, version: version)
    }
    func listContents() throws(VaultError) -> Comparison { vault.listContents() }
    func withValue<R: ~Copyable>(
        of secret: SecretID, version: Int, _ body: (Span<UInt8>) -> R
    ) throws(VaultError) -> R {
        try vault.withValue(of: secret, version: version, body)
    }
    func commit(_ changes: borrowing Changes) throws(VaultError) {
        guard changes.count > 1 else { return try vault.commit(changes) }
        var kept = try Changes()
        try changes.forEach { secret, value throws(VaultError) in
            if let value { try kept.set(secret, to: value) }
        }
        try vault.commit(kept)
    }
    func refresh() throws(VaultError) { try vault.refresh() }
    func summary() throws(VaultError) -> Summary { vault.summary() }
    func takeNotices() -> [Notice] { vault.takeNotices() }
}
