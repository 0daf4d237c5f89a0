public import Platform
internal import Sodium
public import VaultFile
internal import VaultCore

/// The agent's loop: one thread that moves messages and watches deadlines, and never waits for a vault's file.
public final class AgentServer {
    /// Held until the agent has forgotten all keys.
    private var lock: (any StorageFile)?
    let listener: Listener
    private let timer: BootTimer
    let settings: Settings
    let reports: Mailbox<VaultWorker.Report>
    let backlog = Backlog()
    let threads = ThreadCount()
    let keyring: Keyring
    private var connections: [ClientConnection] = []
    private var nextID: ClientID = 0
    var openings = OpeningQueue()
    var jobs = JobQueue()
    var statusRequests: [StatusRequest] = []
    private var poller = Poller()
    /// The bytes that were just received from a client.
    private var scratch: SecretBytes
    /// The replies to the client that is being served; workers send values, so there is none in it.
    var reply: [UInt8] = []
    /// True if the agent must end.
    var isStopped = false
    private var nextSelfCheck: UInt64
    private var emptySince: UInt64

    /// The parameters of a server, which tests vary.
    public struct Settings: Sendable {
        /// The user whose requests are answered.
        public var userID = CurrentProcess.userID
        /// The clock for deadlines.
        public var clock = AgentClock.system
        /// The disk and the other services that vaults use.
        public var dependencies = Dependencies()
        /// True if a client need not send a descriptor of the file that it means.
        package var testOnlyTrustsPaths = false
        /// The time in which a client must finish a message or take a reply, in milliseconds.
        public var stallTimeout = AgentProtocol.stallTimeout
        /// The maximum number of connections.
        public var maxConnections = max(
            16, min(AgentProtocol.maxConnections, (CurrentProcess.maxDescriptors - 64) / 4))
        /// The maximum number of received descriptors of all connections that no message has claimed.
        public var maxWaitingFiles = max(
            AgentProtocol.maxFiles,
            min(AgentProtocol.maxWaitingFiles, (CurrentProcess.maxDescriptors - 64) / 4))

        /// Creates the settings of a real agent.
        public init() {}
    }

    /// The reason why a server cannot start.
    public enum StartError: Error, Equatable {
        /// Another agent has locked the directory.
        case alreadyRunning
        /// The directory is not the user's own, or others can access it.
        case directoryNotPrivate
        /// The system refused something.
        case system(Errno)
        /// The system refused a socket in the directory.
        case noSocket(Errno)
    }

    /// A request for a vault's status, which is answered with the last known state if the worker takes too long.
    struct StatusRequest {
        let client: ClientID
        let path: String
        /// The limits of a Shorten, to be applied once the worker has checked which file the client means; nil for a Status.
        let wish: Limits?
        let proof: FileProof
        /// The time at which the last known state is sent, in monotonic milliseconds.
        var deadline: UInt64
    }

    /// How often the agent checks that clients can still reach it, in milliseconds.
    private static let selfCheckInterval: UInt64 = 1000
    /// How long the agent stays when nothing is unlocked, in milliseconds.
    private static let linger: UInt64 = 600_000
    /// The bytes of replies to one client that are sent together.
    static let replySize = 1 << 10
    /// How long an idle worker, and a busy one, may take to report its state, in milliseconds.
    static let (statusTimeout, busyTimeout): (UInt64, UInt64) = (1000, 50)
    /// How long threads that wait for a file may delay the agent's end, in milliseconds.
    private static let endTimeout: UInt64 = 1000

    /// Becomes the agent of `directory`, which is created if it is missing.
    public static func start(in directory: String, settings: Settings = Settings()) throws(StartError)
        -> AgentServer
    {
        do throws(Errno) {
            try PrivateDirectory.prepare(directory)
        } catch {
            let isRefused = error == .permissionDenied || error == .notDirectory
            let isForeign =
                (try? DiskStorage().identity(of: directory)) != nil
                || (try? PrivateDirectory.checkOwner(above: directory)) == nil
            throw isRefused && isForeign ? .directoryNotPrivate : .system(error)
        }
        let lock: any StorageFile
        do throws(Errno) {
            lock = try PrivateDirectory.openFile(Path.join(directory, AgentProtocol.lockName))
            guard try lock.tryLock(.exclusive) else { throw .alreadyInUse }
        } catch {
            throw error == .alreadyInUse ? .alreadyRunning : .system(error)
        }
        let listener: Listener
        do throws(Errno) {
            listener = try Listener.make(at: Path.join(directory, AgentProtocol.socketName))
        } catch {
            throw .noSocket(error)
        }
        do throws(Errno) {
            return try AgentServer(settings, lock, listener)
        } catch {
            throw .system(error)
        }
    }

    private init(
        _ settings: Settings, _ lock: any StorageFile, _ listener: consuming Listener
    ) throws(Errno) {
        self.settings = settings
        self.lock = lock
        self.listener = listener
        timer = try BootTimer()
        reports = try Mailbox()
        do throws(SodiumError) {
            scratch = try SecretBytes(count: 1 << 16)
        } catch {
            throw .noMemory
        }
        keyring = Keyring(clock: settings.clock)
        nextSelfCheck = settings.clock.now() + AgentServer.selfCheckInterval
        emptySince = settings.clock.now()
    }

    deinit { lockAll() }

    /// Serves until a client stops the agent, no client can reach it, or nothing was unlocked for ten minutes.
    public func run() throws(Errno) {
        while try step() {}
        lockAll()
        listener.remove()
        // A descriptor that cannot be closed may delay the end of the process, which has no keys any more.
        lock = nil
        threads.waitForAll(milliseconds: AgentServer.endTimeout)
    }

    /// Waits for events and handles them.
    ///
    /// - Returns: false if the agent must end.
    public func step() throws(Errno) -> Bool {
        try timer.set(min(keyring.nextExpiry ?? .max, nextSelfCheck))
        let places = try wait()
        keyring.expire()
        for report in reports.takeAll() { take(report) }
        for (connection, place) in zip(connections, places) where poller.isReady(place) { serve(connection) }
        acceptAll()
        keyring.expire()
        runQueues()
        answerLateStatuses()
        closeStalled()
        // After stalled connections have given back what they were granted.
        grantLongMessages()
        connections.removeAll { $0.isClosed }
        backlog.set(connections.reduce(0) { $0 + $1.unsentSize })
        Stack.wipe()
        if DescriptorDisposal.shared?.isStuck == true { isStopped = true }
        return !isStopped && isUseful()
    }

    /// Returns whether clients can reach the agent and, in the last ten minutes, there was a client or an unlocked vault.
    private func isUseful() -> Bool {
        let now = settings.clock.now()
        if !keyring.isEmpty || !connections.isEmpty { emptySince = now }
        if now >= nextSelfCheck {
            nextSelfCheck = now + AgentServer.selfCheckInterval
            if !listener.isReachable { return false }
        }
        return now < emptySince + AgentServer.linger
    }

    func lockAll() {
        keyring.lockAll()
        _ = openings.cancel()
        _ = jobs.cancel { _, _ in true }
    }
}

// Waiting.
extension AgentServer {
    /// Waits for an event, and returns the place of each connection in the poller.
    private func wait() throws(Errno) -> [Int] {
        poller.removeAll()
        _ = poller.add(listener)
        _ = poller.add(timer)
        _ = poller.add(reports.wakeup)
        let places = connections.map { $0.wait(in: &poller) }
        let deadlines = [
            jobs.nextReport, statusRequests.map(\.deadline).min(),
            connections.compactMap(\.stalledSince).min().map { $0 + settings.stallTimeout },
        ]
        let now = SystemClock.monotonicMilliseconds()
        try poller.wait(milliseconds: deadlines.compactMap(\.self).min().map { $0 > now ? $0 - now : 0 })
        return places
    }

    /// Allows clients to send the long messages that they have begun, within the limits for all connections together.
    private func grantLongMessages() {
        let granted = connections.map(\.grantedSize)
        var isLongGranted = granted.contains { $0 > AgentProtocol.maxMediumMessage }
        var mediumTotal = granted.filter { $0 <= AgentProtocol.maxMediumMessage }.reduce(0, +)
        for connection in connections {
            guard let count = connection.requestedSize else { continue }
            if count > AgentProtocol.maxMediumMessage {
                if isLongGranted { continue }
                isLongGranted = true
            } else {
                if mediumTotal + count > AgentProtocol.maxMediumTotal { continue }
                mediumTotal += count
            }
            if (try? connection.grant(count)) == nil { connection.close() }
        }
    }

    private func closeStalled() {
        let now = SystemClock.monotonicMilliseconds()
        for connection in connections {
            connection.noteStall(now: now)
            if let since = connection.stalledSince, now >= since + settings.stallTimeout {
                connection.close()
            }
        }
    }
}

// Connections.
extension AgentServer {
    func connection(_ id: ClientID) -> ClientConnection? {
        connections.first { $0.id == id && !$0.isClosed }
    }

    /// Accepts all new connections; an error of the system affects only the first of them.
    private func acceptAll() {
        do throws(Errno) {
            while let socket = try listener.accept() {
                guard (try? socket.peer.userID) == settings.userID else { continue }
                if connections.count(where: { !$0.isClosed }) >= settings.maxConnections { evictOne() }
                let connection = ClientConnection(nextID, socket)
                nextID += 1
                connections.append(connection)
                serve(connection)
            }
        } catch {
            evictOne()
            // The next step tries again at once; the pause lets other processes free what is missing.
            SystemClock.sleep(milliseconds: 1)
        }
    }

    /// Closes the connection that has been quiet longest, if possible one where this interrupts nothing.
    private func evictOne() {
        let open = connections.filter { !$0.isClosed }
        let idle = open.filter { $0.isIdle || $0.greeting == .none }
        (idle.isEmpty ? open : idle).min { $0.lastActivity < $1.lastActivity }?.close()
    }

    /// Receives bytes from a client and answers its requests.
    private func serve(_ connection: ClientConnection) {
        connection.flush()
        do throws(SodiumError) {
            if !connection.isBusy { try resume(connection) }
            guard !connection.isBusy else { return }
            let count = connection.receive(into: &scratch)
            guard count > 0 else { return }
            defer { scratch.withMutableBytes { $0.wipe(0..<count) } }
            try scratch.withBytes { bytes throws(SodiumError) in
                try connection.take(bytes.extracting(first: count)) { answer($0, connection) }
            }
        } catch {
            connection.close()
        }
        if connections.reduce(0, { $0 + $1.bufferedSize }) > AgentProtocol.maxBuffered { connection.close() }
        if connection.waitingFileCount > 0 { limitWaitingFiles() }
    }

    /// Closes the connections with the most unclaimed descriptors until the total is within the limit.
    private func limitWaitingFiles() {
        while connections.reduce(0, { $0 + $1.waitingFileCount }) > settings.maxWaitingFiles {
            connections.max { $0.waitingFileCount < $1.waitingFileCount }?.close()
        }
    }

    /// Answers requests that were received before the client had its last reply.
    func resume(_ connection: ClientConnection) throws(SodiumError) {
        try connection.resume { answer($0, connection) }
    }

    /// Sends the replies made so far.
    func sendReplies(to connection: ClientConnection) {
        if reply.isEmpty { return }
        let replies = reply
        reply = []
        if (try? connection.send(replies.span)) == nil { connection.close() }
    }

    /// Tells a client that it broke a rule of the protocol, and ends the connection.
    func refuse(_ connection: ClientConnection) {
        reply += WireFailure.malformed.message
        sendReplies(to: connection)
        connection.end()
    }
}
