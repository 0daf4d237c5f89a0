internal import Platform
public import Sodium
public import VaultFile
public import VaultCore

/// A client of this user's agent: agent-protocol.md.
public struct AgentClient: Sendable {
    private let directory: String

    /// Creates a client of the agent whose socket is in `directory`, by default the one that ``Locations`` names.
    ///
    /// - Throws: ``AgentError/notRunning`` if there is no such directory.
    public init(directory: String? = nil) throws(AgentError) {
        guard let directory = directory ?? Locations.runtimeDirectory else { throw .notRunning }
        self.directory = directory
    }

    /// Opens a session about an unlocked vault.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - secret: the secret whose newest value is requested first, if known, then its metadata; both then arrive sooner.
    /// - Throws: ``AgentError/notRunning``; ``AgentError/vault(_:)``, with ``VaultError/locked`` if the vault is locked.
    public func session(for path: String, expecting secret: SecretID? = nil) throws(AgentError)
        -> AgentSession
    {
        let name = path
        let path = try resolve(name)
        guard AgentProtocol.isEncodable(path) else { throw .vault(.locked) }
        // If the name is invalid, the request for its value reports it.
        let ahead = secret.flatMap { secret in
            try? [Part.value, .metadata].map { try AgentSession.request($0, of: secret) }
        }
        return try withFiles(at: [path]) { files throws(AgentError) in
            try AgentSession(
                try AgentConnection.connect(in: directory, opening: path, files[0], ahead: ahead ?? []),
                AgentJobRunner(self, path: path, named: name))
        }
    }

    /// Returns the status of an unlocked vault; this moves no deadline.
    ///
    /// - Throws: as ``session(for:expecting:)``.
    public func status(of path: String) throws(AgentError) -> AgentStatus {
        let path = try resolve(path)
        return try withFiles(at: [path]) { files throws(AgentError) in
            try connect().request(.status, try field(path), about: files) { try AgentStatus(&$0) }
        }
    }

    /// How often a request is sent again because the files at its paths were replaced.
    private static let attempts = 20

    /// Calls `body` with the files at `paths`, which sends them with a request that names them.
    ///
    /// - Throws: the errors of `body`; ``AgentError/otherFile`` if the agent finds other files at the paths;
    ///   ``AgentError/vault(_:)`` with ``VaultError/locked`` if a directory is missing.
    fileprivate func withFiles<R>(
        at paths: [String], _ body: ([HeldFile]) throws(AgentError) -> R
    ) throws(AgentError) -> R {
        var (files, attempts) = (try AgentClient.hold(paths), AgentClient.attempts)
        while true {
            do throws(AgentError) {
                return try body(files)
            } catch .otherFile {
                // A file may have been replaced after this process opened it.
                let previous = files
                files = try AgentClient.hold(paths)
                attempts -= 1
                let isSame = zip(previous, files).allSatisfy { (try? $0.identity) == (try? $1.identity) }
                if isSame || attempts == 0 { throw .otherFile }
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

    /// Returns the field of a path; a vault whose path no message can contain is not unlocked.
    fileprivate func field(_ path: String) throws(AgentError) -> [UInt8] {
        guard AgentProtocol.isEncodable(path) else { throw .vault(.locked) }
        return path.field
    }

    /// Returns `path` without symbolic links, after ``follow(_:to:)``.
    private func resolve(_ path: String) throws(AgentError) -> String {
        let real = Locations.realPath(of: path)
        do throws(AgentError) {
            try follow(path, to: real)
        } catch .notRunning, .vault(.locked) {
            // The caller's request has the same error.
        }
        return real
    }

    /// If `path` leads to another file than before, has the agent verify that this file contains what was last seen at `path`.
    fileprivate func follow(_ path: String, to real: String) throws(AgentError) {
        guard path != real, let lexical = try? Path.lexical(path), lexical != real,
            AgentProtocol.isEncodable(lexical),
            let checkpoints = Locations.checkpoints, !checkpoints.isKnown(lexical, toLeadTo: real)
        else { return }
        try withFiles(at: [real]) { files throws(AgentError) in
            try connect().request(.follow, try field(real) + lexical.field, about: files)
        }
    }

    /// Unlocks a vault with its master key; starts an agent if none is running.
    ///
    /// - Parameter isCopy: true if the file is a copy, for which no checkpoint is kept.
    /// - Throws: ``AgentError/cannotStart(_:)``; ``AgentError/vault(_:)`` if the agent cannot open the vault.
    public func unlock(
        _ path: String, key: borrowing Key, limits: Limits, isCopy: Bool = false
    ) throws(AgentError) -> AgentStatus {
        // The agent has no environment, so the client names the directory of checkpoints.
        let directory = isCopy ? "" : Locations.checkpointDirectory ?? ""
        let checkpoints = AgentProtocol.isEncodable(directory) ? directory : ""
        let real = Locations.realPath(of: path)
        let status = try withFiles(at: [real]) { files throws(AgentError) in
            try connectOrStart().request(
                .unlock, try field(real), key, limits.field + isCopy.field + checkpoints.field, about: files
            ) { try AgentStatus(&$0) }
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

    /// Returns a job runner with the key of the vault at `path`; nil if the vault is locked.
    ///
    /// The file itself may be damaged, rolled back or missing.
    ///
    /// - Throws: as ``session(for:expecting:)``.
    public func worker(for path: String) throws(AgentError) -> AgentJobRunner? {
        do throws(AgentError) {
            _ = try status(of: path)
        } catch .notRunning, .vault(.locked) {
            return nil
        } catch .vault {
            // The vault is unlocked. The job reports what is wrong with the file.
        }
        return AgentJobRunner(self, path: Locations.realPath(of: path), named: path)
    }

    /// Shortens the deadlines of an unlocked vault.
    ///
    /// - Parameter wish: the new limits, where 0 leaves a time as it is.
    /// - Throws: ``AgentError/wouldLengthen``, and as ``session(for:expecting:)``; nothing is changed then.
    public func shorten(_ path: String, to wish: Limits) throws(AgentError) -> AgentStatus {
        let real = Locations.realPath(of: path)
        return try withFiles(at: [real]) { files throws(AgentError) in
            try connect().request(.shorten, try field(real) + wish.field, about: files) {
                try AgentStatus(&$0)
            }
        }
    }

    /// Announces the master key that an unlocked vault's file gets next, so that the vault stays unlocked.
    ///
    /// - Throws: as ``session(for:expecting:)``.
    public func announce(_ key: borrowing Key, for path: String) throws(AgentError) {
        try connect().request(.announce, try field(Locations.realPath(of: path)), key)
    }

    /// Makes the agent forget a vault's keys; does nothing if no agent is running.
    public func lock(_ path: String) throws(AgentError) {
        try running()?.request(.lock, try field(Locations.realPath(of: path)))
    }

    /// Makes the agent forget all keys and end, whatever version it speaks.
    public func stop() throws(AgentError) { try running()?.stop() }

    /// How long agents may take to end when they are told to, and again when they are killed, in milliseconds.
    private static let endTimeout: UInt64 = 1000

    /// The agents that may still have keys after ``stopAll()``.
    public struct Remains: Equatable, Sendable {
        /// The process IDs of agents that could not be ended.
        public let processes: [Int32]
        /// Directories that belong to somebody else, or whose agent cannot be seen from here.
        public let directories: [String]
    }

    /// Makes every agent of this user forget all keys and end, including stopped ones and those without a reachable socket.
    ///
    /// - Returns: what it could not reach or end, among what this process can see (``OwnProcesses/view``).
    public static func stopAll() -> Remains {
        var directories = Locations.runtimeDirectories
        for directory in AgentProcess.running.map(\.directory) where !directories.contains(directory) {
            directories.append(directory)
        }
        // An agent that answers has no keys any more; it ends as soon as the system lets it.
        var (told, places): (Set<Int32>, Set<String>) = ([], [])
        for directory in directories {
            guard
                let connection = try? AgentConnection.connect(
                    in: directory, timeout: AgentClient.endTimeout)
            else { continue }
            let process = connection.agentProcessID
            guard (try? connection.stop()) != nil else { continue }
            told.insert(process)
            places.insert(directory)
        }
        // In a directory where one agent answered, there may be an older one whose socket was replaced.
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
        var backoff = Backoff(milliseconds: AgentClient.endTimeout)
        while !agents().isEmpty { if !backoff.wait() { return false } }
        return true
    }

    fileprivate func connect() throws(AgentError) -> AgentConnection {
        try AgentConnection.connect(in: directory)
    }

    /// Connects to the agent; returns nil if none is running.
    private func running() throws(AgentError) -> AgentConnection? {
        do throws(AgentError) {
            return try connect()
        } catch .notRunning {
            return nil
        }
    }

    /// How long an agent that is starting or ending may prevent a connection, in milliseconds.
    private static let startTimeout: UInt64 = 10_000

    private func connectOrStart() throws(AgentError) -> AgentConnection {
        var backoff = Backoff(milliseconds: AgentClient.startTimeout)
        while true {
            if let connection = try running() { return connection }
            try AgentProcess.start(in: directory)
            if let connection = try running() { return connection }
            guard backoff.wait() else { throw .unreachable(.connectionRefused) }
        }
    }
}

/// A job runner that uses the agent's key of one vault.
public final class AgentJobRunner: JobRunner {
    private let agent: AgentClient
    let path: String
    /// The path as the user wrote it, which may lead to another file than before.
    private let name: String

    init(_ agent: AgentClient, path: String, named name: String) {
        (self.agent, self.path, self.name) = (agent, path, name)
    }

    /// Has the agent run a job.
    public func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport {
        guard job.paths.allSatisfy(AgentProtocol.isEncodable) else {
            throw .file(.io(.open, .nameTooLong))
        }
        if job.isOnVault(at: path) {
            try withSessionErrors { () throws(AgentError) in try agent.follow(name, to: path) }
        }
        return try withSessionErrors(outcomeUnknown: job.isChange) { () throws(AgentError) in
            do throws(AgentError) {
                return try agent.withFiles(at: [path] + job.paths) { files throws(AgentError) in
                    try run(job, files, progress)
                }
            } catch .otherFile {
                throw .vault(.locked)
            }
        }
    }

    private func run(
        _ job: Job, _ files: [HeldFile], _ progress: ProgressHandler
    ) throws(AgentError) -> JobReport {
        let connection = try agent.connect()
        try connection.send(.job, try agent.field(path) + job.message, about: files)
        var report: JobReport?
        while true {
            try connection.reply(to: .job) { reader in
                if try reader.flag() {
                    progress.show(try reader.number(), of: try reader.number())
                } else {
                    report = try JobReport(&reader)
                }
            }
            if let report { return report }
        }
    }

    /// Returns the versions of a secret.
    public func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion] {
        try withSessionErrors { () throws(AgentError) in try agent.session(for: path) }.history(of: secret)
    }
}
