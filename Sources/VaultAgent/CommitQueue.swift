internal import VaultFile
internal import VaultKit

/// Commits of any number of connections that wait for their turn at their file.
struct CommitQueue {
    struct Entry {
        let connection: Connection
        let path: String
        let submission: Submission
        /// When the wait for another writer is over; monotonic milliseconds.
        let deadline: UInt64
    }

    private var entries: [Entry] = []

    /// How long a commit waits for a writer in another process, in milliseconds.
    static let patience: UInt64 = 30_000

    /// When to try again, in milliseconds from now: at once for commits that were not tried yet, soon if another
    /// writer has the file, never if nothing waits.
    var timeout: UInt64? { entries.isEmpty ? nil : isBlocked ? CommitQueue.retry : 0 }

    private var isBlocked = false
    private static let retry: UInt64 = 5

    mutating func add(_ submission: Submission, path: String, from connection: Connection, now: UInt64) {
        isBlocked = false
        entries.append(
            Entry(
                connection: connection, path: path, submission: submission,
                deadline: now + CommitQueue.patience))
    }

    /// Makes durable what can be, all commits of a vault together.
    ///
    /// - Returns: the entries that have an outcome now.
    mutating func run(_ keyring: Keyring, now: UInt64) -> [Entry] {
        var paths: [String] = []
        for entry in entries where !paths.contains(entry.path) { paths.append(entry.path) }
        isBlocked = false
        for path in paths { commit(entries.filter { $0.path == path }, at: path, keyring, now) }
        let done = entries.filter { $0.submission.outcome != nil }
        entries.removeAll { $0.submission.outcome != nil }
        return done
    }

    private mutating func commit(_ entries: [Entry], at path: String, _ keyring: Keyring, _ now: UInt64) {
        do throws(VaultError) {
            try keyring.use(path).commit(entries.map(\.submission), patience: 0)
        } catch .file(.busy) {
            isBlocked = true
            for entry in entries where now >= entry.deadline { entry.submission.fail(.file(.busy)) }
        } catch .file(.keysChanged) {
            // The next look follows, or locks the vault.
            isBlocked = true
            for entry in entries where now >= entry.deadline { entry.submission.fail(.file(.keysChanged)) }
        } catch {
            for entry in entries { entry.submission.fail(error) }
        }
    }
}
