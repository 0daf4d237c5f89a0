import Foundation
import Platform
import Sodium
import Synchronization
import Testing
import VaultFile
import VaultCore

@testable import VaultAgent

/// Tests that a session of the agent does the same as an open file.
@Suite struct SessionTests {
    private let world: AgentWorld
    private let path: String

    init() throws {
        world = try AgentWorld()
        path = try world.makeVault()
    }

    @Test func `all that can be asked of a vault can be asked of the agent`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try session.put("A", .team, "one")
            try session.put("A", .team, "two")
            try session.put("A", .project("web"), "three")
            try session.put("B", .cluster("gpu-1"), "four")
            try session.delete("B", in: .cluster("gpu-1"))
            let file = try world.open(path)
            #expect(try session.secrets() == file.secrets())
            #expect(try session.text("A", .team) == "two")
            #expect(try session.text("A", .team, version: 1) == "one")
            #expect(try session.contains(SecretID("B", in: .cluster("gpu-1"))) == false)
            for secret in [
                SecretID("A", in: .team), SecretID("B", in: .cluster("gpu-1")), SecretID("C", in: .team),
            ] {
                #expect(try session.history(of: secret) == file.history(of: secret))
            }
            #expect(try session.resolve("A", in: Context(project: "web"))?.winner.scope == .project("web"))
            let (secret, other) = (SecretID("A", in: .team), SecretID("A", in: .project("web")))
            #expect(try session.metadata(of: secret) == nil)
            try session.editMetadata(of: secret) { $0.tags = ["x"] }
            try session.editMetadata(of: secret) { $0.tags = ["x", "y"] }
            try file.refresh()
            #expect(
                try session.metadata(of: [secret, other], version: 0).map { $0?.tags } == [["x", "y"], nil])
            #expect(try session.metadata(of: secret, version: 1)?.tags == ["x"])
            #expect(try session.metadata(of: secret, version: 2) == nil)
            #expect(try session.secrets(with: .metadata) == [secret])
            #expect(try session.metadata(among: [other, secret]) == file.metadata(among: [secret]))
            #expect(try session.history(of: secret, .metadata) == file.history(of: secret, .metadata))
            #expect(try session.listContents() == file.listContents())
            #expect(try session.listContents().differences.count { $0.part == .metadata } == 1)
            #expect(try session.undo(SecretID("B", in: .cluster("gpu-1"))))
            #expect(try session.text("B", .cluster("gpu-1")) == "four")
            try file.refresh()
            let (left, right) = (try session.summary(), file.summary())
            #expect(left.versions == right.versions)
            #expect(left.committedBytes == right.committedBytes)
            #expect(try agent.status(of: path).secrets == 3)
        }
    }

    @Test func `what is refused is refused in the same way`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try session.put("A", .team, "one")
            let large = [UInt8](repeating: 0, count: 1 << 20 | 1)
            #expect(throws: VaultError.invalidName) { try session.put("A b", .team, "x") }
            #expect(throws: VaultError.invalidID) { try session.put("A", .project(""), "x") }
            #expect(throws: VaultError.invalidName) { try session.contains(SecretID("", in: .team)) }
            #expect(throws: VaultError.valueTooLong) { try session.set("A", in: .team, to: large.span) }
            #expect(throws: VaultError.metadataTooLong) {
                try session.editMetadata(of: SecretID("A", in: .team)) {
                    $0.description = String(repeating: "x", count: 1 << 16)
                }
            }
            #expect(throws: VaultError.noSuchSecret) { try session.text("B", .team) }
            #expect(throws: VaultError.noSuchVersion) { try session.text("A", .team, version: 1) }
            #expect(throws: VaultError.noSuchVersion) { try session.text("A", .team, version: .max) }
            #expect(throws: AgentError.vault(.locked)) { try agent.session(for: world.root + "/other") }
            #expect(throws: AgentError.vault(.file(.noFile))) {
                try agent.unlock(world.root + "/other", key: try world.key(path), limits: .default)
            }
        }
    }

    @Test func `changes that depend on what was changed since are refused, alone`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let (session, other) = (try agent.session(for: path), try agent.session(for: path))
            let (a, b) = (SecretID("A", in: .team), SecretID("B", in: .project("web")))
            try session.put("A", .team, "one")
            let seen = try session.history(of: a).first
            func move() throws(VaultError) {
                var changes = try Changes()
                try changes.require(a, newest: seen)
                try changes.require(b, newest: nil)
                try changes.set(b, to: Array("one".utf8).span)
                try changes.delete(a)
                try session.commit(changes)
            }
            try other.put("A", .team, "two")
            #expect(throws: VaultError.file(.changedMeanwhile)) { try move() }
            #expect(try session.secrets() == [a])
            #expect(try session.undo(a))
            #expect(try session.text("A", .team) == "one")
            #expect(throws: VaultError.noSuchVersion) { try session.undo(a, toVersion: 7) }
            #expect(throws: VaultError.noSuchSecret) { try session.undo(b) }
        }
    }

    @Test func `values of any size and long lists arrive whole`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            for count in [0, 1, 4000, 65_536, 1 << 20] {
                let value = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try session.set("LARGE", in: .team, to: value.span)
                let back = try session.value(of: SecretID("LARGE", in: .team), version: 0)
                let same = back.withBytes { bytes in bytes.indices.map { bytes[$0] } == value }
                #expect(same)
            }
            var changes = try Changes()
            let id = String(repeating: "p", count: 128)
            for index in 0..<6000 {
                let name = "N\(index)" + String(repeating: "n", count: 120)
                try changes.set(SecretID(name, in: .project(id)), to: [1].span)
            }
            try session.commit(changes)
            #expect(try session.secrets().count == 6001)
            #expect(try session.secrets() == world.open(path).secrets())
        }
    }

    @Test func `what is read in one state is read again after a change of another process`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let (session, other) = (try agent.session(for: path), try agent.session(for: path))
            try session.put("A", .team, "old")
            try session.put("B", .team, "old")
            var calls = 0
            let pair = try session.inOneState({ $0 as any Error }) {
                calls += 1
                let first = try session.text("A", .team)
                if calls == 1 {
                    try other.put("A", .team, "new")
                    try other.put("B", .team, "new")
                }
                return [first, try session.text("B", .team)]
            }
            #expect(pair == ["new", "new"])
            #expect(calls == 2)
            // A failure that another process caused is no failure either.
            calls = 0
            let text = try session.inOneState({ $0 as any Error }) {
                calls += 1
                if calls == 1 { try other.delete("A", in: .team) }
                return try session.text(calls == 1 ? "A" : "B", .team)
            }
            #expect(text == "new")
            #expect(throws: VaultError.file(.busy)) {
                try session.inOneState(timeout: 20, { $0 as any Error }) {
                    try other.put("A", .team, "again")
                }
            }
            #expect(throws: VaultError.noSuchSecret) {
                try session.inOneState({ $0 as any Error }) { try session.text("NONE", .team) }
            }
        }
    }

    @Test func `values that are asked for together come in order, and one that is not there harms no other`()
        throws
    {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            // These are more requests than are sent before a reply is read, and more replies than the socket buffers.
            let secrets = (1...2500).map { SecretID("NAME_\($0)", in: $0 % 2 == 0 ? .team : .project("web")) }
            let large = [UInt8](repeating: 7, count: 400_000)
            var changes = try Changes()
            for secret in secrets { try changes.set(secret, to: Array(secret.name.utf8).span) }
            try changes.set(secrets[1200], to: large.span)
            try session.commit(changes)
            var lent: [SecretID] = []
            func take(_ secret: SecretID, _ value: Span<UInt8>) {
                let bytes = value.indices.map { value[$0] }
                #expect(bytes == (secret == secrets[1200] ? large : Array(secret.name.utf8)))
                lent.append(secret)
            }
            try session.withValues(of: secrets, take)
            #expect(lent == secrets)
            lent = []
            let absent = SecretID("ABSENT", in: .team)
            #expect(throws: VaultError.noSuchSecret) {
                try session.withValues(of: Array(secrets[..<3]) + [absent] + secrets[3..<5], take)
            }
            #expect(lent == Array(secrets[..<5]))
            #expect(try session.contains([secrets[0], absent, secrets[2499]]) == [true, false, true])
            let many = (0..<6000).map { SecretID("NAME_\($0)", in: .team) }
            #expect(try session.contains(many) == many.map(Set(secrets).contains))
            #expect(try session.contains([]) == [])
            #expect(throws: VaultError.invalidName) {
                try session.contains(secrets + [SecretID("A b", in: .team)])
            }
            #expect(throws: VaultError.invalidName) {
                try session.withValues(of: [secrets[0], SecretID("A b", in: .team)], take)
            }
            #expect(try session.text("NAME_2", .team) == "NAME_2")
            let file = try world.open(path)
            lent = []
            try file.withValues(of: secrets, take)
            #expect(lent == secrets)
            #expect(throws: VaultError.noSuchSecret) { try file.withValues(of: [absent], take) }
        }
    }

    @Test func `more than 64 MiB at once are refused, and nothing is written`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            var changes = try Changes()
            let value = [UInt8](repeating: 1, count: 1 << 20)
            for index in 0..<60 { try changes.set(SecretID("L\(index)", in: .team), to: value.span) }
            try session.commit(changes)
            #expect(try session.summary().secrets == 60)
        }
    }

    @Test func `a session ends when its vault is locked, and the agent goes on`() throws {
        let other = try world.makeVault("b.vault")
        try world.serve { agent in
            try world.unlock(path, agent)
            try world.unlock(other, agent)
            let (session, kept) = (try agent.session(for: path), try agent.session(for: other))
            try agent.lock(path)
            #expect(throws: VaultError.locked) { try session.secrets() }
            #expect(throws: VaultError.locked) { try session.put("A", .team, "one") }
            try kept.put("A", .team, "one")
            try agent.lock(path)
            try world.unlock(path, agent)
            #expect(try session.secrets() == [])
        }
        #expect(throws: AgentError.notRunning) {
            try AgentClient(directory: world.directory).session(for: path)
        }
        try AgentClient(directory: world.directory).lock(path)
    }

    @Test func `the agent that ends leaves its sessions with an error`() throws {
        var session: AgentSession?
        try world.serve { agent in
            try world.unlock(path, agent)
            session = try agent.session(for: path)
        }
        #expect(throws: VaultError.agentLost(outcomeUnknown: false)) { try session?.secrets() }
        #expect(throws: VaultError.agentLost(outcomeUnknown: true)) { try session?.put("A", .team, "one") }
    }

    @Test func `what other processes write is seen at once`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            let (session, file) = (try agent.session(for: path), try world.open(path))
            for round in 0..<20 {
                try file.put("A", .team, "file \(round)")
                #expect(try session.text("A", .team) == "file \(round)")
                try session.put("A", .team, "agent \(round)")
                try file.refresh()
                #expect(try file.text("A", .team) == "agent \(round)")
            }
        }
    }

    @Test func `commits that arrive together share one sync, and nobody waits for the writer but they`()
        throws
    {
        let storage = CountingStorage()
        var settings = AgentServer.Settings()
        settings.dependencies.storage = storage
        try world.serve(settings, keepStorage: true) { agent in
            try world.unlock(path, agent)
            let session = try agent.session(for: path)
            try session.put("A", .team, "one")
            let other = try DiskStorage().open(path, .writing)
            #expect(try other.tryLock(.exclusive))
            let before = storage.syncs
            let done = DispatchGroup()
            let failures = Mutex<[String]>([])
            for index in 0..<8 {
                done.enter()
                Thread {
                    do {
                        try agent.session(for: path).put("N\(index)", .team, "\(index)")
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                    done.leave()
                }.start()
            }
            // Eight threads may need a while to start; readers are served meanwhile.
            let arrived = Date().addingTimeInterval(1)
            while Date() < arrived { #expect(try session.text("A", .team) == "one") }
            other.unlock()
            done.wait()
            #expect(failures.withLock(\.self) == [])
            #expect(try session.secrets().count == 9)
            #expect(storage.syncs - before <= 3)
            for index in 0..<8 { #expect(try session.text("N\(index)", .team) == "\(index)") }
        }
    }

    @Test func `a key that was changed elsewhere locks the vault`() throws {
        try world.serve { agent in
            try world.unlock(path, agent)
            // This file has the same vault ID, and a header of another master key.
            let other = try world.makeVault("b.vault")
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            let foreign = Array(try Data(contentsOf: URL(fileURLWithPath: other)))
            bytes.replaceSubrange(128..<416, with: foreign[128..<416])
            let sum = try BLAKE2b.hash(bytes.span.extracting(0..<448))
            bytes.replaceSubrange(448..<480, with: sum)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: AgentError.vault(.locked)) { try agent.session(for: path) }
            #expect(throws: AgentError.vault(.locked)) { try agent.status(of: path) }
        }
    }
}

/// A disk that counts syncs.
final class CountingStorage: Storage {
    private let disk = DiskStorage()
    private let count = Mutex(0)

    var syncs: Int { count.withLock(\.self) }

    fileprivate func noteSync() { count.withLock { $0 += 1 } }

    func open(_ path: String, _ access: StorageAccess) throws(Errno) -> any StorageFile {
        CountingFile(try disk.open(path, access), self)
    }
    func create(_ path: String) throws(Errno) -> any StorageFile { CountingFile(try disk.create(path), self) }
    func identity(of path: String) throws(Errno) -> FileIdentity { try disk.identity(of: path) }
    func resolvingLinks(_ path: String) throws(Errno) -> String { try disk.resolvingLinks(path) }
    func renameWithoutReplacing(_ from: String, to: String) throws(Errno) {
        try disk.renameWithoutReplacing(from, to: to)
    }
    func rename(_ from: String, to: String) throws(Errno) { try disk.rename(from, to: to) }
    func exchange(_ one: String, _ other: String) throws(Errno) { try disk.exchange(one, other) }
    func names(in directory: String) throws(Errno) -> [String] { try disk.names(in: directory) }
    func remove(_ path: String) throws(Errno) { try disk.remove(path) }
    func makeDirectory(_ path: String) throws(Errno) { try disk.makeDirectory(path) }
    func syncDirectory(_ path: String) throws(Errno) { try disk.syncDirectory(path) }
}

private final class CountingFile: StorageFile {
    private let file: any StorageFile
    private let storage: CountingStorage

    init(_ file: any StorageFile, _ storage: CountingStorage) { (self.file, self.storage) = (file, storage) }

    func length() throws(Errno) -> UInt64 { try file.length() }
    func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) throws(Errno) -> Int {
        try file.read(at: offset, into: &buffer)
    }
    func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(Errno) { try file.write(bytes, at: offset) }
    func truncate(to length: UInt64) throws(Errno) { try file.truncate(to: length) }
    func sync() throws(Errno) {
        storage.noteSync()
        try file.sync()
    }
    func identity() throws(Errno) -> FileIdentity { try file.identity() }
    func nextData(from offset: UInt64) -> UInt64 { file.nextData(from: offset) }
    func nameCount() throws(Errno) -> Int { try file.nameCount() }
    func adoptAttributes(of other: any StorageFile) throws(Errno) { try file.adoptAttributes(of: other) }
    func tryLock(_ kind: LockKind) throws(Errno) -> Bool { try file.tryLock(kind) }
    func unlock() { file.unlock() }
}
