internal import Platform
public import Sodium
public import VaultFile
public import VaultKit

/// The agent of this user, as its clients see it: agent-protocol.md.
public struct AgentClient: Sendable {
    private let directory: String

    /// The agent whose socket is in `directory`; nil takes the one that ``Locations`` names.
    ///
    /// - Throws: ``AgentError/notRunning`` if there is nowhere that it could be.
    public init(directory: String? = nil) throws(AgentError) {
        guard let directory = directory ?? Locations.runtimeDirectory else { throw .notRunning }
        self.directory = directory
    }

    /// A session about an unlocked vault.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - secret: whose newest value will be asked for first, if that is known; the answer comes sooner then.
    /// - Throws: ``AgentError/notRunning``; ``AgentError/vault(_:)``, with ``VaultError/locked`` if the vault is.
    public func session(for path: String, expecting secret: SecretID? = nil) throws(AgentError)
        -> AgentSession
    {
        let path = try canonical(path)
        // What cannot be said to an agent is not unlocked.
        guard AgentProtocol.isEncodable(path) else { throw .vault(.locked) }
        var ahead: AgentConnection.Question?
        do throws(VaultError) {
            ahead = try secret.map { secret throws(VaultError) in try AgentSession.question(for: secret) }
        } catch {
            // What is wrong with the name, whoever asks for it is told.
        }
        return try naming([path]) { files throws(AgentError) in
            try AgentSession(
                try AgentConnection.connect(in: directory, opening: path, files[0], ahead: ahead))
        }
    }

    /// What there is to tell about an unlocked vault; it extends nothing.
    ///
    /// - Throws: as ``session(for:)``.
    public func status(of path: String) throws(AgentError) -> AgentStatus {
        let real = try canonical(path)
        return try naming([real]) { files throws(AgentError) in
            try connect().status(.status, path: real, about: files[0])
        }
    }

    /// How often the files at the paths of a request may become others while it is sent.
    private static let attempts = 20

    /// Lends what lies at `paths`, for a request that speaks of them: the agent does nothing where it finds others there.
    ///
    /// - Throws: what `body` throws; ``AgentError/otherFile`` if the agent finds other files there;
    ///   ``AgentError/vault(_:)`` with ``VaultError/locked`` if a directory is not there.
    fileprivate func naming<R>(
        _ paths: [String], _ body: ([HeldFile]) throws(AgentError) -> R
    ) throws(AgentError) -> R {
        var (files, attempts) = (try AgentClient.hold(paths), AgentClient.attempts)
        while true {
            do throws(AgentError) {
                return try body(files)
            } catch .otherFile {
                // One may have been replaced since it was held.
                let before = files
                files = try AgentClient.hold(paths)
                attempts -= 1
                let isSame = zip(before, files).allSatisfy { (try? $0.identity) == (try? $1.identity) }
                if isSame || attempts == 0 { throw .otherFile }
            } catch {
                throw error
            }
        }
    }

    private static func hold(_ paths: [String]) throws(AgentError) -> [HeldFile] {
        do throws(Errno) {
            return try paths.map { path throws(Errno) in try HeldFile(at: path) }
        } catch .noSuchFile, .notDirectory {
            throw .vault(.locked)
        } catch {
            throw .vault(.file(.io(.open, error)))
        }
    }

    /// `path` without symbolic links.
    ///
    /// Where a path leads to another one than it did before, the agent makes sure that what was seen before is in the file.
    private func canonical(_ path: String) throws(AgentError) -> String {
        let real = Locations.realPath(of: path)
        do throws(AgentError) {
            try follow(path, to: real)
        } catch .notRunning, .vault(.locked) {
            // As whoever asked will be told.
        } catch {
            throw error
        }
        return real
    }

    fileprivate func follow(_ path: String, to real: String) throws(AgentError) {
        guard path != real, let lexical = try? Path.lexical(path), lexical != real,
            AgentProtocol.isEncodable(lexical),
            let checkpoints = Locations.checkpoints, !checkpoints.isKnown(lexical, toLeadTo: real)
        else { return }
        try naming([real]) { files throws(AgentError) in
            try connect().request(.follow, path: real, about: files, moreSize: 2 + lexical.utf8.count) {
                message throws(SodiumError) in
                try message.append(path: lexical)
            }
        }
    }

    /// Hands over the master key of a vault; starts an agent if none runs.
    ///
    /// - Throws: ``AgentError/cannotStart(_:)``; ``AgentError/vault(_:)`` if the agent cannot open the vault.
    ///
    /// - Parameter isCopy: whether it is a copy, of which this machine remembers nothing.
    public func unlock(
        _ path: String, key: borrowing Key, limits: Limits, isCopy: Bool = false
    ) throws(AgentError) -> AgentStatus {
        // An agent has no environment of its own, so it is told where to remember what it saw.
        let directory = isCopy ? "" : Locations.checkpointDirectory ?? ""
        let checkpoints = AgentProtocol.isEncodable(directory) ? directory : ""
        let real = Locations.realPath(of: path)
        let status = try naming([real]) { files throws(AgentError) in
            try connectOrStart().status(
                .unlock, path: real, about: files[0],
                moreSize: Key.count + SecretBuffer.limitsSize + 1 + 2 + checkpoints.utf8.count
            ) { message throws(SodiumError) in
                try key.withBytes { key throws(SodiumError) in try message.append(key) }
                try message.append(limits)
                try message.append(isCopy ? 1 : 0)
                try message.append(path: checkpoints)
            }
        }
        if isCopy { return status }
        do throws(AgentError) {
            try follow(path, to: real)
        } catch {
            try? lock(path)
            throw error
        }
        return status
    }

    /// Somebody who does jobs with the key of the vault at `path`; nil if it is locked.
    ///
    /// The file itself may be damaged, older than it was, or gone.
    ///
    /// - Throws: as ``session(for:)``.
    public func worker(for path: String) throws(AgentError) -> AgentJobRunner? {
        do throws(AgentError) {
            _ = try status(of: path)
        } catch .notRunning, .vault(.locked) {
            return nil
        } catch .vault {
            // It is unlocked, and something is wrong with the file, as the job will say.
        } catch {
            throw error
        }
        return AgentJobRunner(self, path: Locations.realPath(of: path), named: path)
    }

    /// Shortens the deadlines of an unlocked vault.
    ///
    /// - Parameter wish: 0 leaves a time as it is.
    /// - Throws: ``AgentError/wouldLengthen``, and as ``session(for:)``; nothing is changed then.
    public func shorten(_ path: String, to wish: Limits) throws(AgentError) -> AgentStatus {
        let real = Locations.realPath(of: path)
        return try naming([real]) { files throws(AgentError) in
            try connect().status(
                .shorten, path: real, about: files[0], moreSize: SecretBuffer.limitsSize
            ) { message throws(SodiumError) in try message.append(wish) }
        }
    }

    /// Tells the agent which master key the file of an unlocked vault gets next, so that it stays unlocked.
    ///
    /// - Throws: as ``session(for:)``.
    public func announce(_ key: borrowing Key, for path: String) throws(AgentError) {
        try connect().request(.announce, path: Locations.realPath(of: path), moreSize: Key.count) {
            message throws(SodiumError) in
            try key.withBytes { key throws(SodiumError) in try message.append(key) }
        }
    }

    /// Makes the agent forget a vault's keys; without an agent there is nothing to forget.
    public func lock(_ path: String) throws(AgentError) {
        guard let connection = try running() else { return }
        try connection.request(.lock, path: Locations.realPath(of: path))
    }

    /// Makes the agent forget everything and end, whatever version it speaks.
    public func stop() throws(AgentError) {
        guard let connection = try running() else { return }
        try connection.request(.stop)
    }

    /// How long an agent may take to end when it is told to, and then when it is killed, in milliseconds.
    private static let endPatience: UInt64 = 1000

    /// What may still have keys after ``stopAll()``.
    public struct Remains: Equatable, Sendable {
        /// Agents that could not be ended, by process id.
        public let processes: [Int32]
        /// Directories with an agent that cannot be seen from here, or that belong to somebody else.
        public let directories: [String]
    }

    /// Makes every agent of this user forget everything and end, wherever its socket is, also one that is stopped, or that nobody
    /// can reach any more.
    ///
    /// - Returns: what it could not reach or end, among what it can see (``OwnProcesses/view``).
    public static func stopAll() -> Remains {
        var directories = Locations.runtimeDirectories
        for directory in AgentProcess.running.map(\.directory) where !directories.contains(directory) {
            directories.append(directory)
        }
        // Who answers has no keys any more, and ends when the system lets it.
        var (told, places): (Set<Int32>, Set<String>) = ([], [])
        for directory in directories {
            guard
                let connection = try? AgentConnection.connect(
                    in: directory, patience: AgentClient.endPatience)
            else { continue }
            let process = connection.agentProcessID
            guard (try? connection.request(.stop)) != nil else { continue }
            told.insert(process)
            places.insert(directory)
        }
        // Where an agent answered, another one may have been before, whose socket nobody finds any more.
        func others() -> [AgentProcess.Entry] { AgentProcess.running.filter { !told.contains($0.id) } }
        if !haveEnded(others) {
            for agent in others() { OwnProcesses.kill(agent.id) }
            _ = haveEnded(others)
        }
        let left = others()
        let known = places.union(left.map(\.directory))
        return Remains(
            processes: left.map(\.id),
            directories: directories.filter { !known.contains($0) && AgentProcess.mayRun(in: $0) })
    }

    private static func haveEnded(_ agents: () -> [AgentProcess.Entry]) -> Bool {
        var patience = Backoff(milliseconds: AgentClient.endPatience)
        while !agents().isEmpty { if !patience.wait() { return false } }
        return true
    }

    fileprivate func connect() throws(AgentError) -> AgentConnection {
        try AgentConnection.connect(in: directory)
    }

    private func running() throws(AgentError) -> AgentConnection? {
        do throws(AgentError) {
            return try connect()
        } catch .notRunning {
            return nil
        } catch {
            throw error
        }
    }

    /// How long an agent that is just beginning or ending may be in the way, in milliseconds.
    private static let startPatience: UInt64 = 10_000

    private func connectOrStart() throws(AgentError) -> AgentConnection {
        var patience = Backoff(milliseconds: AgentClient.startPatience)
        while true {
            if let connection = try running() { return connection }
            try AgentProcess.start(in: directory)
            if let connection = try running() { return connection }
            guard patience.wait() else { throw .unreachable(.connectionRefused) }
        }
    }
}

/// An agent that does jobs with the key of one vault.
public final class AgentJobRunner: JobRunner {
    private let agent: AgentClient
    private let path: String
    /// How a person named the vault, which may lead to another file than it did before.
    private let name: String

    fileprivate init(_ agent: AgentClient, path: String, named name: String) {
        self.agent = agent
        self.path = path
        self.name = name
    }

    /// Has a job done.
    public func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport {
        guard job.isEncodable else { throw .file(.io(.open, .nameTooLong)) }
        if job.isOnVault(at: path) {
            do throws(AgentError) { try agent.follow(name, to: path) } catch {
                throw VaultError(error, outcomeUnknown: false)
            }
        }
        var report: JobReport?
        let message = job.message
        let isChange = job.isChange
        do throws(AgentError) {
            try agent.naming([path] + job.paths) { files throws(AgentError) in
                try agent.connect().request(
                    .job, path: path, about: files, moreSize: message.count,
                    fill: { buffer throws(SodiumError) in try buffer.append(message) },
                    read: { body throws(MalformedMessage) in
                        var reader = FieldReader()
                        if try reader.flag(of: body) {
                            let done = try reader.number(UInt64.self, of: body)
                            let total = try reader.number(UInt64.self, of: body)
                            progress.show(done, of: total)
                            return true
                        }
                        report = try reader.report(of: body)
                        return false
                    })
            }
        } catch .otherFile {
            throw .locked
        } catch {
            throw VaultError(error, outcomeUnknown: isChange)
        }
        guard let report else { throw .agentLost(outcomeUnknown: isChange) }
        return report
    }

    /// Asks for the versions of a secret.
    public func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion] {
        let session: AgentSession
        do throws(AgentError) {
            session = try agent.session(for: path)
        } catch {
            throw VaultError(error, outcomeUnknown: false)
        }
        return try session.history(of: secret)
    }
}
