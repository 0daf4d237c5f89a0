internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultCore

/// The number of an agent's threads that can wait for files.
final class ThreadCount: Sendable {
    private let count = Atomic(0)

    /// Starts a thread, which counts until `body` returns.
    func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        count.add(1, ordering: .acquiringAndReleasing)
        do throws(Errno) {
            try DetachedThread.start { [self] in
                body()
                Stack.wipe()
                count.subtract(1, ordering: .acquiringAndReleasing)
            }
        } catch {
            count.subtract(1, ordering: .acquiringAndReleasing)
            throw error
        }
    }

    /// Waits until all threads have ended, or for `milliseconds`.
    func waitForAll(milliseconds: UInt64) {
        var backoff = Backoff(milliseconds: milliseconds)
        while count.load(ordering: .acquiring) > 0, backoff.wait() {}
    }
}

/// The vaults that clients want to unlock, of which few are opened at a time, and one per path.
struct OpeningQueue {
    private struct Entry {
        let client: ClientID
        let limits: Limits
        let worker: VaultWorker
        var isRunning = false
    }

    private var entries: [Entry] = []

    private static let maxRunning = 4

    /// Adds a vault that `worker` is to open.
    mutating func add(_ worker: VaultWorker, _ limits: Limits, for client: ClientID) {
        entries.append(Entry(client: client, limits: limits, worker: worker))
    }

    /// Starts the workers whose turn it is.
    ///
    /// - Returns: the clients whose workers have no thread, and are removed.
    mutating func start(_ threads: ThreadCount) -> [ClientID] {
        var failed: [ClientID] = []
        for index in entries.indices where !entries[index].isRunning {
            let (worker, client) = (entries[index].worker, entries[index].client)
            let running = entries.filter(\.isRunning)
            guard running.count < OpeningQueue.maxRunning,
                !running.contains(where: { $0.worker.path == worker.path })
            else { continue }
            do throws(Errno) {
                try threads.start { worker.run(for: client) }
                entries[index].isRunning = true
            } catch {
                failed.append(client)
            }
        }
        entries.removeAll { failed.contains($0.client) }
        return failed
    }

    /// Removes a worker that has opened its vault or has failed to.
    ///
    /// - Returns: the limits of the vault, or nil if the opening was cancelled.
    mutating func remove(_ worker: VaultWorker) -> Limits? {
        guard let place = entries.firstIndex(where: { $0.worker === worker }) else { return nil }
        return entries.remove(at: place).limits
    }

    /// Cancels the opening of the vault at `path`, or of all vaults.
    ///
    /// - Returns: the clients that wait for it.
    mutating func cancel(_ path: String? = nil) -> [ClientID] {
        let unwanted = entries.filter { path == nil || $0.worker.path == path }
        for entry in unwanted { entry.worker.lock() }
        entries.removeAll { path == nil || $0.worker.path == path }
        return unwanted.map(\.client)
    }
}
