internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultKit

/// How many bytes of replies the agent holds because their clients do not take them.
final class Backlog: Sendable {
    private let bytes = Atomic(0)

    /// From so many on, no more names are listed: one list can have as many bytes as a vault has names.
    private static let most = 32 << 20

    /// Says how many there are.
    func set(_ count: Int) { bytes.store(count, ordering: .relaxed) }

    /// Says that there are more, before the loop counts them.
    func add(_ count: Int) { bytes.add(count, ordering: .relaxed) }

    /// Whether what can be long should wait.
    var isFull: Bool { bytes.load(ordering: .relaxed) > Backlog.most }
}

/// Answers parcels of requests on a vault's own thread, in order; commits are made durable together.
struct RequestHandler: ~Copyable {
    /// A commit that waits for its turn at the file, and the requests behind it.
    private struct Commit {
        let submission: Submission
        let parcel: Parcel
        /// Where the next request begins.
        let rest: Int
        /// When the wait for another writer is over; monotonic milliseconds.
        let deadline: UInt64
    }

    private let vault: UnlockedVault
    private let reports: Mailbox<VaultWorker.Report>
    private let backlog: Backlog
    private var commits: [Commit] = []
    /// Whether another writer has the file.
    private var isBlocked = false
    /// Parcels that go on where they ask for names once there is room.
    private var deferred: [(parcel: Parcel, position: Int)] = []
    private var reply: SecretBuffer

    /// How long a commit waits for a writer in another process, in milliseconds.
    private static let patience: UInt64 = 30_000
    /// How soon what waits is tried again, in milliseconds.
    private static let (retry, reliefInterval): (UInt64, UInt64) = (5, 20)
    /// How many bytes of replies to requests that came together wait for each other: a client takes the first while others are
    /// made.
    private static let replySize = 1 << 10
    private static let replyCapacity = 1 << 16

    /// Where replies can be put together.
    static func replyBuffer() throws(SodiumError) -> SecretBuffer {
        try SecretBuffer(capacity: replyCapacity)
    }

    /// - Parameter reply: what ``replyBuffer()`` made.
    init(
        _ vault: UnlockedVault, _ reports: Mailbox<VaultWorker.Report>, _ backlog: Backlog,
        _ reply: consuming SecretBuffer
    ) {
        (self.vault, self.reports, self.backlog) = (vault, reports, backlog)
        self.reply = reply
    }

    /// When ``goOn()`` is to be called again, in milliseconds from now; nil if nothing waits.
    var timeout: UInt64? {
        if !commits.isEmpty { return isBlocked ? RequestHandler.retry : 0 }
        return deferred.isEmpty ? nil : RequestHandler.reliefInterval
    }

    /// Answers the requests of a parcel from `position` on, as far as none has to wait.
    mutating func answer(_ parcel: Parcel, from position: Int) {
        do throws(SodiumError) {
            if position == 0, !parcel.preface.isEmpty { try reply.append(parcel.preface) }
            try parcel.withBytes { bytes throws(SodiumError) in try answer(bytes, of: parcel, from: position)
            }
        } catch {
            reply.truncate(to: 0)
            reports.post(.answered(parcel.client, count: position, nil, isOver: true))
        }
    }

    private mutating func answer(
        _ bytes: Span<UInt8>, of parcel: Parcel, from start: Int
    ) throws(SodiumError) {
        var position = start
        var unsent: Unsent?
        while position < bytes.count, unsent == nil {
            let message = AgentProtocol.message(in: bytes, at: position)
            if isLong(bytes[message.lowerBound]) {
                unsent = try send(to: parcel)
                if unsent != nil { break }
                return deferred.append((parcel, position))
            }
            let answer = try Responder.answer(
                bytes.extracting(message), about: { () throws(VaultError) in try vault.current() },
                into: &reply)
            switch answer {
            case .replied: break  // it goes out with those to the requests that came with this one
            case .over:
                let unsent = try send(to: parcel)
                return reports.post(
                    .answered(parcel.client, count: message.upperBound, unsent, isOver: true))
            case .later(let submission):
                unsent = try send(to: parcel)
                if unsent != nil { continue }  // it is asked again when that is taken
                isBlocked = false
                return commits.append(
                    Commit(
                        submission: submission, parcel: parcel, rest: message.upperBound,
                        deadline: SystemClock.monotonicMilliseconds() + RequestHandler.patience))
            }
            position = message.upperBound
            if reply.count >= RequestHandler.replySize { unsent = try send(to: parcel) }
        }
        if unsent == nil { unsent = try send(to: parcel) }
        reports.post(.answered(parcel.client, count: position, unsent, isOver: false))
    }

    /// Whether a request of this kind has to wait until clients have taken what they asked for.
    private func isLong(_ kind: UInt8) -> Bool {
        kind == AgentProtocol.Kind.names.rawValue && backlog.isFull && (try? vault.current()) != nil
    }

    /// Sends what was put together, and wipes it.
    ///
    /// - Returns: what the kernel did not take.
    private mutating func send(to parcel: Parcel) throws(SodiumError) -> Unsent? {
        defer {
            reply.truncate(to: 0)
            // A long list of names is no reason to keep its memory.
            if reply.capacity > 1 << 21,
                let fresh = try? RequestHandler.replyBuffer()
            {
                reply = fresh
            }
        }
        return try reply.withBytes { bytes throws(SodiumError) in
            // Of a client that is gone, the loop hears by itself.
            guard let done = try? parcel.socket.push(bytes), done < bytes.count else { return nil }
            backlog.add(bytes.count - done)
            return try Unsent(bytes.extracting(done..<bytes.count))
        }
    }

    /// Does what can be done of what waits.
    mutating func goOn() {
        let waiting = deferred
        deferred = []
        for (parcel, position) in waiting { answer(parcel, from: position) }
        repeat { runCommits() } while !commits.isEmpty && !isBlocked
    }

    /// Makes durable what can be, all commits together, answers them, and goes on with what came behind them.
    private mutating func runCommits() {
        if commits.isEmpty { return }
        isBlocked = false
        do throws(VaultError) {
            try vault.current().commit(commits.map(\.submission), patience: 0)
        } catch .file(.busy) {
            block(.file(.busy))
        } catch .file(.keysChanged) {
            // The next look follows, or locks the vault.
            vault.noteArrival()
            block(.file(.keysChanged))
        } catch {
            for commit in commits { commit.submission.fail(error) }
        }
        let done = commits.filter { $0.submission.outcome != nil }
        commits.removeAll { $0.submission.outcome != nil }
        for commit in done {
            do throws(SodiumError) {
                try Responder.report(commit.submission, into: &reply)
                try commit.parcel.withBytes { bytes throws(SodiumError) in
                    try answer(bytes, of: commit.parcel, from: commit.rest)
                }
            } catch {
                reply.truncate(to: 0)
                reports.post(.answered(commit.parcel.client, count: commit.rest, nil, isOver: true))
            }
        }
    }

    /// Lets commits wait, but for those that have waited long enough.
    private mutating func block(_ error: VaultError) {
        isBlocked = true
        let now = SystemClock.monotonicMilliseconds()
        for commit in commits where now >= commit.deadline { commit.submission.fail(error) }
    }
}
