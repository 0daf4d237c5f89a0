public import Platform
internal import Sodium
public import VaultFile
internal import VaultKit

/// The agent's loop: one thread that waits for its socket, its clients and its deadlines.
public final class Server {
    private let lock: any StorageFile
    private let listener: Listener
    private let timer: BootTimer
    private let keyring: Keyring
    private let responder: Responder
    private let settings: Settings
    private var connections: [Connection] = []
    private var commits = CommitQueue()
    private var errands = ErrandList()
    private var poller = Poller()
    /// Where bytes from a client lie until they are looked at.
    private var scratch: SecretBytes
    /// Where replies are put together.
    private var reply: SecretBuffer
    private var nextSelfCheck: UInt64
    private var emptySince: UInt64

    /// What a server needs from the world, so that tests can give it another.
    public struct Settings: Sendable {
        /// Whose requests are answered.
        public var userID = CurrentProcess.userID
        /// What the deadlines are read from.
        public var clock = AgentClock.system
        /// What the vaults lie on.
        public var surroundings = Surroundings()
        /// How long half a message may lie around, in milliseconds.
        public var stallPatience = AgentProtocol.stallPatience
        /// How many connections there are at most.
        public var mostConnections = max(
            16, min(AgentProtocol.mostConnections, CurrentProcess.mostDescriptors - 64))

        /// The real world.
        public init() {}
    }

    /// Why there is no server.
    public enum StartError: Error, Equatable {
        /// Another agent has the folder.
        case alreadyRunning
        /// The folder is not the user's own, or others can look into it.
        case folderNotPrivate
        /// The system refused something.
        case system(Errno)
        /// No socket can be made in the folder.
        case noSocket(Errno)
    }

    /// How often the agent makes sure that it can still be reached, in milliseconds.
    private static let selfCheck: UInt64 = 60_000
    /// How long it stays when nothing is unlocked, in milliseconds.
    private static let linger: UInt64 = 600_000
    /// How many bytes of replies to requests that came together wait for each other: a client takes the first while others are
    /// made.
    private static let replyCount = 1 << 10

    /// Becomes the agent of `folder`, which is made if it is missing.
    public static func start(in folder: String, settings: Settings = Settings()) throws(StartError) -> Server
    {
        do throws(Errno) {
            try PrivateFolder.prepare(folder)
        } catch {
            let isRefused = error == .permissionDenied || error == .notFolder
            let exists = (try? DiskStorage().identity(of: folder)) != nil
            throw isRefused && exists ? .folderNotPrivate : .system(error)
        }
        let lock = try takeLock(in: folder)
        let listener: Listener
        do throws(Errno) {
            listener = try Listener.make(at: Path.join(folder, AgentProtocol.socketName))
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
    ) throws(Errno) -> Server {
        do throws(SodiumError) {
            let scratch = try SecretBytes(count: 1 << 16)
            return Server(settings, lock, listener, timer, scratch, try SecretBuffer(capacity: 1 << 16))
        } catch {
            throw .noMemory
        }
    }

    private static func takeLock(in folder: String) throws(StartError) -> any StorageFile {
        do throws(Errno) {
            let lock = try PrivateFolder.openFile(Path.join(folder, AgentProtocol.lockName))
            guard try lock.tryLock(.exclusive) else { throw .alreadyInUse }
            return lock
        } catch {
            throw error == .alreadyInUse ? .alreadyRunning : .system(error)
        }
    }

    private init(
        _ settings: Settings, _ lock: any StorageFile, _ listener: consuming Listener,
        _ timer: consuming BootTimer, _ scratch: consuming SecretBytes, _ reply: consuming SecretBuffer
    ) {
        self.settings = settings
        self.lock = lock
        self.listener = listener
        self.timer = timer
        self.scratch = scratch
        self.reply = reply
        keyring = Keyring(clock: settings.clock, surroundings: settings.surroundings)
        responder = Responder(keyring: keyring)
        nextSelfCheck = settings.clock.now() + Server.selfCheck
        emptySince = settings.clock.now()
    }

    /// Serves until it is told to stop, cannot be reached any more, or was of no use for ten minutes.
    public func run() throws(Errno) {
        while try step() {}
        keyring.lockAll()
        listener.remove()
    }

    /// Waits until there is something to do and does it.
    ///
    /// - Returns: whether to go on.
    public func step() throws(Errno) -> Bool {
        try timer.set(nextLook)
        let places = try wait()
        keyring.noteArrival()
        keyring.expire()
        for (connection, place) in zip(connections, places) where poller.isReady(place) { serve(connection) }
        acceptAll()
        runCommits()
        errands.cancelUnwanted(keyring.isUnlocked)
        reportErrands()
        closeStalled()
        connections.removeAll { $0.isClosed }
        Stack.wipe()
        return !responder.isStopped && isUseful()
    }

    /// Whether the agent can be reached and has, or had a moment ago, something to serve.
    private func isUseful() -> Bool {
        let now = settings.clock.now()
        if !keyring.isEmpty || !connections.isEmpty { emptySince = now }
        if now >= nextSelfCheck {
            nextSelfCheck = now + Server.selfCheck
            if !listener.isReachable { return false }
        }
        return now < emptySince + Server.linger
    }

    /// When the clock that counts sleep says that something is to be done, whoever calls or not.
    private var nextLook: UInt64 { min(keyring.nextLook ?? .max, nextSelfCheck) }

    private func wait() throws(Errno) -> [Int] {
        poller.removeAll()
        _ = poller.add(listener)
        _ = poller.add(timer)
        let places = connections.map { $0.wait(in: &poller) }
        try poller.wait(
            milliseconds: [commits.timeout, errands.timeout, stallTimeout()].compactMap(\.self).min())
        return places
    }

    /// How long until the first stalled connection is to be closed.
    private func stallTimeout() -> UInt64? {
        guard let first = connections.compactMap(\.stalledSince).min() else { return nil }
        let (now, end) = (Server.now(), first + settings.stallPatience)
        return end > now ? end - now : 0
    }

    private func closeStalled() {
        let now = Server.now()
        for connection in connections {
            if let since = connection.stalledSince, now >= since + settings.stallPatience {
                connection.close()
            }
        }
    }

    /// Takes every connection that waits at the door.
    ///
    /// What the system refuses, for want of descriptors or memory, is refused to the one at the door alone.
    private func acceptAll() {
        do throws(Errno) {
            while let socket = try listener.accept() {
                guard (try? socket.peerUserID) == settings.userID else { continue }
                makeRoom()
                let connection = Connection(socket, now: Server.now())
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
        if connections.count(where: { !$0.isClosed }) >= settings.mostConnections { evictOne() }
    }

    /// Closes the connection that has been quiet longest, one that loses nothing by it if there is any.
    private func evictOne() {
        let open = connections.filter { !$0.isClosed }
        let idle = open.filter(\.isIdle)
        (idle.isEmpty ? open : idle).min { $0.lastActivity < $1.lastActivity }?.close()
    }

    /// Takes what a client sends and answers it.
    private func serve(_ connection: Connection) {
        let now = Server.now()
        connection.flush(now: now)
        do throws(SodiumError) {
            if !connection.isBusy { try resume(connection) }
            guard !connection.isBusy else { return }
            let count = connection.receive(into: &scratch, now: now)
            guard count > 0 else { return }
            keyring.noteArrival()
            defer { scratch.withMutableBytes { $0.wipe(0..<count) } }
            try scratch.withBytes { bytes throws(SodiumError) in
                try connection.take(bytes.extracting(first: count), now: now) { answer($0, connection) }
            }
        } catch {
            connection.close()
        }
        if connections.reduce(0, { $0 + $1.bufferedCount }) > AgentProtocol.mostBuffered {
            connection.close()
        }
    }

    /// Goes on with what a client had sent before it was answered.
    private func resume(_ connection: Connection) throws(SodiumError) {
        keyring.noteArrival()
        try connection.resume(now: Server.now()) { answer($0, connection) }
    }

    /// Answers the complete messages at the front of `bytes`.
    ///
    /// - Returns: how many bytes they had.
    private func answer(_ bytes: Span<UInt8>, _ connection: Connection) -> Int {
        var position = 0
        while !connection.isBusy {
            let rest = bytes.extracting(position..<bytes.count)
            guard let count = Server.messageCount(rest, connection.client) else { break }
            guard count > 0 else {
                refuse(connection)
                break
            }
            guard 4 + count <= rest.count else { break }
            position += 4 + count
            answer(one: rest.extracting(4..<4 + count), connection)
            if reply.count >= Server.replyCount { sendReplies(to: connection) }
        }
        sendReplies(to: connection)
        return position
    }

    /// The length of the message that begins `bytes`; 0 if it is against the rules, nil if it is not known yet.
    private static func messageCount(_ bytes: Span<UInt8>, _ client: Responder.Client) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let count = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16 | Int(bytes[3]) << 24
        let most = client.greeting == .none ? AgentProtocol.helloCount : AgentProtocol.mostMessage
        return count <= most ? count : 0
    }

    private func answer(one message: Span<UInt8>, _ connection: Connection) {
        do throws(SodiumError) {
            switch try responder.answer(message, from: &connection.client, into: &reply) {
            case .replied: break  // it goes out with those to the requests that came with this one
            case .over:
                // Whoever hears that the agent ends must not find its socket any more.
                if responder.isStopped { listener.remove() }
                try sendReply(to: connection)
                connection.end()
            case .errand(let errand, let job, let path):
                connection.isWaiting = true
                errands.add(errand, job, path: path, for: connection, now: Server.now())
            case .later(let submission, let path):
                connection.isWaiting = true
                commits.add(submission, path: path, from: connection, now: Server.now())
            }
        } catch {
            forgetReply()
            connection.close()
        }
    }

    private func sendReplies(to connection: Connection) {
        if reply.count == 0 { return }
        if (try? sendReply(to: connection)) == nil { connection.close() }
    }

    private func refuse(_ connection: Connection) {
        try? WireFailure.malformed.append(to: &reply)
        try? sendReply(to: connection)
        connection.end()
    }

    /// Sends what was put together, and wipes it.
    private func sendReply(to connection: Connection) throws(SodiumError) {
        defer { forgetReply() }
        try reply.withBytes { bytes throws(SodiumError) in try connection.send(bytes, now: Server.now()) }
    }

    private func forgetReply() {
        reply.truncate(to: 0)
        // A long list of names is no reason to keep its memory.
        if reply.capacity > 1 << 21, let fresh = try? SecretBuffer(capacity: 1 << 16) { reply = fresh }
    }

    /// Tells those who wait for an errand how far it is, or what became of it.
    private func reportErrands() {
        for (connection, news) in errands.news(now: Server.now()) {
            do throws(SodiumError) {
                switch news {
                case .progress(let done, let total):
                    guard !connection.isClosed else { continue }
                    try responder.report(done: done, of: total, into: &reply)
                    try sendReply(to: connection)
                case .over(let job, let path, let outcome):
                    connection.isWaiting = false
                    try responder.report(outcome, of: job, path, into: &reply)
                    guard !connection.isClosed else {
                        forgetReply()
                        continue
                    }
                    try sendReply(to: connection)
                    if !connection.isBusy { try resume(connection) }
                }
            } catch {
                connection.close()
            }
        }
    }

    /// Makes durable what waits, answers it, and goes on with what these clients had sent already.
    private func runCommits() {
        for entry in commits.run(keyring, now: Server.now()) {
            let connection = entry.connection
            connection.isWaiting = false
            guard !connection.isClosed else { continue }
            do throws(SodiumError) {
                try responder.report(entry.submission, into: &reply)
                try sendReply(to: connection)
                if !connection.isBusy { try resume(connection) }
            } catch {
                connection.close()
            }
        }
    }

    private static func now() -> UInt64 { SystemClock.monotonicNanoseconds() / 1_000_000 }
}
