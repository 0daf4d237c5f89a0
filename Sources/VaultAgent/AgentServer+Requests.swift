internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore

// The loop's side of requests: agent-protocol.md, section 6. Whatever needs the vault's file goes to its worker.
extension AgentServer {
    private typealias Kind = AgentProtocol.Kind

    /// Handles the whole messages at the front of `bytes`.
    ///
    /// - Returns: the number of bytes that were handled.
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
            if connection.greeting == .sameVersion, AgentServer.isForWorker(rest[4]) {
                let run = AgentServer.runForWorker(in: rest, connection)
                position += run.count
                handOver(rest.extracting(first: run.count), hasValues: run.hasValues, connection)
            } else {
                position += 4 + count
                answer(one: rest.extracting(4..<4 + count), connection)
            }
            if reply.count >= AgentServer.replySize { sendReplies(to: connection) }
        }
        sendReplies(to: connection)
        return position
    }

    /// Returns the length of the message at the front of `bytes`: 0 if it breaks a rule, nil if it is not complete.
    private static func messageSize(_ bytes: Span<UInt8>, _ connection: ClientConnection) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let count = AgentProtocol.content(of: bytes, at: 0).count
        let max = connection.greeting == .none ? AgentProtocol.helloSize : AgentProtocol.maxMessage
        return count <= max ? count : 0
    }

    /// Returns whether a request of this kind is about the vault that its connection has opened.
    private static func isForWorker(_ kind: UInt8) -> Bool {
        Kind.open.rawValue <= kind && kind <= Kind.summary.rawValue
    }

    /// Returns the size of the whole requests about one vault at the front of `bytes`, and whether they contain values.
    private static func runForWorker(in bytes: Span<UInt8>, _ connection: ClientConnection) -> (
        count: Int, hasValues: Bool
    ) {
        var (position, hasValues) = (0, false)
        while let count = messageSize(bytes.extracting(position..<bytes.count), connection), count > 0,
            position + 4 + count <= bytes.count
        {
            let kind = bytes[position + 4]
            guard isForWorker(kind), position == 0 || kind != Kind.open.rawValue else { break }
            if kind == Kind.commit.rawValue { hasValues = true }
            position += 4 + count
        }
        return (position, hasValues)
    }

    /// Hands requests over to the worker of their vault, or fails them if the vault is locked.
    private func handOver(_ requests: Span<UInt8>, hasValues: Bool, _ connection: ClientConnection) {
        var file: HeldFile?
        do {
            if requests[4] == Kind.open.rawValue {
                var reader = FieldReader(requests.extracting(AgentProtocol.content(of: requests, at: 0)))
                _ = try reader.take(1)
                connection.path = try reader.path()
                file = try takeFiles(1, of: connection).first
            }
            guard let path = connection.path else { throw WireFailure.nothingOpened }
            let worker = try keyring.use(path)
            let parcel = try Parcel(
                requests, hasValues: hasValues, from: connection.id, connection.socket, preface: reply,
                file: file)
            reply = []
            connection.wait(for: parcel)
            worker.post(.requests(parcel))
        } catch is MalformedMessage {
            refuse(connection)
        } catch is SodiumError {
            connection.close()
        } catch {
            fail(requests, error, connection)
        }
    }

    /// Returns the files that came with a message which names `count` of them; none if a test trusts paths.
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

    /// Answers requests that have no worker with the same error each.
    private func fail(_ requests: Span<UInt8>, _ error: any Error, _ connection: ClientConnection) {
        let failure = WireFailure(error).message
        var position = 0
        while position < requests.count, !connection.isOver, !connection.isClosed {
            let message = AgentProtocol.content(of: requests, at: position)
            position = message.upperBound
            do throws(MalformedMessage) {
                _ = try Request.decode(requests.extracting(message))
                reply += failure
            } catch {
                refuse(connection)
            }
        }
    }

    private func answer(one message: Span<UInt8>, _ connection: ClientConnection) {
        do {
            try answer(try Request.decode(message), connection)
        } catch is MalformedMessage {
            refuse(connection)
        } catch {
            reply += WireFailure(error).message
        }
    }

    private func answer(_ request: consuming Request, _ connection: ClientConnection) throws {
        switch (consume request) {
        case .hello(let version):
            guard connection.greeting == .none else { throw MalformedMessage() }
            connection.greeting = version == AgentProtocol.version ? .sameVersion : .otherVersion
            reply += Kind.hello.reply(AgentProtocol.version.field)
        case .stop:
            guard connection.greeting != .none else { throw MalformedMessage() }
            lockAll()
            isStopped = true
            // A client that has this reply must not find the socket any more.
            listener.remove()
            reply += Kind.stop.reply()
            sendReplies(to: connection)
            connection.end()
        case let other:
            guard connection.greeting == .sameVersion else { throw MalformedMessage() }
            try answerGreeted(other, connection)
        }
    }

    private func answerGreeted(_ request: consuming Request, _ connection: ClientConnection) throws {
        switch (consume request) {
        case .status(let path): try askStatus(path, nil, connection)
        case .unlock(let request): try unlock(request, connection)
        case .shorten(let path, let wish): try askStatus(path, wish, connection)
        case .lock(let path):
            keyring.lock(path)
            // `fail` sends replies to other clients.
            sendReplies(to: connection)
            fail(openings.cancel(path), .locked)
            reply += Kind.lock.reply()
        case .announce(let path, let successor):
            // A worker that lost its keys may have told a client already, but not this loop.
            guard let worker = keyring.worker(path), !worker.keys.areForgotten else {
                throw VaultError.locked
            }
            worker.keys.announce(successor)
            reply += Kind.announce.reply()
        case .follow(let path, let lexical):
            let proof = try proof([path], connection)
            guard let worker = keyring.worker(path) else { throw VaultError.locked }
            wait(connection)
            worker.post(.follow(connection.id, lexical, proof))
        case .job(let path, let job): try begin(job, path, connection)
        default: throw MalformedMessage()
        }
    }

    /// Makes a client wait for a reply from a worker.
    private func wait(_ connection: ClientConnection) {
        sendReplies(to: connection)
        connection.wait()
    }

    private func askStatus(_ path: String, _ wish: Limits?, _ connection: ClientConnection) throws {
        let proof = try proof([path], connection)
        guard let worker = keyring.worker(path) else { throw VaultError.locked }
        wait(connection)
        let timeout = worker.isIdle ? AgentServer.statusTimeout : AgentServer.busyTimeout
        let deadline = wish == nil ? SystemClock.monotonicMilliseconds() + timeout : .max
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
            // The merge may give the file that key.
            if case .merge(_, _, let options) = job, options.takesKeys, !options.isTrial {
                worker.keys.announce(key)
            }
        }
        wait(connection)
        worker.post(.job(connection.id, job, proof, otherKey: otherKey))
    }
}
