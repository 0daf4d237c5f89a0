internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultKit

/// A job that is done on a thread of its own, with a copy of the key, while the agent goes on answering.
final class Errand: Sendable {
    private struct State {
        var done: UInt64 = 0
        var total: UInt64 = 0
        var isCancelled = false
        var outcome: Result<JobReport, VaultError>?
    }

    private let key: Key
    private let otherKey: SharedKey?
    private let state = Mutex(State())

    /// Begins `job`.
    init(
        _ job: Job, key: consuming Key, otherKey: SharedKey? = nil, surroundings: Surroundings
    ) throws(Errno) {
        self.key = key
        self.otherKey = otherKey
        try DetachedThread.start { [self] in run(job, surroundings) }
    }

    private func run(_ job: Job, _ surroundings: Surroundings) {
        let progress = Progress { [self] done, total in
            state.withLock { state in
                (state.done, state.total) = (done, total)
                return !state.isCancelled
            }
        }
        let outcome: Result<JobReport, VaultError>
        do throws(VaultFileError) {
            outcome = .success(
                try job.run(
                    master: key, otherKey: otherKey, surroundings: surroundings, progress: progress))
        } catch {
            outcome = .failure(.file(error))
        }
        Stack.wipe()
        state.withLock { $0.outcome = outcome }
    }

    /// What became of it; nil as long as it is being done.
    var outcome: Result<JobReport, VaultError>? { state.withLock { $0.outcome } }

    /// How far it is, in bytes.
    var progress: (done: UInt64, total: UInt64) { state.withLock { ($0.done, $0.total) } }

    /// Makes it stop as soon as it can without harm; its outcome says whether it did.
    func cancel() { state.withLock { $0.isCancelled = true } }
}

/// The errands that are being done, and who waits for them.
struct ErrandList {
    private struct Entry {
        let errand: Errand
        let connection: Connection
        let path: String
        let job: Job
        var nextReport: UInt64
    }

    /// What a client is to be told.
    enum News {
        case progress(done: UInt64, total: UInt64)
        case over(Job, path: String, Result<JobReport, VaultError>)
    }

    private var entries: [Entry] = []

    /// How often a client hears how far its errand is, in milliseconds.
    private static let reportInterval: UInt64 = 500
    /// How often the agent looks whether an errand is over, in milliseconds.
    private static let lookInterval: UInt64 = 2

    /// How long the agent may wait for something else, in milliseconds.
    var timeout: UInt64? { entries.isEmpty ? nil : ErrandList.lookInterval }

    mutating func add(_ errand: Errand, _ job: Job, path: String, for connection: Connection, now: UInt64) {
        entries.append(
            Entry(
                errand: errand, connection: connection, path: path, job: job,
                nextReport: now + ErrandList.reportInterval))
    }

    /// Ends those that nobody waits for any more, and those whose vault was locked.
    func cancelUnwanted(_ isUnlocked: (String) -> Bool) {
        for entry in entries where entry.connection.isClosed || !isUnlocked(entry.path) {
            entry.errand.cancel()
        }
    }

    /// What there is to tell, and to whom; an errand that is over is forgotten.
    mutating func news(now: UInt64) -> [(Connection, News)] {
        var news: [(Connection, News)] = []
        // Each is looked at once: it may be over a moment later, and would be forgotten without a word.
        entries = entries.compactMap { entry in
            var entry = entry
            if let outcome = entry.errand.outcome {
                news.append((entry.connection, .over(entry.job, path: entry.path, outcome)))
                return nil
            }
            if now >= entry.nextReport {
                entry.nextReport = now + ErrandList.reportInterval
                let (done, total) = entry.errand.progress
                news.append((entry.connection, .progress(done: done, total: total)))
            }
            return entry
        }
        return news
    }
}
