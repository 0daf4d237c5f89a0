import Compaction
import Dispatch
import Glibc
import Platform
import Sodium
import Synchronization
import Testing

@testable import VaultFile

/// A temporary directory that is removed with the object.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/vault-tests-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }
        }
        path = try #require(made.map { String(cString: $0) })
    }

    deinit { TemporaryDirectory.remove(path) }

    var names: [String] { TemporaryDirectory.names(in: path) }

    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func remove(_ path: String) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) { remove(path + "/" + name) }
        }
        _ = Glibc.remove(path)
    }
}

@Suite struct DiskTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let dependencies: Dependencies = {
        var dependencies = Dependencies()
        dependencies.readingBounds = .testOnlyWeak
        dependencies.writingBounds = .testOnlyWeak
        return dependencies
    }()

    private static let passphrase = Array("open sesame".utf8)

    private static func create(_ path: String) throws(VaultFileError) -> Log {
        try Log.create(
            path: path, passphrase: DiskTests.passphrase.span, parameters: World.weak,
            dependencies: DiskTests.dependencies)
    }

    private static func open(_ path: String, _ access: StorageAccess = .writing) throws(VaultFileError) -> Log
    {
        try Log(path: path, access: access, dependencies: dependencies) { header throws(VaultFileError) in
            try header.unlock(passphrase: passphrase.span)
        }
    }

    private func status(_ path: String) throws -> stat {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return status
    }

    private func write(_ path: String, _ bytes: [UInt8]) throws {
        let file = try DiskStorage().create(path)
        try file.write(bytes.span, at: 0)
    }

    private func read(_ path: String) throws -> [UInt8] {
        let file = try DiskStorage().open(path, .reading)
        var bytes = [UInt8](repeating: 0, count: Int(try file.length()))
        var span = bytes.mutableSpan
        _ = try file.read(at: 0, into: &span)
        return bytes
    }

    @Test func `a vault on the real disk keeps what was appended`() throws {
        let path = directory.path + "/a.vault"
        try DiskTests.create(path).append(.text("A", "one"), .put("B", noise(100_000)))
        try DiskTests.open(path).append(.text("A", "two"))
        let log = try DiskTests.open(path, .reading)
        #expect(try log.text("A") == "two")
        #expect(try log.value("B") == noise(100_000))
        #expect(try log.check() == [])
        #expect(directory.names == ["a.vault"])
    }

    @Test func `the file is for its owner alone, and so are the directories made for it`() throws {
        let mask = umask(0)
        defer { umask(mask) }
        let path = directory.path + "/x/y/a.vault"
        _ = try DiskTests.create(path)
        #expect(try status(path).st_mode & 0o7777 == 0o600)
        #expect(try status(directory.path + "/x").st_mode & 0o7777 == 0o700)
        #expect(try status(directory.path + "/x/y").st_mode & 0o7777 == 0o700)
    }

    @Test func `a saved tail is for its owner alone`() throws {
        let path = directory.path + "/a.vault"
        let log = try DiskTests.create(path)
        try DiskStorage().open(path, .writing).write(noise(100).span, at: 4608)
        try log.refresh()
        let saved = try #require(try log.append(.text("A", "one")))
        #expect(try status(saved.path).st_mode & 0o7777 == 0o600)
        #expect(try read(saved.path) == noise(100))
        #expect(try DiskTests.open(path).text("A") == "one")
    }

    @Test func `creation never touches what is there, not even a link to nowhere`() throws {
        let path = directory.path + "/a.vault"
        try write(path, [1, 2, 3])
        #expect(throws: VaultFileError.alreadyExists) { try DiskTests.create(path) }
        #expect(try read(path) == [1, 2, 3])
        let link = directory.path + "/link.vault"
        try #require(symlink("missing", link) == 0)
        #expect(throws: VaultFileError.alreadyExists) { try DiskTests.create(link) }
        #expect(directory.names == ["a.vault", "link.vault"])
        #expect(throws: VaultFileError.alreadyExists) { try DiskTests.create(directory.path) }
    }

    @Test func `a symbolic link to a vault is followed and stays a link`() throws {
        let (path, link) = (directory.path + "/real/a.vault", directory.path + "/link.vault")
        _ = try DiskTests.create(path)
        try #require(symlink("real/a.vault", link) == 0)
        let log = try DiskTests.open(link)
        try log.append(.text("A", "one"))
        #expect(try DiskTests.open(path).text("A") == "one")
        try DiskStorage().open(path, .writing).write(noise(100).span, at: log.committedEnd)
        let saved = try #require(try DiskTests.open(link).append(.text("A", "two")))
        #expect(Path.directory(of: saved.path) == (try Path.resolvingLinks(directory.path + "/real")))
        var status = stat()
        #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
        #expect(try DiskTests.open(path).text("A") == "two")
    }

    @Test func `where a link is turned during a rewrite, what was written is remembered where it lies`()
        throws
    {
        let store = CheckpointStore(path: directory.path + "/seen")
        var dependencies = DiskTests.dependencies
        dependencies.checkpoints = store
        let (path, other, link) = (
            directory.path + "/a.vault", directory.path + "/b.vault", directory.path + "/link"
        )
        _ = try DiskTests.create(other)
        let log = try Log.create(
            path: path, passphrase: DiskTests.passphrase.span, parameters: World.weak,
            dependencies: dependencies)
        try log.append(.text("A", "one"))
        try #require(symlink(path, link) == 0)
        let report = try Compaction.run(
            path: link, master: try log.copyOfMasterKey(), keeping: .all, dependencies: dependencies,
            progress: ProgressHandler { _, _ in unlink(link) == 0 && symlink(other, link) == 0 })
        #expect(try store.entry(of: Path.resolvingLinks(path)).lastSeen?.generation == report.generation)
        #expect(try store.entry(of: Path.resolvingLinks(other)) == .none)
    }

    @Test func `what is no vault file is told apart`() throws {
        func verdict(_ path: String, _ access: StorageAccess = .writing) -> VaultFileError? {
            do throws(VaultFileError) {
                _ = try DiskTests.open(path, access)
                return nil
            } catch {
                return error
            }
        }
        let (pipe, empty, text) = (
            directory.path + "/pipe", directory.path + "/empty", directory.path + "/text"
        )
        try #require(mkfifo(pipe, 0o600) == 0)
        try write(empty, [])
        try write(text, Array("hello".utf8))
        for access in [StorageAccess.reading, .writing] {
            #expect(verdict(directory.path, access) == .notAVault(.directory))
            #expect(verdict(pipe, access) == .notAVault(.special))
            #expect(verdict("/dev/null", access) == .notAVault(.special))
            #expect(verdict(empty, access) == .notAVault(.empty))
            #expect(verdict(text, access) == .notAVault(.content))
            #expect(verdict(directory.path + "/missing", access) == .noFile)
            #expect(verdict(text + "/a.vault", access) == .noFile)
        }
        #expect(
            verdict(directory.path + "/" + String(repeating: "x", count: 300)) == .io(.open, .nameTooLong))
    }

    @Test func `a tail of more than 64 MiB is damage though nothing of it is stored`() throws {
        let path = directory.path + "/a.vault"
        try DiskTests.create(path).append(.text("A", "one"))
        try #require(truncate(path, 4784 + 1 << 40) == 0)
        #expect(throws: VaultFileError.damaged(at: 4784)) { try DiskTests.open(path) }
        #expect(try status(path).st_size == 4784 + 1 << 40)
    }

    @Test func `writers in several threads lose nothing`() throws {
        let path = directory.path + "/a.vault"
        _ = try DiskTests.create(path)
        let (writers, rounds) = (4, 12)
        let errors = Mutex<[VaultFileError]>([])
        DispatchQueue.concurrentPerform(iterations: writers) { writer in
            do throws(VaultFileError) {
                let log = try DiskTests.open(path)
                for round in 0..<rounds {
                    try log.append(
                        .text("W\(writer)", "\(round)"), .text("SHARED", "\(writer).\(round)"),
                        timeout: 20_000)
                }
            } catch {
                errors.withLock { $0.append(error) }
            }
        }
        #expect(errors.withLock { $0 } == [])
        let log = try DiskTests.open(path)
        #expect(try log.check() == [])
        #expect(log.versionCount == 2 * writers * rounds)
        for writer in 0..<writers {
            let values = try log.entries(address("W\(writer)")).compactMap(\.value).map {
                String(decoding: $0, as: UTF8.self)
            }
            #expect(values == (0..<rounds).reversed().map { "\($0)" })
        }
        let times = log.versions(address("SHARED")).map(\.time)
        #expect(times == Set(times).sorted(by: >))
        #expect(directory.names == ["a.vault"])
    }

    @Test func `of several that create the same vault one succeeds`() throws {
        let path = directory.path + "/a.vault"
        let results = Mutex<[VaultFileError?]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            var failure: VaultFileError?
            do throws(VaultFileError) { _ = try DiskTests.create(path) } catch { failure = error }
            results.withLock { $0.append(failure) }
        }
        #expect(results.withLock { $0.filter { $0 == nil }.count } == 1)
        #expect(results.withLock { $0.filter { $0 == .alreadyExists }.count } == 3)
        #expect(directory.names == ["a.vault"])
    }

    @Test func `readers see whole transactions while a writer is at work`() throws {
        let path = directory.path + "/a.vault"
        try DiskTests.create(path).append(.text("A", "0"), .text("B", "0"))
        let isDone = Atomic(false)
        let problems = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 2) { worker in
            do throws(VaultFileError) {
                let log = try DiskTests.open(path, worker == 0 ? .writing : .reading)
                if worker == 0 {
                    defer { isDone.store(true, ordering: .relaxed) }
                    for round in 1...40 {
                        try log.append(
                            .text("A", "\(round)"), .put("C", noise(9000)), .text("B", "\(round)"),
                            timeout: 20_000)
                    }
                    return
                }
                repeat {
                    try log.refresh()
                    let (a, b) = (try log.text("A"), try log.text("B"))
                    if a != b { problems.withLock { $0.append("\(a ?? "-") \(b ?? "-")") } }
                    if log.unfinishedTail != nil { problems.withLock { $0.append("a tail") } }
                } while !isDone.load(ordering: .relaxed)
            } catch {
                problems.withLock { $0.append("\(error)") }
            }
        }
        #expect(problems.withLock { $0 } == [])
        #expect(try DiskTests.open(path).text("B") == "40")
    }
}
