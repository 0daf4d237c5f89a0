public import Platform
internal import Sodium
public import VaultFile
internal import VaultKit

/// The agent's loop: one thread that moves messages and watches deadlines, and never waits for a file.
public final class AgentServer {
    /// Held until the agent has no keys any more.
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
    /// Where bytes from a client lie until they are looked at.
    private var scratch: SecretBytes
    /// Where replies are put together.
    var reply: SecretBuffer
    /// Whether the agent shall end.
    var isStopped = false
    private var nextSelfCheck: UInt64
    private var emptySince: UInt64

    /// What a server needs from the world, so that tests can give it another.
    public struct Settings: Sendable {
        /// Whose requests are answered.
        public var userID = CurrentProcess.userID
        /// What the deadlines are read from.
        public var clock = AgentClock.system
        /// What the vaults lie on.
        public var dependencies = Dependencies()
        /// Whether a client need not send a descriptor of the file that it means.
        package var testOnlyTrustsPaths = false
        /// How long half a message may lie around, in milliseconds.
        public var stallPatience = AgentProtocol.stallPatience
        /// How many connections there are at most.
        public var maxConnections = max(
            16, min(AgentProtocol.maxConnections, (CurrentProcess.maxDescriptors - 64) / 4))
        /// How many descriptors that no message spoke of yet all connections together may have.
        public var maxWaitingFiles = max(
            AgentProtocol.maxFiles,
            min(AgentProtocol.maxWaitingFiles, (CurrentProcess.maxDescriptors - 64) / 4))

        /// The real world.
        public init() {}
    }

    /// Why there is no server.
    public enum StartError: Error, Equatable {
        /// Another agent has the directory.
        case alreadyRunning
        /// The directory is not the user's own, or others can look into it.
        case directoryNotPrivate
        /// The system refused something.
        case system(Errno)
        /// No socket can be made in the directory.
        case noSocket(Errno)
    }

    /// A client that asked for a vault's status, and is told what is known when its worker takes too long to say more.
    struct StatusRequest {
        let client: ClientID
        let path: String
        /// The deadlines that it wants, too, once it is known which file it means; nil if it only asks.
        let wish: Limits?
        let proof: FileProof
        /// When it is told what is known, in monotonic milliseconds.
        var deadline: UInt64
    }

    /// How often the agent makes sure that it can still be reached, in milliseconds.
    private static let selfCheck: UInt64 = 1000
    /// How long it stays when nothing is unlocked, in milliseconds.
    private static let linger: UInt64 = 600_000
    /// How many bytes of replies to requests that came together wait for each other.
    static let replySize = 1 << 10
    /// How long a vault's worker may take to tell its numbers if it has nothing else to do, and if it has, in milliseconds.
    static let (statusPatience, busyPatience): (UInt64, UInt64) = (1000, 50)
    /// How long threads that wait for a file may keep the agent from ending, in milliseconds.
    private static let endPatience: UInt64 = 1000

    /// Becomes the agent of `directory`, which is made if it is missing.
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
        let lock = try takeLock(in: directory)
        let listener: Listener
        do throws(Errno) {
            listener = try Listener.make(at: Path.join(directory, AgentProtocol.socketName))
        } catch {
            throw .noSocket(error)
        }
        do throws(Errno) {
            return try make(settings, lock, listener, try BootTimer())
        } catch {
            throw .system(error)
        }
    }

    private static func make(
        _ settings: Settings, _ lock: any StorageFile, _ listener: consuming Listener,
        _ timer: consuming BootTimer
    ) throws(Errno) -> AgentServer {
        let reports = try Mailbox<VaultWorker.Report>()
        do throws(SodiumError) {
            let scratch = try SecretBytes(count: 1 << 16)
            return AgentServer(
                settings, lock, listener, timer, reports, scratch, try SecretBuffer(capacity: 1 << 16))
        } catch {
            throw .noMemory
        }
    }

    private static func takeLock(in directory: String) throws(StartError) -> any StorageFile {
        do throws(Errno) {
            let lock = try PrivateDirectory.openFile(Path.join(directory, AgentProtocol.lockName))
            guard try lock.tryLock(.exclusive) else { throw .alreadyInUse }
            return lock
        } catch {
            throw error == .alreadyInUse ? .alreadyRunning : .system(error)
        }
    }

    private init(
        _ settings: Settings, _ lock: any StorageFile, _ listener: consuming Listener,
        _ timer: consuming BootTimer, _ reports: Mailbox<VaultWorker.Report>,
        _ scratch: consuming SecretBytes, _ reply: consuming SecretBuffer
    ) {
        self.settings = settings
        self.lock = lock
        self.listener = listener
        self.timer = timer
        self.reports = reports
        self.scratch = scratch
        self.reply = reply
        keyring = Keyring(clock: settings.clock)
        nextSelfCheck = settings.clock.now() + AgentServer.selfCheck
        emptySince = settings.clock.now()
    }

    deinit { lockAll() }

    /// Serves until it is told to stop, cannot be reached any more, or was of no use for ten minutes.
    public func run() throws(Errno) {
        while try step() {}
        lockAll()
        listener.remove()
        // A descriptor that cannot be closed may keep the process, which knows nothing any more, from ending.
        lock = nil
        threads.waitForAll(milliseconds: AgentServer.endPatience)
    }

    /// Waits until there is something to do and does it.
    ///
    /// - Returns: whether to go on.
    public func step() throws(Errno) -> Bool {
        try timer.set(min(keyring.nextLook ?? .max, nextSelfCheck))
        grantRoom()
        let places = try wait()
        keyring.expire()
        for report in reports.takeAll() { take(report) }
        for (connection, place) in zip(connections, places) where poller.isReady(place) { serve(connection) }
        acceptAll()
        keyring.expire()
        runQueues()
        answerLateStatuses()
        closeStalled()
        connections.removeAll { $0.isClosed }
        backlog.set(connections.reduce(0) { $0 + $1.unsentSize })
        Stack.wipe()
        if DescriptorDisposal.shared?.isStuck == true { isStopped = true }
        return !isStopped && isUseful()
    }

    /// Whether the agent can be reached and has, or had a moment ago, something to serve.
    private func isUseful() -> Bool {
        let now = settings.clock.now()
        if !keyring.isEmpty || !connections.isEmpty { emptySince = now }
        if now >= nextSelfCheck {
            nextSelfCheck = now + AgentServer.selfCheck
            if !listener.isReachable { return false }
        }
        return now < emptySince + AgentServer.linger
    }

    func lockAll() {
        keyring.lockAll()
        openings.cancelAll()
        _ = jobs.cancel { _, _ in true }
    }
}

// Waiting.
extension AgentServer {
    private func wait() throws(Errno) -> [Int] {
        poller.removeAll()
        _ = poller.add(listener)
        _ = poller.add(timer)
        _ = poller.add(reports.wakeup)
        let places = connections.map { $0.wait(in: &poller) }
        let moments = [
            jobs.nextReport, statusRequests.map(\.deadline).min(),
            connections.compactMap(\.stalledSince).min().map { $0 + settings.stallPatience },
        ]
        let now = SystemClock.monotonicMilliseconds()
        try poller.wait(milliseconds: moments.compactMap(\.self).min().map { $0 > now ? $0 - now : 0 })
        return places
    }

    /// Lets clients send the long messages that they began, as far as there is room for all at once.
    private func grantRoom() {
        let rooms = connections.map(\.room)
        var isLongOne = rooms.contains { $0 > AgentProtocol.middleMessage }
        var used = rooms.reduce(0) { $0 + ($1 > AgentProtocol.middleMessage ? 0 : $1) }
        for connection in connections {
            guard let count = connection.wantedRoom else { continue }
            if count > AgentProtocol.middleMessage {
                if isLongOne { continue }
                isLongOne = true
            } else {
                if used + count > AgentProtocol.maxRoom { continue }
                used += count
            }
            do throws(SodiumError) {
                try connection.grant(count, now: SystemClock.monotonicMilliseconds())
            } catch {
                connection.close()
            }
        }
    }

    private func closeStalled() {
        let now = SystemClock.monotonicMilliseconds()
        for connection in connections {
            if let since = connection.stalledSince, now >= since + settings.stallPatience {
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

    /// Takes every connection that waits at the door.
    ///
    /// What the system refuses, for want of descriptors or memory, is refused to the one at the door alone.
    private func acceptAll() {
        do throws(Errno) {
            while let socket = try listener.accept() {
                guard (try? socket.peer.userID) == settings.userID else { continue }
                makeRoom()
                let connection = ClientConnection(nextID, socket, now: SystemClock.monotonicMilliseconds())
                nextID += 1
                connections.append(connection)
                serve(connection)
            }
        } catch {
            evictOne()
            // It is asked again at once; let whoever has what is missing give it back.
            SystemClock.sleep(milliseconds: 1)
        }
    }

    private func makeRoom() {
        if connections.count(where: { !$0.isClosed }) >= settings.maxConnections { evictOne() }
    }

    /// Closes the connection that has been quiet longest, one that loses nothing by it if there is any.
    private func evictOne() {
        let open = connections.filter { !$0.isClosed }
        let idle = open.filter { $0.isIdle || $0.greeting == .none }
        (idle.isEmpty ? open : idle).min { $0.lastActivity < $1.lastActivity }?.close()
    }

    /// Takes what a client sends and answers it.
    private func serve(_ connection: ClientConnection) {
        let now = SystemClock.monotonicMilliseconds()
        connection.flush(now: now)
        do throws(SodiumError) {
            if !connection.isBusy { try resume(connection) }
            guard !connection.isBusy else { return }
            let count = connection.receive(into: &scratch, now: now)
            guard count > 0 else { return }
            defer { scratch.withMutableBytes { $0.wipe(0..<count) } }
            try scratch.withBytes { bytes throws(SodiumError) in
                try connection.take(bytes.extracting(first: count), now: now) { answer($0, connection) }
            }
        } catch {
            connection.close()
        }
        if connections.reduce(0, { $0 + $1.bufferedSize }) > AgentProtocol.maxBuffered {
            connection.close()
        }
        if connection.waitingFileCount > 0 { limitWaitingFiles() }
    }

    /// Closes those who sent most descriptors and no message that speaks of them, until what all of them sent can be borne.
    private func limitWaitingFiles() {
        while connections.reduce(0, { $0 + $1.waitingFileCount }) > settings.maxWaitingFiles {
            connections.max { $0.waitingFileCount < $1.waitingFileCount }?.close()
        }
    }

    /// Goes on with what a client had sent before it was answered.
    func resume(_ connection: ClientConnection) throws(SodiumError) {
        try connection.resume(now: SystemClock.monotonicMilliseconds()) { answer($0, connection) }
    }

    /// Sends what was put together, and wipes it.
    private func sendReply(to connection: ClientConnection) throws(SodiumError) {
        defer { forgetReply() }
        try reply.withBytes { bytes throws(SodiumError) in
            try connection.send(bytes, now: SystemClock.monotonicMilliseconds())
        }
    }

    func sendReplies(to connection: ClientConnection) {
        if reply.count == 0 { return }
        if (try? sendReply(to: connection)) == nil { connection.close() }
    }

    func forgetReply() {
        reply.truncate(to: 0)
        // A long report is no reason to keep its memory.
        if reply.capacity > 1 << 21, let fresh = try? SecretBuffer(capacity: 1 << 16) { reply = fresh }
    }

    func refuse(_ connection: ClientConnection) {
        try? WireFailure.malformed.append(to: &reply)
        try? sendReply(to: connection)
        connection.end()
    }
}
