import Platform
import Sodium

@testable import VaultFile

/// Reproducible pseudorandom numbers (SplitMix64).
struct Dice: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Returns true with a probability of `percent` percent.
    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// The deeds of one process, and then of another one.
struct Plan: Sendable {
    /// The deeds before the recording, which are durable.
    var beginning: [Deed] = []
    /// The deeds of the first process.
    var first: [Deed] = []
    /// The deeds of the second process.
    var second: [Deed] = []
    /// True if a process keeps its log open.
    var keepsLog = false
    /// True if the machine has checkpoints, for which it syncs more than a writer must.
    var hasMarks = true

    private init(
        _ beginning: [Deed], _ first: [Deed], _ second: [Deed] = [.change("C", 300)], hasMarks: Bool = true
    ) {
        (self.beginning, self.first, self.second) = (beginning, first, second)
        self.hasMarks = hasMarks
    }

    /// Plans for each kind of deed, after which another process continues.
    static let each: [(name: String, plan: Plan)] = {
        let some: [Deed] = [.create, .change("A", 20), .commit([[.put("A", noise(300)), .remove("A")]])]
        let imported = (0..<6).map { Step.put("I\($0)", noise(30 + 200 * $0, seed: UInt64($0))) }
        return [
            ("init", Plan([], [.create])), ("set", Plan(some, [.change("B", 40)])),
            ("set of a long value", Plan(some, [.change("B", 2500)])),
            ("delete", Plan(some, [.commit([[.remove("A")]])])),
            ("import", Plan(some, [.commit([imported])])),
            ("several at a time", Plan(some, [.commit([[.text("A", "1")], [.text("B", "2")], imported])])),
            // If two changes are in different sectors, the second can reach the disk without the first.
            ("set without marks", Plan(some, [.change("B", 900)], hasMarks: false)),
            ("compact without marks", Plan(some, [.compact], hasMarks: false)),
            ("compact", Plan(some, [.compact])), ("backup", Plan(some, [.backup], [.backup])),
            ("passwd", Plan(some, [.passwd])),
            ("passwd without marks", Plan(some, [.passwd], hasMarks: false)),
            ("passwd twice", Plan(some + [.passwd], [.passwd], [.passwd, .change("C", 300)])),
            ("set with metadata", Plan(some, [.commit([[.put("B", noise(40)), .text("meta:B", "{}")]])])),
            ("edit of metadata", Plan(some + [.change("meta:A", 60)], [.change("meta:A", 2500)], [.compact])),
            ("removal of metadata", Plan(some + [.change("meta:A", 60)], [.commit([[.remove("meta:A")]])])),
            (
                "purge with metadata",
                Plan(some + [.change("meta:A", 60), .change("meta:B", 60)], [.purge("A")])
            ),
            ("purge", Plan(some, [.purge("A")])),
            ("purge without marks", Plan(some, [.purge("A")], hasMarks: false)),
            ("purge after a purge", Plan(some + [.change("B", 40), .purge("B")], [.purge("A")], [.compact])),
            ("merge", Plan(some, [.merge(imported)])),
            (
                "merge without marks",
                Plan(some, [.merge([.put("B", noise(900)), .remove("A")])], hasMarks: false)
            ),
            ("restore", Plan(some + [.backup, .change("B", 900)], [.restore])),
        ]
    }()

    /// Creates the plan that `seed` determines.
    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        hasMarks = dice.happens(65)
        // An open log accepts a restore only if the checkpoint names it.
        keepsLog = hasMarks && dice.happens(50)
        if dice.happens(85) {
            beginning = [.create]
            for _ in 0..<Int.random(in: 0...3, using: &dice) { beginning.append(Plan.commit(&dice)) }
            if dice.happens(15) { beginning.append(.compact) }
            if dice.happens(30) {
                beginning.append(.backup)
                if dice.happens(60) { beginning.append(Plan.commit(&dice)) }
            }
        } else {
            first = [.create]
        }
        let hasBackup = beginning.contains { if case .backup = $0 { true } else { false } }
        for _ in 0..<Int.random(in: 1...3, using: &dice) { first.append(Plan.deed(&dice, hasBackup)) }
        for _ in 0..<Int.random(in: 1...2, using: &dice) { second.append(Plan.deed(&dice, hasBackup)) }
    }

    private static func deed(_ dice: inout Dice, _ hasBackup: Bool) -> Deed {
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<68: commit(&dice)
        case 68..<72: .merge((0..<Int.random(in: 1...3, using: &dice)).map { _ in step(&dice) })
        case 72..<81: .compact
        case 81..<84: .passwd
        case 84..<87: .purge(["A", "B", "project:web/A"].randomElement(using: &dice) ?? "A")
        case 87..<94: .backup
        default: hasBackup ? .restore : .compact
        }
    }

    /// Returns a small change, a few that share a write, or an import.
    private static func commit(_ dice: inout Dice) -> Deed {
        let transactions = dice.happens(75) ? 1 : Int.random(in: 2...3, using: &dice)
        let isImport = dice.happens(20)
        return .commit(
            (0..<transactions).map { _ in
                (0..<(isImport ? Int.random(in: 2...6, using: &dice) : 1)).map { _ in step(&dice) }
            })
    }

    private static func step(_ dice: inout Dice) -> Step {
        let names = ["A", "B", "project:web/A", "cluster:gpu-1/A", "meta:A", "meta:B", "meta:project:web/A"]
        let name = names.randomElement(using: &dice) ?? "A"
        if dice.happens(15) { return .remove(name) }
        let count =
            dice.happens(80) ? Int.random(in: 0...40, using: &dice) : Int.random(in: 0...2500, using: &dice)
        return .put(name, noise(count, seed: dice.next()))
    }
}

/// A recording of a plan: the events on the disk, and the expected contents at each step.
struct Recording {
    private(set) var platter: Platter
    /// The events on the disk, step by step.
    private(set) var steps: [[RecordingDisk.Event]] = []
    /// The contents, one of which must be found, and the step up to which that holds.
    private(set) var moments: [(steps: Int, expected: Set<Books>)] = []
    /// The number of calls that the first process made.
    private(set) var calls = 0
    /// Failures without a fault of the disk.
    private(set) var surprises: [String] = []
    /// The keys, one of which opens any file that is found.
    let masters: [MasterKey]
    let dependencies: Dependencies
    let path: String

    /// Returns the contents that may be found if the machine crashes after so many steps.
    func expected(after steps: Int) -> Set<Books> {
        moments.first { $0.steps >= steps }?.expected ?? moments[moments.count - 1].expected
    }

    /// Carries out a plan.
    ///
    /// - Parameter kill: the call of the first process at which it is killed.
    init(_ plan: Plan, seed: UInt64, kill: Int? = nil, defect: Defect? = nil) throws {
        let machine = Machine(seed: seed, keepsLog: plan.keepsLog, hasMarks: plan.hasMarks)
        var books = Books()
        for deed in plan.beginning {
            try machine.perform(deed)
            books = deed.result(after: books)
        }
        machine.endProcess()
        platter = Platter(machine.world.disk)
        machine.disk.begin()
        if let kill { machine.disk.fault = RecordingDisk.Fault(call: kill, error: .ioError, lasts: true) }
        path = machine.world.path
        var recorder = Recorder(machine, books)
        recorder.perform(plan.first)
        calls = machine.disk.calls
        let firstCount = machine.disk.events.count
        machine.endProcess()
        recorder.observe()
        recorder.perform(plan.second)
        machine.endProcess()
        (moments, surprises) = (recorder.moments, recorder.surprises)
        let events = machine.disk.events
        steps = defect?.steps(of: events, secondProcessFrom: firstCount) ?? events.map { [$0] }
        masters = machine.masters
        dependencies = machine.world.dependencies
    }
}

/// Runs a machine and its model side by side.
private struct Recorder {
    private let machine: Machine
    private var present: Set<Books>
    private var books: Books
    private(set) var moments: [(steps: Int, expected: Set<Books>)] = []
    private(set) var surprises: [String] = []

    init(_ machine: Machine, _ books: Books) {
        (self.machine, self.books) = (machine, books)
        present = [books]
    }

    /// Performs the deeds until the process is killed.
    mutating func perform(_ deeds: [Deed]) {
        // If the first process did not create a vault, the second one does.
        let isMade = books.vault != nil || deeds.first?.makesVault ?? false
        for deed in isMade ? deeds : [.create] + deeds {
            let result = deed.result(after: books)
            // This does not acknowledge what a killed process did to the other file.
            let done = Set(present.map { $0.adopting(result, deed) })
            let meanwhile = present.union(done)
            var failure: (any Error)?
            do { try machine.perform(deed) } catch { failure = error }
            let end = machine.disk.events.count
            if let failure {
                present = meanwhile
                moments.append((end, present))
                if machine.disk.fault == nil { surprises.append("\(deed) failed: \(failure)") }
                return
            }
            if end > (moments.last?.steps ?? 0) { moments.append((end - 1, meanwhile)) }
            (books, present) = (result, done)
            moments.append((end, present))
        }
    }

    /// Determines the contents that a process left which may have been killed.
    ///
    /// A crash may still bring back the contents before.
    mutating func observe() {
        guard present.count > 1 else { return }
        let disk = machine.world.disk
        books.vault = found(machine.world.path, disk)
        books.backup = found(Machine.backup, disk)
        if !present.contains(books) { surprises.append("a killed process left what was not attempted") }
    }

    private func found(_ path: String, _ disk: MemoryDisk) -> Ledger? {
        var dependencies = machine.world.dependencies
        (dependencies.checkpoints, dependencies.storage) = (nil, disk)
        guard disk.files[path] != nil, let master = try? machine.known(path) else { return nil }
        return try? Log(path: path, access: .reading, dependencies: dependencies, master: master.copy())
            .ledger()
    }
}
