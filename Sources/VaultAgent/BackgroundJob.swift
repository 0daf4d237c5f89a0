internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultKit

/// A job that is done on a thread of its own while the agent goes on answering.
final class BackgroundJob: Sendable {
    private struct State {
        var done: UInt64 = 0
        var total: UInt64 = 0
    }

    let job: Job
    /// The vault whose key is used.
    let path: String
    private let key: SharedKey
    private let otherKey: SharedKey?
    private let surroundings: Surroundings
    private let cancellation = Cancellation()
    private let state = Mutex(State())

    init(_ job: Job, of path: String, key: SharedKey, otherKey: SharedKey?, _ surroundings: Surroundings) {
        (self.job, self.path, self.key, self.otherKey) = (job, path, key, otherKey)
        var surroundings = surroundings
        surroundings.cancellation = cancellation
        self.surroundings = surroundings
    }

    /// Does it.
    func run() -> Result<JobReport, VaultError> {
        let progress = Progress { [self] done, total in
            state.withLock { ($0.done, $0.total) = (done, total) }
            return !cancellation.isCancelled
        }
        do throws(VaultFileError) {
            return .success(
                try job.run(
                    master: key.key, otherKey: otherKey, surroundings: surroundings, progress: progress))
        } catch {
            return .failure(.file(error))
        }
    }

    /// How far it is, in bytes; 0 of 0 before it began.
    var progress: (done: UInt64, total: UInt64) { state.withLock { ($0.done, $0.total) } }

    /// Makes it stop as soon as it can without harm; its outcome says whether it did.
    func cancel() { cancellation.cancel() }
}

/// The jobs of an agent's clients: few are done at a time, the others wait for their turn.
struct JobQueue {
    private struct Entry {
        let id: UInt64
        let job: BackgroundJob
        let client: ClientID
        var isRunning = false
        var nextReport: UInt64
    }

    /// How far a job is.
    struct Progress {
        let client: ClientID
        let done, total: UInt64
    }

    private var entries: [Entry] = []
    private var nextID: UInt64 = 0

    /// How many jobs are done at a time.
    static let mostRunning = 2
    /// How often a client hears how far its job is, in milliseconds.
    private static let reportInterval: UInt64 = 500

    /// When a client is to hear of its job next, in monotonic milliseconds; nil if there is none.
    var nextReport: UInt64? { entries.map(\.nextReport).min() }

    /// Whether nothing is done and nothing waits.
    var isEmpty: Bool { entries.isEmpty }

    mutating func add(_ job: BackgroundJob, for client: ClientID, now: UInt64) {
        entries.append(
            Entry(id: nextID, job: job, client: client, nextReport: now + JobQueue.reportInterval))
        nextID += 1
    }

    /// Begins the jobs whose turn it is.
    ///
    /// - Parameters:
    ///   - threads: where they are done.
    ///   - end: is called on a job's thread when that is over.
    /// - Returns: the clients whose jobs cannot be begun, since there is no thread for them.
    mutating func start(
        _ threads: ThreadCount, _ end: @escaping @Sendable (UInt64, Result<JobReport, VaultError>) -> Void
    ) -> [ClientID] {
        var failed: [ClientID] = []
        for index in entries.indices where !entries[index].isRunning {
            guard entries.count(where: \.isRunning) < JobQueue.mostRunning else { break }
            let (id, job) = (entries[index].id, entries[index].job)
            do throws(Errno) {
                try threads.start { end(id, job.run()) }
                entries[index].isRunning = true
            } catch {
                failed.append(entries[index].client)
            }
        }
        entries.removeAll { failed.contains($0.client) }
        return failed
    }

    /// Takes a job that is over off the list.
    mutating func finish(_ id: UInt64) -> (job: BackgroundJob, client: ClientID)? {
        guard let place = entries.firstIndex(where: { $0.id == id }) else { return nil }
        let entry = entries.remove(at: place)
        return (entry.job, entry.client)
    }

    /// Ends those that are not wanted any more.
    ///
    /// - Returns: the clients of those that had not begun.
    mutating func cancel(where isUnwanted: (_ client: ClientID, _ path: String) -> Bool) -> [ClientID] {
        let unwanted = entries.filter { isUnwanted($0.client, $0.job.path) }
        for entry in unwanted { entry.job.cancel() }
        let gone = unwanted.filter { !$0.isRunning }
        entries.removeAll { entry in gone.contains { $0.id == entry.id } }
        return gone.map(\.client)
    }

    /// What there is to tell of jobs that are not over.
    mutating func progress(now: UInt64) -> [Progress] {
        var news: [Progress] = []
        for index in entries.indices where now >= entries[index].nextReport {
            entries[index].nextReport = now + JobQueue.reportInterval
            let (done, total) = entries[index].job.progress
            news.append(Progress(client: entries[index].client, done: done, total: total))
        }
        return news
    }
}
