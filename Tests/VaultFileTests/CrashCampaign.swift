import Dispatch
import Platform
import Sodium
import Synchronization

@testable import VaultFile

/// Crashes a recorded machine at each step, and checks every state of the disk that the crash can leave.
struct CrashCampaign: Sendable {
    /// Counts of the results.
    struct Counts: Equatable, Sendable {
        /// The number of different states of the disk.
        var states = 0
        /// The number of steps to which they belong.
        var moments = 0
        /// The number of states in which an acknowledged change was missing.
        var lost = 0
        /// The number of states with another defect.
        var wrong = 0

        static func += (left: inout Counts, right: Counts) {
            left.states += right.states
            left.moments += right.moments
            left.lost += right.lost
            left.wrong += right.wrong
        }
    }

    private(set) var counts = Counts()
    /// Descriptions of the first few failures.
    private(set) var failures: [String] = []
    private let name: String
    /// The findings by the hash of the state.
    private var known: [Bytes16: Findings] = [:]
    private var backups: [Bytes16: Result<Ledger, VaultFileError>] = [:]

    /// The findings in one state of the disk.
    private struct Findings {
        var books = Books()
        var refusal: VaultFileError?
        /// The defects of what a writer did after the crash.
        var sequel: String?
    }

    init(_ name: String) { self.name = name }

    /// Checks the states at each step of a recording, at most about `limit` for each.
    mutating func run(_ recording: Recording, limit: Int, seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var platter = recording.platter
        for surprise in recording.surprises { note(surprise, isLoss: false) }
        for moment in 0...recording.steps.count {
            for event in moment > 0 ? recording.steps[moment - 1] : [] { platter.apply(event) }
            let expected = recording.expected(after: moment)
            counts.moments += 1
            try platter.forEachState(limit: limit, &dice) { image in
                let findings = try findings(in: image, recording)
                guard let problem = CrashCampaign.problem(findings, expected) else { return }
                note("moment \(moment) of \(recording.steps.count): \(problem.text)", isLoss: problem.isLoss)
            }
        }
        counts.states += known.count
        (known, backups) = ([:], [:])
    }

    private mutating func note(_ problem: String, isLoss: Bool) {
        if isLoss { counts.lost += 1 } else { counts.wrong += 1 }
        if failures.count < 5 { failures.append("\(name): \(problem)") }
    }

    private mutating func findings(in image: Platter.Image, _ recording: Recording) throws -> Findings {
        let hash = try CrashCampaign.hash(image)
        if let findings = known[hash] { return findings }
        let findings = try look(at: image, recording)
        known[hash] = findings
        return findings
    }

    private static func hash(_ image: Platter.Image) throws -> Bytes16 {
        var bytes: [UInt8] = []
        for path in image.keys.sorted() {
            let content = image[path] ?? []
            bytes += path.utf8
            bytes.append(0)
            bytes += "\(content.count) ".utf8
            bytes += content
        }
        let hash = try BLAKE2b.hash(bytes.span, count: 16)
        return Bytes16(hash.span, at: 0)
    }

    /// Starts the machine on an image: opens the backup and the vault, and writes to the vault.
    private mutating func look(at image: Platter.Image, _ recording: Recording) throws -> Findings {
        let disk = MemoryDisk()
        for (path, bytes) in image { disk[path] = bytes }
        var dependencies = recording.dependencies
        dependencies.storage = disk
        var findings = Findings()
        guard !recording.masters.isEmpty else { return findings }
        if let bytes = image[Machine.backup] {
            dependencies.checkpoints = nil
            let master = recording.masters.ofFile(bytes)
            switch try backup(bytes, { CrashCampaign.open(Machine.backup, master, dependencies) }) {
            case .success(let ledger): findings.books.backup = ledger
            case .failure(let error): findings.refusal = error
            }
        }
        if recording.dependencies.checkpoints != nil {
            dependencies.checkpoints = CheckpointStore(path: Machine.marks, storage: disk)
        }
        let master = recording.masters.ofFile(image[recording.path] ?? [])
        do throws(VaultFileError) {
            let log = try Log(
                path: recording.path, access: .writing, dependencies: dependencies, master: master.copy())
            let ledger = try log.ledger()
            findings.books.vault = ledger
            findings.sequel = CrashCampaign.writeOn(log, after: ledger, master)
        } catch .noFile {
            // It was not created yet, or does not have its name.
        } catch {
            findings.refusal = error
        }
        return findings
    }

    /// Returns the content of a backup, which is the same in many states.
    private mutating func backup(
        _ bytes: [UInt8], _ open: () -> Result<Ledger, VaultFileError>
    ) throws -> Result<Ledger, VaultFileError> {
        let hash = try BLAKE2b.hash(bytes.span, count: 16)
        let key = Bytes16(hash.span, at: 0)
        if let known = backups[key] { return known }
        let found = open()
        backups[key] = found
        return found
    }

    private static func open(
        _ path: String, _ master: MasterKey, _ dependencies: Dependencies
    ) -> Result<Ledger, VaultFileError> {
        do throws(VaultFileError) {
            let log = try Log(path: path, access: .reading, dependencies: dependencies, master: master.copy())
            return .success(try log.ledger())
        } catch {
            return .failure(error)
        }
    }

    /// Checks that the next writer can make a change, and that all other content stays.
    private static func writeOn(_ log: Log, after found: Ledger, _ master: MasterKey) -> String? {
        let step = Step.text("AFTERWARDS", "x")
        do throws(VaultFileError) {
            try log.append(step)
            let again = try Log(
                path: log.path, access: .reading, dependencies: log.dependencies, master: master.copy())
            if try again.ledger() != found.adding([step]) { return "the next writer changed what was there" }
            return try again.check().isEmpty ? nil : "the next writer left something for check"
        } catch {
            return "the next writer failed: \(error)"
        }
    }

    private static func problem(
        _ findings: Findings, _ expected: Set<Books>
    ) -> (text: String, isLoss: Bool)? {
        if let refusal = findings.refusal { return ("refused: \(refusal)", false) }
        if let sequel = findings.sequel { return (sequel, false) }
        if expected.contains(findings.books) { return nil }
        let isLoss = expected.allSatisfy { $0.hasMore(than: findings.books) }
        return (isLoss ? "something acknowledged is lost" : "a state that was not attempted", isLoss)
    }
}

extension Books {
    /// Returns whether a version or a file is here that is not there.
    fileprivate func hasMore(than other: Books) -> Bool {
        Books.count(vault) > Books.count(other.vault) || Books.count(backup) > Books.count(other.backup)
    }

    private static func count(_ ledger: Ledger?) -> Int {
        ledger.map { 1 + $0.values.joined().count } ?? 0
    }
}

/// The joined results of two threads.
private final class CrashTally: Sendable {
    private struct Sums {
        var counts = CrashCampaign.Counts()
        var failures: [String] = []
        var seed: UInt64
    }

    private let sums: Mutex<Sums>
    private let wanted: Int

    init(_ wanted: Int, _ seed: UInt64) {
        self.wanted = wanted
        sums = Mutex(Sums(seed: seed))
    }

    /// Returns the next seed; nil if enough states were checked.
    func next() -> UInt64? {
        sums.withLock { sums in
            if sums.counts.states >= wanted || sums.failures.count >= 20 { return nil }
            sums.seed += 1
            return sums.seed - 1
        }
    }

    func add(_ campaign: CrashCampaign) {
        sums.withLock { sums in
            sums.counts += campaign.counts
            sums.failures += campaign.failures
        }
    }

    var result: (CrashCampaign.Counts, [String]) { sums.withLock { ($0.counts, $0.failures) } }
}

extension CrashCampaign {
    /// Carries out random plans on both cores until so many states were checked.
    static func run(states: Int, limit: Int, firstSeed: UInt64) -> (counts: Counts, failures: [String]) {
        let tally = CrashTally(states, firstSeed)
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while let seed = tally.next() { tally.add(run(seed: seed, limit: limit)) }
        }
        return tally.result
    }

    /// Carries out one plan: undisturbed, and then with the first process killed at every `stride`th call.
    ///
    /// At most about `limit` states are checked for each step. An engine with a defect is run until the
    /// defect shows.
    static func run(
        _ plan: Plan, _ name: String, limit: Int, stride: Int = 1, _ defect: Defect? = nil
    ) throws -> (counts: Counts, failures: [String]) {
        var campaign = CrashCampaign(name)
        let recording = try Recording(plan, seed: 1, defect: defect)
        try campaign.run(recording, limit: limit, seed: 1)
        for kill in Swift.stride(from: 1, through: recording.calls, by: stride) {
            if defect != nil && !campaign.failures.isEmpty { break }
            let killed = try Recording(plan, seed: 1, kill: kill, defect: defect)
            try campaign.run(killed, limit: min(limit, 64), seed: UInt64(kill))
        }
        return (campaign.counts, campaign.failures)
    }

    /// Carries out the plan of one seed: undisturbed, and with the first process killed at one of its calls.
    private static func run(seed: UInt64, limit: Int) -> CrashCampaign {
        var campaign = CrashCampaign("seed \(seed)")
        do {
            let plan = Plan(seed: seed)
            let recording = try Recording(plan, seed: seed)
            try campaign.run(recording, limit: limit, seed: seed)
            var dice = Dice(seed: ~seed)
            guard recording.calls > 0 else { return campaign }
            let kill = Int.random(in: 1...recording.calls, using: &dice)
            try campaign.run(try Recording(plan, seed: seed, kill: kill), limit: limit, seed: ~seed)
        } catch {
            campaign.note("the plan could not be carried out: \(error)", isLoss: false)
        }
        return campaign
    }
}
