internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultCore

/// The bytes of replies that the agent holds because their clients have not taken them, as any thread may see them.
final class Backlog: Sendable {
    private let bytes = Atomic(0)

    /// The size from which names are not listed: one list can be as large as all names of a vault together.
    private static let max = 32 << 20

    /// Sets the size, as the loop counts it.
    func set(_ count: Int) { bytes.store(count, ordering: .relaxed) }

    /// Adds bytes that the loop has not counted yet.
    func add(_ count: Int) { bytes.add(count, ordering: .relaxed) }

    /// True if replies that can be long must wait.
    var isFull: Bool { bytes.load(ordering: .relaxed) > Backlog.max }
}

/// Answers the requests of one vault in order, on the vault's own thread, with one sync for all commits that wait.
final class RequestHandler {
    /// A commit that waits, and the requests after it.
    private struct Commit {
        let submission: Submission
        let parcel: Parcel
        /// The position of the next request.
        let rest: Int
        /// The time until which it waits for another writer; monotonic milliseconds.
        let deadline: UInt64
    }

    private let vault: UnlockedVault
    private let reports: Mailbox<VaultWorker.Report>
    private let backlog: Backlog
    private var commits: [Commit] = []
    /// True if another process holds the file's lock.
    private var isBlocked = false
    /// Parcels that continue with a request for names once the backlog allows it.
    private var deferred: [(parcel: Parcel, position: Int)] = []
    private var reply: SecretBuffer

    /// How long a commit waits for a writer in another process, in milliseconds.
    private static let lockTimeout: UInt64 = 30_000
    /// How soon a blocked commit, and a deferred parcel, is tried again, in milliseconds.
    private static let (commitInterval, deferredInterval): (UInt64, UInt64) = (5, 20)
    /// The bytes of replies to requests of one parcel that are sent together; a larger size would let a client wait for its
    /// first reply while others are made.
    private static let replySize = 1 << 10
    private static let replyCapacity = 1 << 16

    init(
        _ vault: UnlockedVault, _ reports: Mailbox<VaultWorker.Report>, _ backlog: Backlog
    ) throws(SodiumError) {
        (self.vault, self.reports, self.backlog) = (vault, reports, backlog)
        reply = try SecretBuffer(capacity: RequestHandler.replyCapacity)
    }

    /// The time until ``proceed()`` must be called, in milliseconds; nil if nothing waits.
    var timeout: UInt64? {
        if !commits.isEmpty { return isBlocked ? RequestHandler.commitInterval : 0 }
        return deferred.isEmpty ? nil : RequestHandler.deferredInterval
    }

    /// Answers the requests of a parcel up to the first one that must wait.
    func answer(_ parcel: Parcel) { answer(parcel, from: 0, after: parcel.preface) }

    /// Sends `preface`, and answers the requests from `position` on.
    private func answer(_ parcel: Parcel, from position: Int, after preface: [UInt8] = []) {
        do throws(SodiumError) {
            try reply.append(preface)
            try parcel.withBytes { bytes throws(SodiumError) in try answer(bytes, of: parcel, from: position)
            }
        } catch {
            reply.truncate(to: 0)
            reports.post(.answered(parcel.client, count: position, nil, isOver: true))
        }
    }

    private func answer(
        _ bytes: Span<UInt8>, of parcel: Parcel, from start: Int
    ) throws(SodiumError) {
        var position = start
        var unsent: Unsent?
        while position < bytes.count, unsent == nil {
            let message = AgentProtocol.content(of: bytes, at: position)
            if mustWait(bytes[message.lowerBound]) {
                unsent = try send(to: parcel)
                if unsent != nil { break }
                return deferred.append((parcel, position))
            }
            let answer = try Responder.answer(
                bytes.extracting(message), about: { () throws(VaultError) in try vault.current() },
                into: &reply)
            switch answer {
            case .replied: break
            case .over:
                let unsent = try send(to: parcel)
                return reports.post(
                    .answered(parcel.client, count: message.upperBound, unsent, isOver: true))
            case .later(let submission):
                unsent = try send(to: parcel)
                // When the client has taken the replies, the loop hands the commit over again.
                if unsent != nil { continue }
                isBlocked = false
                return commits.append(
                    Commit(
                        submission: submission, parcel: parcel, rest: message.upperBound,
                        deadline: SystemClock.monotonicMilliseconds() + RequestHandler.lockTimeout))
            }
            position = message.upperBound
            if reply.count >= RequestHandler.replySize { unsent = try send(to: parcel) }
        }
        if unsent == nil { unsent = try send(to: parcel) }
        reports.post(.answered(parcel.client, count: position, unsent, isOver: false))
    }

    /// Returns whether a request of this kind must wait until clients have taken their replies.
    private func mustWait(_ kind: UInt8) -> Bool {
        kind == AgentProtocol.Kind.names.rawValue && backlog.isFull && (try? vault.current()) != nil
    }

    /// Sends the replies, and wipes them.
    ///
    /// - Returns: the part that the kernel did not take.
    private func send(to parcel: Parcel) throws(SodiumError) -> Unsent? {
        defer {
            reply.truncate(to: 0)
            // The memory of a long reply, such as a list of names, is not kept.
            if reply.capacity > 1 << 21,
                let fresh = try? SecretBuffer(capacity: RequestHandler.replyCapacity)
            {
                reply = fresh
            }
        }
        return try reply.withBytes { bytes throws(SodiumError) in
            // The loop notices by itself that a client is gone.
            guard let done = try? parcel.socket.push(bytes), done < bytes.count else { return nil }
            backlog.add(bytes.count - done)
            return try Unsent(copying: bytes.extracting(done..<bytes.count))
        }
    }

    /// Continues with everything that waits, as far as possible.
    func proceed() {
        let waiting = deferred
        deferred = []
        for (parcel, position) in waiting { answer(parcel, from: position) }
        repeat { runCommits() } while !commits.isEmpty && !isBlocked
    }

    /// Makes all commits durable together, answers them, and continues with the requests after them.
    private func runCommits() {
        if commits.isEmpty { return }
        isBlocked = false
        do throws(VaultError) {
            try vault.current().commit(commits.map(\.submission), timeout: 0)
        } catch .file(.busy) {
            block(.file(.busy))
        } catch .file(.keysChanged) {
            // The next check of the file finds an announced key, or locks the vault.
            vault.noteArrival()
            block(.file(.keysChanged))
        } catch {
            for commit in commits { commit.submission.fail(error) }
        }
        let done = commits.filter { $0.submission.outcome != nil }
        commits.removeAll { $0.submission.outcome != nil }
        for commit in done {
            answer(commit.parcel, from: commit.rest, after: Responder.reply(to: commit.submission))
        }
    }

    /// Lets commits wait, and fails those that have waited long enough.
    private func block(_ error: VaultError) {
        isBlocked = true
        let now = SystemClock.monotonicMilliseconds()
        for commit in commits where now >= commit.deadline { commit.submission.fail(error) }
    }
}
