internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

// What workers and jobs say.
extension AgentServer {
    func take(_ report: VaultWorker.Report) {
        switch report {
        case .opened(let client, let worker, let result): finish(client, worker, result)
        case .answered(let client, let count, let unsent, let isOver):
            guard let connection = connection(client) else { return }
            goOn(connection, after: count, unsent, isOver: isOver)
        case .numbers(let client, let worker, let result): tellStatus(client, worker, result)
        case .followed(let client, let result):
            answer(client) { reply in
                _ = try result.get()
                try reply.appendHead(AgentProtocol.Kind.follow.reply, bodySize: 0)
            }
        case .prepared(let client, .success(let job)):
            jobs.add(job, for: client, now: SystemClock.monotonicMilliseconds())
        case .prepared(let client, .failure(let error)): answer(client) { _ in throw error }
        case .refused(let parcel): refuse(parcel)
        case .done(let id, let outcome): finish(id, outcome)
        case .lostKeys(let worker): keyring.lock(worker)
        }
    }

    /// Answers a client that waited, and goes on with what it had sent behind that.
    private func answer(_ client: ClientID, _ fill: (inout SecretBuffer) throws -> Void) {
        guard let connection = connection(client) else { return }
        do {
            try fill(&reply)
        } catch is SodiumError {
            forgetReply()
            return connection.close()
        } catch {
            forgetReply()
            try? WireFailure(error).append(to: &reply)
        }
        sendReplies(to: connection)
        goOn(connection)
    }

    private func goOn(
        _ connection: ClientConnection, after count: Int = 0, _ unsent: Unsent? = nil, isOver: Bool = false
    ) {
        do throws(SodiumError) {
            try connection.goOn(after: count, unsent, now: SystemClock.monotonicMilliseconds())
            if isOver { return connection.end() }
            if !connection.isBusy { try resume(connection) }
        } catch {
            connection.close()
        }
    }

    /// Tells a client that it means another file than is unlocked here; nothing that it asks about that is answered.
    private func refuse(_ parcel: Parcel) {
        guard let connection = connection(parcel.client) else { return }
        connection.path = nil
        var open = 0
        parcel.withBytes { open = AgentProtocol.message(in: $0, at: 0).upperBound }
        do throws(SodiumError) {
            try reply.append(parcel.preface)
            try WireFailure.otherFile.append(to: &reply)
        } catch {
            return connection.close()
        }
        sendReplies(to: connection)
        goOn(connection, after: open)
    }

    /// Tells clients why they do not get what they waited for.
    func tell(_ clients: [ClientID], _ error: VaultError) {
        for client in clients { answer(client) { _ in throw error } }
    }

    private func finish(
        _ client: ClientID, _ worker: VaultWorker, _ result: Result<VaultNumbers, WireFailure>
    ) {
        guard let limits = openings.finish(worker) else { return worker.lock() }
        switch result {
        case .success(let numbers):
            // Nobody was told that it is unlocked.
            guard connection(client) != nil else { return worker.lock() }
            keyring.keep(worker, limits, numbers)
            answer(client) { reply in
                try append(try keyring.status(worker.path), numbers.notices, .unlock, to: &reply)
            }
        case .failure(let error): answer(client) { _ in throw error }
        }
    }

    private func tellStatus(
        _ client: ClientID, _ worker: VaultWorker, _ result: Result<VaultNumbers, WireFailure>
    ) {
        if case .success(let numbers) = result { keyring.note(numbers, of: worker) }
        guard let place = statusRequests.firstIndex(where: { $0.client == client && $0.path == worker.path })
        else { return }
        let request = statusRequests.remove(at: place)
        answer(client) { reply in
            let numbers = try result.get()
            if let wish = request.wish { try keyring.shorten(worker.path, wish) }
            let kind = request.wish == nil ? AgentProtocol.Kind.status : .shorten
            try append(try keyring.status(worker.path), numbers.notices, kind, to: &reply)
        }
    }

    /// Tells what is known of vaults whose workers are busy.
    func answerLateStatuses() {
        let now = SystemClock.monotonicMilliseconds()
        let late = statusRequests.filter { now >= $0.deadline || !keyring.isUnlocked($0.path) }
        statusRequests.removeAll { now >= $0.deadline || !keyring.isUnlocked($0.path) }
        for var request in late {
            guard !keyring.isUnlocked(request.path) || keyring.isAbout(request.proof, request.path) else {
                // Only the worker can tell whether it is another file.
                request.deadline = .max
                statusRequests.append(request)
                continue
            }
            answer(request.client) { reply in
                try append(try keyring.status(request.path), [], .status, to: &reply)
            }
        }
    }

    private func append(
        _ status: AgentStatus, _ notices: [Notice], _ kind: AgentProtocol.Kind, to reply: inout SecretBuffer
    ) throws(SodiumError) {
        let notices = Notice.message(notices)
        try reply.appendHead(kind.reply, bodySize: 57 + notices.count)
        for number in [
            status.idleLeft, status.totalLeft, status.generation, status.secrets, status.versions,
            status.liveBytes, status.deadBytes,
        ] {
            try reply.append(number: number)
        }
        try reply.append((status.locksOnSleep ? 1 : 0) | (GuardedMemory.isLocked ? 0 : 2))
        try reply.append(notices)
    }

    /// Begins what has its turn, ends what nobody wants, and tells how far jobs are.
    func runQueues() {
        tell(openings.start(threads), .file(.outOfMemory))
        tell(jobs.cancel { connection($0) == nil || !keyring.isUnlocked($1) }, .locked)
        let reports = reports
        let failed = jobs.start(threads) { reports.post(.done(job: $0, $1)) }
        tell(failed, .file(.outOfMemory))
        for news in jobs.progress(now: SystemClock.monotonicMilliseconds()) {
            guard let connection = connection(news.client), !connection.hasUnsent else { continue }
            do throws(SodiumError) {
                try reply.appendHead(AgentProtocol.Kind.job.reply, bodySize: 17)
                try reply.append(1)
                try reply.append(number: news.done)
                try reply.append(number: news.total)
            } catch {
                connection.close()
            }
            sendReplies(to: connection)
        }
    }

    private func finish(_ id: UInt64, _ outcome: Result<JobReport, WireFailure>) {
        guard let (job, client) = jobs.finish(id) else { return }
        if case .accept(let path, _) = job.job, case .success = outcome {
            keyring.worker(path)?.post(.reopen)
        }
        if case .failure(.vault(.file(.cancelled))) = outcome, !keyring.isUnlocked(job.path) {
            return tell([client], .locked)
        }
        answer(client) { reply in
            let message = try outcome.get().message
            try reply.appendHead(AgentProtocol.Kind.job.reply, bodySize: 1 + message.count)
            try reply.append(0)
            try reply.append(message)
        }
    }
}
