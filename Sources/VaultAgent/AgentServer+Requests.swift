internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

// What the loop does with requests: agent-protocol.md, section 6. What a file is needed for, it hands over.
extension AgentServer {
    /// Deals with the complete messages at the front of `bytes`.
    ///
    /// - Returns: how many bytes they had.
    func answer(_ bytes: Span<UInt8>, _ connection: ClientConnection) -> Int {
        var position = 0
        while !connection.isBusy {
            let rest = bytes.extracting(position..<bytes.count)
            guard let count = AgentServer.messageSize(rest, connection) else { break }
            guard count > 0 else {
                refuse(connection)
                break
            }
            guard 4 + count <= rest.count else { break }
            if connection.greeting == .sameVersion, AgentServer.isAboutVault(rest[4]) {
                let run = AgentServer.run(in: rest, connection)
                position += run.count
                hand(over: rest.extracting(first: run.count), hasValues: run.hasValues, connection)
            } else {
                position += 4 + count
                answer(one: rest.extracting(4..<4 + count), connection)
            }
            if reply.count >= AgentServer.replySize { sendReplies(to: connection) }
        }
        sendReplies(to: connection)
        return position
    }

    /// The length of the message that begins `bytes`; 0 if it is against the rules, nil if it is not known yet.
    private static func messageSize(_ bytes: Span<UInt8>, _ connection: ClientConnection) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let count = AgentProtocol.message(in: bytes, at: 0).count
        let most = connection.greeting == .none ? AgentProtocol.helloSize : AgentProtocol.maxMessage
        return count <= most ? count : 0
    }

    /// Whether a request of this kind is answered by the worker of the vault that its connection speaks about.
    private static func isAboutVault(_ kind: UInt8) -> Bool {
        AgentProtocol.Kind.open.rawValue <= kind && kind <= AgentProtocol.Kind.summary.rawValue
    }

    /// How many bytes of whole requests about one vault `bytes` begin with, and whether there are values among them.
    private static func run(in bytes: Span<UInt8>, _ connection: ClientConnection) -> (
        count: Int, hasValues: Bool
    ) {
        var (position, hasValues) = (0, false)
        while let count = messageSize(bytes.extracting(position..<bytes.count), connection), count > 0,
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
    private func hand(over requests: Span<UInt8>, hasValues: Bool, _ connection: ClientConnection) {
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
            connection.wait(for: parcel, now: SystemClock.monotonicMilliseconds())
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
    private func takeFiles(_ count: Int, of connection: ClientConnection) throws(MalformedMessage)
        -> [HeldFile]
    {
        if settings.testOnlyTrustsPaths { return [] }
        guard let files = connection.takeFiles(count) else { throw MalformedMessage() }
        return files
    }

    private func proof(_ paths: [String], _ connection: ClientConnection) throws(MalformedMessage)
        -> FileProof
    {
        FileProof(files: try takeFiles(paths.count, of: connection), paths: paths)
    }

    /// Answers requests that no worker is there for.
    private func answer(_ requests: Span<UInt8>, with error: any Error, _ connection: ClientConnection) {
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

    private func answer(one message: Span<UInt8>, _ connection: ClientConnection) {
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

    private func answer(_ request: consuming Request, _ connection: ClientConnection) throws {
        switch (consume request) {
        case .hello(let version):
            guard connection.greeting == .none else { throw MalformedMessage() }
            connection.greeting = version == AgentProtocol.version ? .sameVersion : .otherVersion
            try reply.appendHead(AgentProtocol.Kind.hello.reply, bodySize: 2)
            try reply.append(number: AgentProtocol.version)
        case .stop:
            guard connection.greeting != .none else { throw MalformedMessage() }
            try stop(connection)
        case let other:
            guard connection.greeting == .sameVersion else { throw MalformedMessage() }
            try answerGreeted(other, connection)
        }
    }

    private func stop(_ connection: ClientConnection) throws {
        lockAll()
        isStopped = true
        try reply.appendHead(AgentProtocol.Kind.stop.reply, bodySize: 0)
        // Whoever hears that the agent ends must not find its socket any more.
        listener.remove()
        sendReplies(to: connection)
        connection.end()
    }

    private func answerGreeted(_ request: consuming Request, _ connection: ClientConnection) throws {
        switch (consume request) {
        case .status(let path): try askStatus(path, nil, connection)
        case .unlock(let request): try unlock(request, connection)
        case .shorten(let path, let wish): try askStatus(path, wish, connection)
        case .lock(let path):
            keyring.lock(path)
            // What was put together is this client's.
            sendReplies(to: connection)
            tell(openings.cancel(path), .locked)
            try reply.appendHead(AgentProtocol.Kind.lock.reply, bodySize: 0)
        case .announce(let path, let successor):
            guard let worker = keyring.worker(path) else { throw VaultError.locked }
            worker.keys.announce(successor)
            try reply.appendHead(AgentProtocol.Kind.announce.reply, bodySize: 0)
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
    private func wait(_ connection: ClientConnection) {
        sendReplies(to: connection)
        connection.wait(now: SystemClock.monotonicMilliseconds())
    }

    private func askStatus(_ path: String, _ wish: Limits?, _ connection: ClientConnection) throws {
        let proof = try proof([path], connection)
        guard let worker = keyring.worker(path) else { throw VaultError.locked }
        wait(connection)
        let patience = worker.isIdle ? AgentServer.statusPatience : AgentServer.busyPatience
        let deadline = wish == nil ? SystemClock.monotonicMilliseconds() + patience : .max
        statusRequests.append(
            StatusRequest(client: connection.id, path: path, wish: wish, proof: proof, deadline: deadline))
        worker.post(.status(connection.id, proof))
    }

    private func unlock(_ request: consuming UnlockRequest, _ connection: ClientConnection) throws {
        var dependencies = settings.dependencies
        if !request.checkpoints.isEmpty, !request.isCopy {
            dependencies.checkpoints = CheckpointStore(path: request.checkpoints)
        }
        dependencies.hasNowhereToRemember = dependencies.checkpoints == nil && !request.isCopy
        let (path, limits) = (request.path, request.limits)
        let proof = try proof([path], connection)
        let worker: VaultWorker
        do throws(Errno) {
            worker = try VaultWorker(path, VaultKeys(request.key), proof, dependencies, reports, backlog)
        } catch {
            throw VaultError.file(.outOfMemory)
        }
        wait(connection)
        openings.add(worker, limits, for: connection.id)
    }

    private func begin(_ job: Job, _ path: String, _ connection: ClientConnection) throws {
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
