import Compaction
import Foundation
import Platform
import Sodium
import Synchronization
import VaultFile
import VaultCore

@testable import VaultAgent

/// A wall clock that tests set.
private final class WallClock: Sendable {
    private let state = Mutex(PlainModel.start)

    var now: UInt64 { state.withLock(\.self) }

    func turn(_ milliseconds: Int) { state.withLock { $0 = UInt64(max(Int($0) + milliseconds, 0)) } }

    func reset() { state.withLock { $0 = PlainModel.start } }
}

/// One vault on a disk that an agent and two open files, as of two processes, use; only the clock is not real.
final class ModelWorld {
    private let root: String
    private let clock: WallClock
    private let agent: AgentClient
    private let agentEnded: DispatchSemaphore
    /// The bytes of an empty vault, with which each history begins.
    private let template: [UInt8]
    private let key: Key
    private let dependencies: Dependencies
    private let holder: LocalJobRunner
    /// A wrapper that a test puts around an open file, to give it a defect.
    private let wrap: (LocalSession) -> any Session
    private var sessions: [Actor: any Session] = [:]
    /// The number of bytes that killed writers left in the file.
    private var tailCount = 0

    private var path: String { root + "/vault/a.vault" }

    init(wrap: @escaping (LocalSession) -> any Session = { $0 }) throws {
        self.wrap = wrap
        let root = try ModelWorld.makeDirectory()
        let path = root + "/vault/a.vault"
        let clock = WallClock()
        var dependencies = AgentWorld.dependencies
        dependencies.now = { clock.now }
        let passphrase = AgentWorld.passphrase
        _ = try LocalSession.create(
            at: path, passphrase: passphrase.span,
            parameters: Argon2id.Parameters(passes: 1, memoryKiB: 8), dependencies: dependencies)
        dependencies.checkpoints = CheckpointStore(path: root + "/vault/seen")
        template = try ModelWorld.bytes(of: path)
        key = try Log.readHeader(path: path, dependencies: dependencies).unlock(passphrase: passphrase.span)
        holder = try LocalJobRunner.open(path, passphrase: passphrase.span, dependencies: dependencies)
        (agent, agentEnded) = try ModelWorld.startAgent(in: root + "/run", dependencies)
        (self.root, self.clock, self.dependencies) = (root, clock, dependencies)
    }

    deinit {
        sessions = [:]
        try? agent.stop()
        agentEnded.wait()
        try? FileManager.default.removeItem(atPath: root)
    }

    /// A directory in memory, if the system has one.
    private static func makeDirectory() throws -> String {
        let isInMemory = access("/dev/shm", W_OK) == 0
        let directory =
            isInMemory ? "/dev/shm" : FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
        let root = directory + "/vault-model-test-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(
            atPath: root + "/vault", withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        return root
    }

    private static func startAgent(
        in directory: String, _ dependencies: Dependencies
    ) throws -> (AgentClient, DispatchSemaphore) {
        let (began, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let failure = Mutex<String?>(nil)
        let world = dependencies
        Thread {
            do {
                var settings = AgentServer.Settings()
                settings.dependencies = world
                // The client names the directory of checkpoints when it unlocks a vault.
                settings.dependencies.checkpoints = nil
                let server = try AgentServer.start(in: directory, settings: settings)
                began.signal()
                try server.run()
            } catch {
                failure.withLock { $0 = "\(error)" }
                began.signal()
            }
            ended.signal()
        }.start()
        began.wait()
        if let failure = failure.withLock(\.self) { throw Unexpected(description: failure) }
        return (try AgentClient(directory: directory), ended)
    }

    private static func bytes(of path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Begins a history: every actor opens an empty vault without a checkpoint.
    func begin() throws {
        sessions = [:]
        tailCount = 0
        clock.reset()
        let directory = root + "/vault"
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            try FileManager.default.removeItem(atPath: directory + "/" + name)
        }
        try Data(template).write(to: URL(fileURLWithPath: path))
        try unlock()
        for actor in [Actor.file, .other] { sessions[actor] = wrap(try openFile()) }
        sessions[.agent] = try agent.session(for: path)
    }

    private func openFile() throws -> LocalSession {
        try LocalSession.open(
            at: path, masterKey: try key.withBytes { try Key(copying: $0) }, dependencies: dependencies)
    }

    private func unlock() throws {
        let (path, marks) = (path, root + "/vault/seen")
        try AgentConnection.connect(in: root + "/run").request(
            .unlock, path.field, key, Limits.default.field + [0] + marks.field,
            about: [try HeldFile(at: path)])
    }

    /// Runs a step.
    func perform(_ operation: Operation) -> Observation {
        do {
            return try observe(operation)
        } catch let error as VaultError {
            return .failed(error)
        } catch AgentError.vault(let error) {
            return .failed(error)
        } catch {
            return .surprise("\(error)")
        }
    }

    private func session(_ actor: Actor) throws -> any Session {
        guard let session = sessions[actor] else { throw Unexpected(description: "no session") }
        return session
    }

    private func observe(_ operation: Operation) throws -> Observation {
        switch operation {
        case .commit(let changes, let actor): return try commit(changes, try session(actor))
        case .delete(let secret, let actor):
            let session = try session(actor)
            try session.delete(secret.name, in: secret.scope)
            return try committed(session)
        case .undo(let secret, let actor):
            let session = try session(actor)
            try session.undo(secret)
            return try committed(session)
        case .describe(let secret, let words, let actor):
            let session = try session(actor)
            try session.editMetadata(of: secret) { $0 = words.metadata }
            return try committed(session)
        case .undoMetadata(let secret, let actor):
            let session = try session(actor)
            return try session.undoMetadata(of: secret) ? try committed(session) : .bool(false)
        case .commitIfUnchanged(let changes, let secret, let part, let actor):
            let session = try session(actor)
            return try commit(
                changes, session, if: (secret, part, try session.history(of: secret, part).first))
        case .refresh(let actor):
            try session(actor).refresh()
            return .done
        case .reopen(let actor): return try reopen(actor)
        case .compact(let keep, let actor): return try compact(keep, actor)
        case .backup(let slot, let actor): return try backup(slot, actor)
        case .restore(let slot, let actor): return try restore(slot, actor)
        case .lock: try agent.lock(path)
        case .unlock: try unlock()
        case .clock(let milliseconds): clock.turn(milliseconds)
        case .garbage(let bytes): try leave(bytes.bytes.isEmpty ? [0] : bytes.bytes)
        case .killed(let changes, let permille): try kill(changes, permille)
        default: return try read(operation, try session(operation.actor ?? .agent))
        }
        return .done
    }

    private func read(_ operation: Operation, _ session: any Session) throws -> Observation {
        switch operation {
        case .value(let secret, let version, _): return try value(secret, version, session)
        case .valueAt(let secret, let ago, _):
            let time = UInt64(max(Int(clock.now) - ago, 0))
            let history = try session.history(of: secret)
            guard let index = history.firstIndex(where: { $0.time <= time }), !history[index].isDeletion
            else { return .nothing }
            return try value(secret, index, session)
        case .history(let secret, _): return .history(try session.history(of: secret))
        case .metadata(let secret, let version, _):
            guard let metadata = try session.metadata(of: secret, version: version) else {
                return .metadata(Words(count: 0))
            }
            let words = Words(count: metadata.description?.utf8.count ?? 0)
            return metadata == words.metadata && words.count > 0 ? .metadata(words) : .surprise("\(metadata)")
        case .metadataHistory(let secret, _): return .history(try session.history(of: secret, .metadata))
        case .described: return .secrets(try session.secrets(with: .metadata))
        case .contains(let secret, _): return .bool(try session.contains(secret))
        case .list: return .secrets(try session.secrets())
        case .names(let scope, _): return .names(try session.names(in: scope))
        case .resolve(let name, let context, _):
            let resolution = try session.resolve(name, in: context)
            return .resolution(resolution.map { [$0.winner] + $0.shadowed } ?? [])
        case .effective(let context, _): return .secrets(try session.effective(in: context))
        case .summary:
            let summary = try session.summary()
            return .numbers(
                secrets: summary.secrets, versions: summary.versions, generation: summary.generation)
        default: return .surprise("no reading: \(operation)")
        }
    }

    private func value(_ secret: SecretID, _ version: Int, _ session: any Session) throws -> Observation {
        .value(
            try session.withValue(of: secret, version: version) { value in value.indices.map { value[$0] } })
    }

    private func commit(
        _ changes: [Change], _ session: any Session, if seen: (SecretID, Part, SecretVersion?)? = nil
    ) throws -> Observation {
        var set = try Changes()
        if let (secret, part, newest) = seen { try set.require(secret, part, newest: newest) }
        for change in changes {
            switch change {
            case .set(let secret, let value):
                let bytes = value.bytes
                try set.set(secret, to: bytes.span)
            case .delete(let secret): try set.delete(secret)
            case .describe(let secret, let words): try set.set(secret, metadata: words.metadata)
            }
        }
        try session.commit(set)
        return try committed(session)
    }

    /// Checks that notices report the tail that killed writers left, and that its file is beside the vault.
    private func committed(_ session: any Session) throws -> Observation {
        var hasSaved = false
        for case .savedTail(let count, let saved) in session.takeNotices() {
            hasSaved = true
            try take(saved, count)
        }
        return .committed(setTailAside: hasSaved)
    }

    private func take(_ saved: String, _ count: UInt64) throws {
        guard count == UInt64(tailCount), try ModelWorld.bytes(of: saved).count == tailCount else {
            throw Unexpected(description: "\(count) bytes were set aside, and \(tailCount) were left")
        }
        try FileManager.default.removeItem(atPath: saved)
        tailCount = 0
    }

    private func reopen(_ actor: Actor) throws -> Observation {
        let session: any Session =
            actor == .agent ? try agent.session(for: path) : wrap(try openFile())
        sessions[actor] = session
        var counts: [UInt64] = []
        for case .unfinishedTail(let count) in session.takeNotices() { counts.append(count) }
        guard counts == (tailCount == 0 ? [] : [UInt64(tailCount)]) else {
            return .surprise("tails \(counts), and \(tailCount) bytes were left")
        }
        return .opened(hasTail: tailCount > 0)
    }

    private func worker(_ actor: Actor) throws -> any JobRunner {
        guard actor == .agent else { return holder }
        guard let worker = try agent.worker(for: path) else { throw VaultError.locked }
        return worker
    }

    private func compact(_ keep: Keep, _ actor: Actor) throws -> Observation {
        let retention: Retention =
            switch keep {
            case .all: .all
            case .none: .none
            case .age(let age): .replacedSince(clock.now - min(age, clock.now))
            }
        let report = try worker(actor).compact(path, keeping: retention)
        if let saved = report.savedTail { try take(saved.path, saved.count) }
        return .compacted(
            dropped: Int(report.dropped), kept: Int(report.kept), generation: report.generation,
            setTailAside: report.savedTail != nil)
    }

    private func backup(_ slot: Int, _ actor: Actor) throws -> Observation {
        let target = root + "/vault/backup-\(slot)"
        let worker = try worker(actor)
        // After a restore, an older backup here might be newer, and would not be replaced.
        try? FileManager.default.removeItem(atPath: target)
        let made = try Backup(of: path, by: worker, dependencies: dependencies).make(at: target)
        return numbers(made)
    }

    private func restore(_ slot: Int, _ actor: Actor) throws -> Observation {
        let source = root + "/vault/backup-\(slot)"
        guard access(source, F_OK) == 0 else { return .nothing }
        let (restored, kept, failure) = try Backup(
            of: path, by: try worker(actor), dependencies: dependencies
        ).restore(from: source)
        if let failure { throw failure }
        tailCount = 0
        if let kept { try FileManager.default.removeItem(atPath: kept) }
        return numbers(restored)
    }

    private func numbers(_ verification: Verification) -> Observation {
        guard verification.findings.allSatisfy({ $0.damage == nil }) else {
            return .surprise("\(verification.findings)")
        }
        return .numbers(
            secrets: Int(verification.secrets), versions: Int(verification.versions),
            generation: verification.point.generation)
    }

    /// Appends bytes as a killed writer leaves them.
    private func leave(_ bytes: [UInt8]) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(bytes))
        try file.close()
        tailCount += bytes.count
    }

    /// Commits changes to a copy of the vault, and appends the first bytes of their frames to the vault itself.
    private func kill(_ changes: [Change], _ permille: Int) throws {
        let side = root + "/vault/side"
        var unmarked = dependencies
        unmarked.checkpoints = nil
        var whole = try ModelWorld.bytes(of: path)
        whole.removeLast(tailCount)
        try Data(whole).write(to: URL(fileURLWithPath: side))
        let vault = try LocalSession.open(
            at: side, masterKey: try key.withBytes { try Key(copying: $0) }, dependencies: unmarked)
        _ = try commit(changes, vault)
        let frames = try ModelWorld.bytes(of: side).dropFirst(whole.count)
        try leave(Array(frames.prefix(max(1, frames.count * permille / 1000))))
        try FileManager.default.removeItem(atPath: side)
    }

    /// Returns the findings of a full check of the file, except a tail.
    func defects() throws -> [Log.Finding] {
        try holder.verify(path).findings.filter { $0.damage != nil }
    }
}
