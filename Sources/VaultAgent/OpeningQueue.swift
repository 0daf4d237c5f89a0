internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultKit

/// How many threads of an agent wait for files.
final class ThreadCount: Sendable {
    private let count = Atomic(0)

    /// Starts a thread that counts as long as it runs.
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

    /// Waits until all have ended, for so many milliseconds at most.
    func waitForAll(milliseconds: UInt64) {
        var patience = Backoff(milliseconds: milliseconds)
        while count.load(ordering: .acquiring) > 0, patience.wait() {}
    }
}

/// The vaults that clients unlock and that are being opened: few at a time, of one path one.
struct OpeningQueue {
    private struct Entry {
        let client: ClientID
        let limits: Limits
        let worker: VaultWorker
        var isRunning = false
    }

    private var entries: [Entry] = []

    /// How many vaults are opened at a time.
    private static let maxRunning = 4

    /// Adds a vault that `worker` is to open.
    mutating func add(_ worker: VaultWorker, _ limits: Limits, for client: ClientID) {
        entries.append(Entry(client: client, limits: limits, worker: worker))
    }

    /// Begins to open the vaults whose turn it is.
    ///
    /// - Returns: the clients for whose vaults there is no thread.
    mutating func start(_ threads: ThreadCount) -> [ClientID] {
        var failed: [ClientID] = []
        for index in entries.indices where !entries[index].isRunning {
            let entry = entries[index]
            guard entries.count(where: \.isRunning) < OpeningQueue.maxRunning,
                !entries.contains(where: { $0.isRunning && $0.worker.path == entry.worker.path })
            else { continue }
            do throws(Errno) {
                try threads.start { entry.worker.run(for: entry.client) }
                entries[index].isRunning = true
            } catch {
                failed.append(entry.client)
            }
        }
        entries.removeAll { failed.contains($0.client) }
        return failed
    }

    /// Takes a vault that was opened, or could not be, off the list.
    ///
    /// - Returns: its limits, or nil if it is not wanted any more.
    mutating func finish(_ worker: VaultWorker) -> Limits? {
        guard let place = entries.firstIndex(where: { $0.worker === worker }) else { return nil }
        return entries.remove(at: place).limits
    }

    /// Gives up the opening of the vault at `path`.
    ///
    /// - Returns: the clients that are to be told.
    mutating func cancel(_ path: String) -> [ClientID] {
        let unwanted = entries.filter { $0.worker.path == path }
        for entry in unwanted { entry.worker.lock() }
        entries.removeAll { $0.worker.path == path }
        return unwanted.map(\.client)
    }

    /// Gives up all of them.
    mutating func cancelAll() {
        for entry in entries { entry.worker.lock() }
        entries = []
    }
}
