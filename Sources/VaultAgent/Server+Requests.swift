internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

// What the loop does with requests: agent-protocol.md, section 6. What a file is needed for, it hands over.
extension Server {
    /// Deals with the complete messages at the front of `bytes`.
    ///
    /// - Returns: how many bytes they had.
    func answer(_ bytes: Span<UInt8>, _ connection: Connection) -> Int {
        var position = 0
        while !connection.isBusy {
            let rest = bytes.extracting(position..<bytes.count)
            guard let count = Server.messageCount(rest, connection) else { break }
            guard count > 0 else {
                refuse(connection)
                break
            }
            guard 4 + count <= rest.count else { break }
            if connection.greeting == .sameVersion, Server.isAboutVault(rest[4]) {
                let run = Server.run(in: rest, connection)
                position += run.count
                hand(over: rest.extracting(first: run.count), hasValues: run.hasValues, connection)
            } else {
                position += 4 + count
                answer(one: rest.extracting(4..<4 + count), connection)
            }
            if reply.count >= Server.replySize { sendReplies(to: connection) }
        }
        sendReplies(to: connection)
        return position
    }

    /// The length of the message that begins `bytes`; 0 if it is against the rules, nil if it is not known yet.
    private static func messageCount(_ bytes: Span<UInt8>, _ connection: Connection) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let count = AgentProtocol.message(in: bytes, at: 0).count
        let most = connection.greeting == .none ? AgentProtocol.helloCount : AgentProtocol.mostMessage
        return count <= most ? count : 0
    }

    /// Whether a request of this kind is answered by the worker of the vault that its connection speaks about.
    private static func isAboutVault(_ kind: UInt8) -> Bool {
        AgentProtocol.Kind.open.rawValue <= kind && kind <= AgentProtocol.Kind.summary.rawValue
    }

    /// How many bytes of whole requests about one vault `bytes` begin with, and whether there are values among them.
    private static func run(in bytes: Span<UInt8>, _ connection: Connection) -> (count: Int, hasValues: Bool) {
        var (position, hasValues) = (0, false)
        while let count = messageCount(bytes.extracting(position..<bytes.count), connection), count > 0,
            position + 4 + count <= bytes.count
        {
            let kind = bytes[position + 4]
            guard isAboutVault(kind), position == 0 || kind != AgentProtocol.Kind.open.rawValue else { break }
            if kind == AgentProtocol.Kind.commit.rawValue { hasValues = true }
            position += 4 + count
        }
        return (position, hasValues)
    }

    /// Hands requests over to the worker of their vault; those about a vault that is locked are answered here.
    private func hand(over requests: Span<UInt8>, hasValues: Bool, _ connection: Connection) {
        var file: HeldFile?
        do {
            if requests[4] == AgentProtocol.Kind.open.rawValue {
                let message = AgentProtocol.message(in: requests, at: 0)
                var reader = FieldReader(at: 1)
                connection.path = try reader.path(of: requests.extracting(message))
                file = try takeFiles(1, of: connection).first
            }
            guard let path = connection.path else { throw WireFailure.nothingOpened }
            let worker = try keyring.use(path)
            let parcel = try Parcel(
                requests, isSecret: hasValues, from: connection.id, connection.socket, preface: takeReply(),
                file: file)
            connection.wait(for: parcel, now: Server.now())
            worker.post(.requests(parcel))
        } catch is MalformedMessage {
            refuse(connection)
        } catch let error as SodiumError {
            _ = error
            connection.close()
        } catch {
            answer(requests, with: error, connection)
        }
    }

    /// The files that came with a message which names so many; none where a test lets a path speak for itself.
    private func takeFiles(_ count: Int, of connection: Connection) throws(MalformedMessage) -> [HeldFile] {
        if settings.testOnlyTrustsPaths { return [] }
        guard let files = connection.takeFiles(count) else { throw MalformedMessage() }
        return files
    }

    private func proof(_ paths: [String], _ connection: Connection) throws(MalformedMessage) -> FileProof {
        FileProof(files: try takeFiles(paths.count, of: connection), paths: paths)
    }

    /// Answers requests that no worker is there for.
    private func answer(_ requests: Span<UInt8>, with error: any Error, _ connection: Connection) {
        var position = 0
        while position < requests.count, !connection.isOver, !connection.isClosed {
            let message = AgentProtocol.message(in: requests, at: position)
            position = message.upperBound
            do {
                _ = try Request.decode(requests.extracting(message))
                try WireFailure(error).append(to: &reply)
            } catch is MalformedMessage {
                refuse(connection)
            } catch {
                connection.close()
            }
        }
    }

    private func answer(one message: Span<UInt8>, _ connection: Connection) {
        do {
            try answer(try Request.decode(message), connection)
        } catch is SodiumError {
            forgetReply()
            connection.close()
        } catch is MalformedMessage {
            refuse(connection)
        } catch {
            try? WireFailure(error).append(to: &reply)
        }
    }

    private func answer(_ request: consuming Request, _ connection: Connection) throws {
        switch (consume request) {
        case .hello(let version):
            guard connection.greeting == .none else { throw MalformedMessage() }
            connection.greeting = version == AgentProtocol.version ? .sameVersion : .otherVersion
            try reply.appendHead(AgentProtocol.Kind.hello.reply, bodyCount: 2)
            try reply.append(number: AgentProtocol.version)
        case .stop:
            guard connection.greeting != .none else { throw MalformedMessage() }
            try stop(connection)
        case let other:
            guard connection.greeting == .sameVersion else { throw MalformedMessage() }
            try answerGreeted(other, connection)
        }
    }

    private func stop(_ connection: Connection) throws {
        lockAll()
        isStopped = true
        try reply.appendHead(AgentProtocol.Kind.stop.reply, bodyCount: 0)
        // Whoever hears that the agent ends must not find its socket any more.
        listener.remove()
        sendReplies(to: connection)
        connection.end()
    }

    private func answerGreeted(_ request: consuming Request, _ connection: Connection) throws {
        switch (consume request) {
        case .status(let path): try askStatus(path, .status, connection)
        case .unlock(let request): try unlock(request, connection)
        case .shorten(let path, let wish): try shorten(path, wish, connection)
        case .lock(let path):
            keyring.lock(path)
            tell(openings.cancel(path), .locked)
            try reply.appendHead(AgentProtocol.Kind.lock.reply, bodyCount: 0)
        case .announce(let path, let successor):
            guard let worker = keyring.worker(path) else { throw VaultError.locked }
            worker.keys.announce(successor)
            try reply.appendHead(AgentProtocol.Kind.announce.reply, bodyCount: 0)
        case .follow(let path, let lexical):
            let proof = try proof([path], connection)
            guard let worker = keyring.worker(path) else { throw VaultError.locked }
            wait(connection)
            worker.post(.follow(connection.id, lexical, proof))
        case .job(let path, let job): try begin(job, path, connection)
        default: throw MalformedMessage()
        }
    }

    /// Has a client wait for an answer that is made elsewhere.
    private func wait(_ connection: Connection) {
        sendReplies(to: connection)
        connection.wait(now: Server.now())
    }

    /// Only ever makes a vault lock sooner, so it does not matter which file the client means.
    private func shorten(_ path: String, _ wish: Limits, _ connection: Connection) throws {
        let proof = try proof([path], connection)
        try keyring.shorten(path, wish)
        try askStatus(path, .shorten, connection, proof)
    }

    private func askStatus(
        _ path: String, _ kind: AgentProtocol.Kind, _ connection: Connection, _ proof: FileProof? = nil
    ) throws {
        let proof = if let proof { proof } else { try self.proof([path], connection) }
        guard let worker = keyring.worker(path) else { throw VaultError.locked }
        wait(connection)
        statusRequests.append(
            StatusRequest(
                client: connection.id, path: path, kind: kind, deadline: Server.now() + Server.statusPatience))
        worker.post(.status(connection.id, proof))
    }

    private func unlock(_ request: consuming UnlockRequest, _ connection: Connection) throws {
        var surroundings = settings.surroundings
        if !request.checkpoints.isEmpty, !request.isCopy {
            surroundings.checkpoints = CheckpointStore(path: request.checkpoints)
        }
        surroundings.hasNowhereToRemember = surroundings.checkpoints == nil && !request.isCopy
        let (path, limits) = (request.path, request.limits)
        let proof = try proof([path], connection)
        let worker: VaultWorker
        do throws(Errno) {
            worker = try VaultWorker(path, VaultKeys(request.key), proof, surroundings, reports, backlog)
        } catch {
            throw VaultError.file(.outOfMemory)
        }
        wait(connection)
        openings.add(worker, limits, for: connection.id)
    }

    private func begin(_ job: Job, _ path: String, _ connection: Connection) throws {
        let proof = try proof([path] + job.paths, connection)
        let worker = try keyring.use(path)
        var otherKey: SharedKey?
        if let other = job.other.flatMap({ keyring.worker($0) }) {
            let key = try other.keys.present()
            otherKey = key
            // The file may get that key.
            if case .merge(_, _, let options) = job, options.takesKeys, !options.isTrial {
                worker.keys.announce(key)
            }
        }
        wait(connection)
        worker.post(.job(connection.id, job, proof, otherKey: otherKey))
    }

    /// Takes what was put together, which is no secret, to go before what a worker says.
    private func takeReply() -> [UInt8] {
        defer { forgetReply() }
        return reply.withBytes { $0.array(0..<$0.count) }
    }
}

// What workers and jobs say.
extension Server {
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
                try reply.appendHead(AgentProtocol.Kind.follow.reply, bodyCount: 0)
            }
        case .prepared(let client, .success(let job)): jobs.add(job, for: client, now: Server.now())
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

    private func goOn(_ connection: Connection, after count: Int = 0, _ unsent: Unsent? = nil, isOver: Bool = false) {
        do throws(SodiumError) {
            try connection.goOn(after: count, unsent, now: Server.now())
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
            try append(try keyring.status(worker.path), numbers.notices, request.kind, to: &reply)
        }
    }

    /// Tells what is known of vaults whose workers are busy.
    func answerLateStatuses() {
        let now = Server.now()
        for request in statusRequests where now >= request.deadline || !keyring.isUnlocked(request.path) {
            answer(request.client) { reply in
                try append(try keyring.status(request.path), [], request.kind, to: &reply)
            }
        }
        statusRequests.removeAll { now >= $0.deadline || !keyring.isUnlocked($0.path) }
    }

    private func append(
        _ status: AgentStatus, _ notices: [Notice], _ kind: AgentProtocol.Kind, to reply: inout SecretBuffer
    ) throws(SodiumError) {
        let notices = Notice.message(notices)
        try reply.appendHead(kind.reply, bodyCount: 57 + notices.count)
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
        for news in jobs.progress(now: Server.now()) {
            guard let connection = connection(news.client), !connection.hasUnsent else { continue }
            do throws(SodiumError) {
                try reply.appendHead(AgentProtocol.Kind.job.reply, bodyCount: 17)
                try reply.append(1)
                try reply.append(number: news.done)
                try reply.append(number: news.total)
            } catch {
                connection.close()
            }
            sendReplies(to: connection)
        }
    }

    private func finish(_ id: UInt64, _ outcome: Result<JobReport, VaultError>) {
        guard let (job, client) = jobs.finish(id) else { return }
        if case .accept(let path, _) = job.job, case .success = outcome { keyring.worker(path)?.post(.reopen) }
        if case .failure(.file(.cancelled)) = outcome, !keyring.isUnlocked(job.path) {
            return tell([client], .locked)
        }
        answer(client) { reply in
            let message = try outcome.get().message
            try reply.appendHead(AgentProtocol.Kind.job.reply, bodyCount: 1 + message.count)
            try reply.append(0)
            try reply.append(message)
        }
    }
}
