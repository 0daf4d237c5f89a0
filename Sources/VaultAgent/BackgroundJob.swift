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
    /// Which other files the client means.
    private let proof: FileProof
    private let key: SharedKey
    private let otherKey: SharedKey?
    private let dependencies: Dependencies
    private let cancellation = Cancellation()
    private let state = Mutex(State())

    init(
        _ job: Job, of path: String, _ proof: FileProof, key: SharedKey, otherKey: SharedKey?,
        _ dependencies: Dependencies
    ) {
        (self.job, self.path, self.proof, self.key, self.otherKey) = (job, path, proof, key, otherKey)
        var dependencies = dependencies
        dependencies.cancellation = cancellation
        self.dependencies = dependencies
    }

    /// Does it, if the client means the files that are found here.
    func run() -> Result<JobReport, WireFailure> {
        let progress = ProgressHandler { [self] done, total in
            state.withLock { ($0.done, $0.total) = (done, total) }
            return !cancellation.isCancelled
        }
        return proof.result { () throws(VaultError) in
            do throws(VaultFileError) {
                return try job.run(
                    master: key.key, otherKey: otherKey, dependencies: dependencies, progress: progress)
            } catch {
                throw .file(error)
            }
        }
    }

    /// How far it is, in bytes; 0 of 0 before it began.
    var progress: (done: UInt64, total: UInt64) { state.withLock { ($0.done, $0.total) } }

    /// Makes it stop as soon as it can without harm; its outcome says whether it did.
    func cancel() { cancellation.cancel() }
}

extension Job {
    /// Whether it changes a file, and so may wait for a lock that a client holds.
    var isChange: Bool {
        switch self {
        case .compact, .salvage, .accept, .purge: true
        case .merge(_, _, let options): !options.isTrial
        case .check, .verify, .compare, .listContents: false
        }
    }

    /// How many files it opens, each of which takes memory.
    fileprivate var fileCount: Int { other == nil ? 1 : 2 }
}

/// The jobs of an agent's clients: few are done at a time, the others wait for their turn.
///
/// Those that read never wait for those that change: a backup holds a vault's lock while it has the vault verified.
struct JobQueue {
    private struct Entry {
        let id: UInt64
        let job: BackgroundJob
        let client: ClientID
        var isRunning = false
        var nextReport: UInt64
    }

    /// How far a job is.
    struct ProgressHandler {
        let client: ClientID
        let done, total: UInt64
    }

    private var entries: [Entry] = []
    private var nextID: UInt64 = 0

    /// How many files all jobs together that only read have open at a time.
    private static let maxRead = 2
    /// How many jobs that change a file are done at a time, of one vault one.
    private static let maxChanging = 4
    /// How often a client hears how far its job is, in milliseconds.
    private static let reportInterval: UInt64 = 500

    /// When a client is to hear of its job next, in monotonic milliseconds; nil if there is none.
    var nextReport: UInt64? { entries.map(\.nextReport).min() }

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
        _ threads: ThreadCount, _ end: @escaping @Sendable (UInt64, Result<JobReport, WireFailure>) -> Void
    ) -> [ClientID] {
        var failed: [ClientID] = []
        for index in entries.indices where !entries[index].isRunning && hasTurn(entries[index].job) {
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

    private func hasTurn(_ job: BackgroundJob) -> Bool {
        let running = entries.lazy.filter(\.isRunning).map(\.job).filter {
            $0.job.isChange == job.job.isChange
        }
        if job.job.isChange {
            return running.count < JobQueue.maxChanging && !running.contains { $0.path == job.path }
        }
        return running.reduce(0) { $0 + $1.job.fileCount } + job.job.fileCount <= JobQueue.maxRead
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
    mutating func progress(now: UInt64) -> [ProgressHandler] {
        var news: [ProgressHandler] = []
        for index in entries.indices where now >= entries[index].nextReport {
            entries[index].nextReport = now + JobQueue.reportInterval
            let (done, total) = entries[index].job.progress
            news.append(ProgressHandler(client: entries[index].client, done: done, total: total))
        }
        return news
    }
}
