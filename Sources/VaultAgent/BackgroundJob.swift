internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultCore

/// A job of a client, which a thread of its own runs while the agent answers requests.
final class BackgroundJob: Sendable {
    let job: Job
    /// The vault whose key is used.
    let path: String
    /// The other files that the client means.
    private let proof: FileProof
    private let key: SharedKey
    private let otherKey: SharedKey?
    private let dependencies: Dependencies
    private let cancellation = Cancellation()
    private let state = Mutex<(done: UInt64, total: UInt64)>((0, 0))

    init(
        _ job: Job, of path: String, _ proof: FileProof, key: SharedKey, otherKey: SharedKey?,
        _ dependencies: Dependencies
    ) {
        (self.job, self.path, self.proof, self.key, self.otherKey) = (job, path, proof, key, otherKey)
        var dependencies = dependencies
        dependencies.cancellation = cancellation
        self.dependencies = dependencies
    }

    /// Runs the job if the agent finds the same files as the client.
    func run() -> Result<JobReport, any Error> {
        let progress = ProgressHandler { [self] done, total in
            state.withLock { $0 = (done, total) }
            return !cancellation.isCancelled
        }
        return proof.result {
            try job.run(
                master: key.key, otherKey: otherKey, dependencies: dependencies, progress: progress)
        }
    }

    /// The progress in bytes; 0 of 0 before the job runs.
    var progress: (done: UInt64, total: UInt64) { state.withLock(\.self) }

    /// Stops the job as soon as that is safe; its result tells whether it was stopped.
    func cancel() { cancellation.cancel() }
}

/// The jobs of all clients, of which few run at a time.
///
/// Jobs that read never wait for jobs that change a file: a backup holds a vault's lock while the agent verifies that vault for
/// it.
struct JobQueue {
    private struct Entry {
        let job: BackgroundJob
        let client: ClientID
        var isRunning = false
        var nextReport: UInt64
    }

    private var entries: [Entry] = []

    /// The maximum number of files that all jobs that only read have open at a time.
    private static let maxRead = 2
    /// The maximum number of jobs that change a file at a time, of which one vault has at most one.
    private static let maxChanging = 4
    /// How often a client is told the progress of its job, in milliseconds.
    private static let reportInterval: UInt64 = 500

    /// The time of the next progress report, in monotonic milliseconds; nil if there is no job.
    var nextReport: UInt64? { entries.map(\.nextReport).min() }

    mutating func add(_ job: BackgroundJob, for client: ClientID, now: UInt64) {
        entries.append(Entry(job: job, client: client, nextReport: now + JobQueue.reportInterval))
    }

    /// Starts the jobs whose turn it is.
    ///
    /// - Parameter finish: called on a job's thread at its end.
    /// - Returns: the clients whose jobs have no thread, and are removed.
    mutating func start(
        _ threads: ThreadCount,
        _ finish: @escaping @Sendable (BackgroundJob, Result<JobReport, any Error>) -> Void
    ) -> [ClientID] {
        var failed: [ClientID] = []
        for index in entries.indices where !entries[index].isRunning && isNext(entries[index].job) {
            let job = entries[index].job
            do throws(Errno) {
                try threads.start { finish(job, job.run()) }
                entries[index].isRunning = true
            } catch {
                failed.append(entries[index].client)
            }
        }
        entries.removeAll { failed.contains($0.client) }
        return failed
    }

    private func isNext(_ next: BackgroundJob) -> Bool {
        let running = entries.filter { $0.isRunning && $0.job.job.isChange == next.job.isChange }.map(\.job)
        if next.job.isChange {
            return running.count < JobQueue.maxChanging && !running.contains { $0.path == next.path }
        }
        let files = (running + [next]).reduce(0) { $0 + ($1.job.other == nil ? 1 : 2) }
        return files <= JobQueue.maxRead
    }

    /// Removes a job that has finished.
    ///
    /// - Returns: its client.
    mutating func remove(_ job: BackgroundJob) -> ClientID? {
        guard let place = entries.firstIndex(where: { $0.job === job }) else { return nil }
        return entries.remove(at: place).client
    }

    /// Cancels jobs; those that run stay until they have finished.
    ///
    /// - Returns: the clients of those that were not running, and are removed.
    mutating func cancel(where isUnwanted: (_ client: ClientID, _ path: String) -> Bool) -> [ClientID] {
        let unwanted = entries.filter { isUnwanted($0.client, $0.job.path) }
        for entry in unwanted { entry.job.cancel() }
        entries.removeAll { !$0.isRunning && isUnwanted($0.client, $0.job.path) }
        return unwanted.filter { !$0.isRunning }.map(\.client)
    }

    /// Returns the progress that clients are to be told now.
    mutating func progress(now: UInt64) -> [(client: ClientID, done: UInt64, total: UInt64)] {
        var news: [(client: ClientID, done: UInt64, total: UInt64)] = []
        for index in entries.indices where now >= entries[index].nextReport {
            entries[index].nextReport = now + JobQueue.reportInterval
            let (done, total) = entries[index].job.progress
            news.append((entries[index].client, done, total))
        }
        return news
    }
}
