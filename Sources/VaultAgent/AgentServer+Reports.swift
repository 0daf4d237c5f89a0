internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore

// The loop's side of workers and jobs: it hears their reports, starts them, and answers the clients that wait for them.
extension AgentServer {
    func take(_ report: VaultWorker.Report) {
        switch report {
        case .opened(let client, let worker, let result): finish(client, worker, result)
        case .answered(let client, let count, let unsent, let isOver):
            guard let connection = connection(client) else { return }
            proceed(connection, after: count, unsent, isOver: isOver)
        case .state(let client, let worker, let result): answerStatus(client, worker, result)
        case .followed(let client, let result):
            answer(client) {
                try result.get()
                return AgentProtocol.Kind.follow.reply()
            }
        case .prepared(let client, .success(let job)):
            jobs.add(job, for: client, now: SystemClock.monotonicMilliseconds())
        case .prepared(let client, .failure(let error)): answer(client) { throw error }
        case .refused(let parcel): refuse(parcel)
        case .done(let job, let result): finish(job, result)
        case .lostKeys(let worker): keyring.lock(worker)
        }
    }

    /// Sends the reply that a client waits for, or the error that `makeReply` throws, and continues with its next requests.
    private func answer(_ client: ClientID, _ makeReply: () throws -> [UInt8]) {
        guard let connection = connection(client) else { return }
        do {
            reply += try makeReply()
        } catch {
            reply += WireFailure(error).message
        }
        sendReplies(to: connection)
        proceed(connection)
    }

    private func proceed(
        _ connection: ClientConnection, after count: Int = 0, _ unsent: Unsent? = nil, isOver: Bool = false
    ) {
        do throws(SodiumError) {
            try connection.proceed(after: count, unsent)
            if isOver { return connection.end() }
            if !connection.isBusy { try resume(connection) }
        } catch {
            connection.close()
        }
    }

    /// Fails an Open because the agent finds another file at the path; the requests after it have no open vault.
    private func refuse(_ parcel: Parcel) {
        guard let connection = connection(parcel.client) else { return }
        connection.path = nil
        var openSize = 0
        parcel.withBytes { openSize = AgentProtocol.content(of: $0, at: 0).upperBound }
        reply += parcel.preface + WireFailure.otherFile.message
        sendReplies(to: connection)
        proceed(connection, after: openSize)
    }

    /// Fails the requests that clients wait for.
    func fail(_ clients: [ClientID], _ error: VaultError) {
        for client in clients { answer(client) { throw error } }
    }

    private func finish(
        _ client: ClientID, _ worker: VaultWorker, _ result: Result<VaultState, any Error>
    ) {
        guard let limits = openings.remove(worker) else { return worker.lock() }
        // If the client is gone, nobody knows that the vault is unlocked.
        if connection(client) == nil { return worker.lock() }
        if case .success(let state) = result { keyring.keep(worker, limits, state) }
        answer(client) { try statusReply(worker.path, try result.get().notices, .unlock) }
    }

    private func answerStatus(
        _ client: ClientID, _ worker: VaultWorker, _ result: Result<VaultState, any Error>
    ) {
        if case .success(let state) = result { keyring.update(state, of: worker) }
        guard let place = statusRequests.firstIndex(where: { $0.client == client && $0.path == worker.path })
        else { return }
        let request = statusRequests.remove(at: place)
        answer(client) {
            let state = try result.get()
            if let wish = request.wish { try keyring.shorten(worker.path, wish) }
            return try statusReply(worker.path, state.notices, request.wish == nil ? .status : .shorten)
        }
    }

    /// Answers status requests whose time has passed with the last known state, and those about vaults that are locked now.
    func answerLateStatuses() {
        let now = SystemClock.monotonicMilliseconds()
        let late = statusRequests.filter { now >= $0.deadline || !keyring.isUnlocked($0.path) }
        statusRequests.removeAll { now >= $0.deadline || !keyring.isUnlocked($0.path) }
        for var request in late {
            guard !keyring.isUnlocked(request.path) || keyring.isAbout(request.proof, request.path) else {
                // Only the worker can tell whether the client means another file.
                request.deadline = .max
                statusRequests.append(request)
                continue
            }
            answer(request.client) { try statusReply(request.path, [], .status) }
        }
    }

    private func statusReply(
        _ path: String, _ notices: [Notice], _ kind: AgentProtocol.Kind
    ) throws(VaultError) -> [UInt8] {
        var status = try keyring.status(path)
        status.notices = notices
        return kind.reply(status.body)
    }

    /// Starts the openings and jobs whose turn it is, cancels the jobs that nobody waits for, and reports the progress of jobs.
    func runQueues() {
        fail(openings.start(threads), .file(.outOfMemory))
        fail(jobs.cancel { connection($0) == nil || !keyring.isUnlocked($1) }, .locked)
        let reports = reports
        fail(jobs.start(threads) { reports.post(.done($0, $1)) }, .file(.outOfMemory))
        for (client, done, total) in jobs.progress(now: SystemClock.monotonicMilliseconds()) {
            guard let connection = connection(client), connection.unsentSize == 0 else { continue }
            reply += AgentProtocol.Kind.job.reply([1] + done.field + total.field)
            sendReplies(to: connection)
        }
    }

    private func finish(_ job: BackgroundJob, _ result: Result<JobReport, any Error>) {
        guard let client = jobs.remove(job) else { return }
        if case .accept(let path, _) = job.job, case .success = result {
            keyring.worker(path)?.post(.reopen)
        }
        answer(client) {
            do {
                return AgentProtocol.Kind.job.reply([0] + (try result.get().message))
            } catch VaultFileError.cancelled where !keyring.isUnlocked(job.path) {
                throw VaultError.locked
            }
        }
    }
}
