import Compaction
import Platform
import Sodium

@testable import VaultFile
@testable import VaultKit

/// Something that is done with a vault, to be disturbed.
struct FaultOperation: Sendable, CustomStringConvertible {
    /// Does it; and does it again after the disk works again.
    typealias Body = () throws(VaultFileError) -> Void

    let description: String
    /// Makes the world in which it is done, once.
    let world: @Sendable () throws -> World
    /// Opens what it needs on a disk that works.
    let prepare: @Sendable (World) throws -> (body: Body, recover: Body)
    /// What it says when it is done a second time, if not that it is done.
    var done: VaultFileError?

    init(
        _ description: String, in world: @escaping @Sendable () throws -> World = FaultOperation.vault,
        done: VaultFileError? = nil,
        _ prepare: @escaping @Sendable (World) throws -> (body: Body, recover: Body)
    ) {
        (self.description, self.world, self.prepare, self.done) = (description, world, prepare, done)
    }

    /// One that needs nothing opened.
    static func plain(
        _ description: String, in world: @escaping @Sendable () throws -> World = FaultOperation.vault,
        done: VaultFileError? = nil, _ body: @escaping @Sendable (World) throws(VaultFileError) -> Void
    ) -> FaultOperation {
        FaultOperation(description, in: world, done: done) { world in
            ({ () throws(VaultFileError) in try body(world) }, { () throws(VaultFileError) in })
        }
    }

    /// One of a log that is open already.
    static func opened(
        _ description: String, in world: @escaping @Sendable () throws -> World = FaultOperation.vault,
        _ access: StorageAccess = .writing, meanwhile: @escaping @Sendable (World) throws -> Void = { _ in },
        _ body: @escaping @Sendable (Log) throws(VaultFileError) -> Void
    ) -> FaultOperation {
        FaultOperation(description, in: world) { world in
            let log = try world.open(access)
            try meanwhile(world)
            return (
                { () throws(VaultFileError) in try body(log) },
                { () throws(VaultFileError) in try log.refresh() }
            )
        }
    }

    static let backup = "/backups/b"

    /// A vault with some history, and an older backup of it.
    @Sendable static func vault() throws -> World {
        let world = World.remembering()
        world.clock.step = 1000
        let log = try world.create()
        try log.append(.text("A", "one"), .text("project:web/B", "two"))
        world.disk[backup] = world.bytes
        try log.append(.text("A", "three"))
        try log.append(.remove("project:web/B"), .put("C", noise(3000)))
        return world
    }

    /// The same with bytes behind the last commit.
    @Sendable static func interrupted() throws -> World {
        let world = try vault()
        world.bytes += noise(300)
        return world
    }

    /// A vault of which a frame in the middle is damaged.
    @Sendable static func damaged() throws -> World {
        let world = try vault()
        world.disk.flip(world.path, at: 4608 + 176 + 60, bit: 1)
        return world
    }

    static let other = "/home/other"

    /// A vault, and a copy of it that went another way.
    @Sendable static func apart() throws -> World {
        let world = try vault()
        world.disk[other] = world.bytes
        try world.open().append(.text("A", "four"), .text("D", "here"))
        try world.openOther(.writing).append(.text("A", "five"), .remove("C"))
        try world.openOther(.writing).append(.put("E", noise(3000)))
        return world
    }

    /// The same with bytes behind the last commit of either.
    @Sendable static func apartAndInterrupted() throws -> World {
        let world = try apart()
        world.bytes += noise(300)
        world.disk[other] += noise(500)
        return world
    }

    /// Everything that the engine does.
    static let all: [FaultOperation] = writing + reading + rewriting + copying + merging

    private static let merging = [
        plain("compare", in: apart) { world throws(VaultFileError) in
            _ = try Comparison(try world.open(.reading), try world.openOther(.reading))
        },
        plain("merge", in: apart) { world throws(VaultFileError) in try world.merge() },
        plain("merge after a tail", in: apartAndInterrupted) { world throws(VaultFileError) in
            try world.merge()
        },
        plain("merge again", in: apartMerged) { world throws(VaultFileError) in try world.merge() },
        plain("merge and take keys", in: apartWithNewerKeys) { world throws(VaultFileError) in
            try world.merge()
        },
        plain("take keys of a copy that has all", in: behindWithOlderKeys) { world throws(VaultFileError) in
            try world.merge()
        },
    ]

    /// Two copies that went apart, of which the other one has new keys.
    @Sendable private static func apartWithNewerKeys() throws -> World {
        let world = try apart()
        try world.changeKeys(of: other)
        return world
    }

    /// A copy that went on and has new keys.
    @Sendable private static func behindWithOlderKeys() throws -> World {
        let world = try vault()
        world.disk[other] = world.bytes
        try world.openOther(.writing).append(.text("A", "five"))
        try world.changeKeys(of: other)
        return world
    }

    /// Two copies, of which one was merged into the other.
    @Sendable private static func apartMerged() throws -> World {
        let world = try apart()
        try world.merge()
        return world
    }

    private static let writing = [
        plain("create", in: { World.remembering() }, done: .alreadyExists) { world throws(VaultFileError) in
            _ = try world.create()
        },
        opened("append") { log throws(VaultFileError) in try log.append(.text("A", "new")) },
        opened("append a batch") { log throws(VaultFileError) in
            try log.append { batch throws(VaultFileError) in
                for step in [Step.text("A", "new"), .text("D", "new"), .remove("C")] {
                    _ = try batch.add(try transaction([step]))
                }
            }
        },
        opened("append after a tail", in: interrupted) { log throws(VaultFileError) in
            try log.append(.text("A", "new"))
        },
        opened("append behind another writer", meanwhile: { try $0.open().append(.text("E", "other")) }) {
            log throws(VaultFileError) in try log.append(.text("A", "new"))
        },
        opened("append behind a compaction", meanwhile: { try $0.compact() }) { log throws(VaultFileError) in
            try log.append(.text("A", "new"))
        },
        opened("become writable and append", .reading) { log throws(VaultFileError) in
            try log.becomeWritable()
            try log.append(.text("A", "new"))
        },
    ]

    private static let reading = [
        plain("open and read all") { world throws(VaultFileError) in _ = try world.open(.reading).history() },
        opened("refresh behind a writer", meanwhile: { try $0.open().append(.text("E", "other")) }) {
            log throws(VaultFileError) in try log.refresh()
        },
        opened("refresh behind a compaction", meanwhile: { try $0.compact() }) { log throws(VaultFileError) in
            try log.refresh()
        },
        opened("check") { log throws(VaultFileError) in _ = try log.check() },
        plain("check without a key") { world throws(VaultFileError) in
            _ = try KeylessCheck(path: world.path, dependencies: world.dependencies)
        },
        opened("trust") { log throws(VaultFileError) in
            guard let marks = log.dependencies.checkpoints else { throw .busy }
            _ = try log.accept(in: marks)
        },
    ]

    private static let rewriting = [
        plain("compact") { world throws(VaultFileError) in try world.compact() },
        plain("compact after a tail", in: interrupted) { world throws(VaultFileError) in try world.compact()
        },
        plain("change keys") { world throws(VaultFileError) in try world.changeKeys() },
        plain("purge", done: .noSuchVersion) { world throws(VaultFileError) in try world.purge(.all, of: "A")
        },
        plain("salvage", in: damaged, done: .alreadyExists) { world throws(VaultFileError) in
            _ = try Salvage.run(
                from: world.path, to: "/home/salvaged", master: try world.key(),
                dependencies: world.dependencies)
        },
    ]

    private static let copying = [
        plain("backup") { world throws(VaultFileError) in try world.backup(to: "/backups/new") },
        plain("backup over an older one") { world throws(VaultFileError) in
            try world.backup(to: FaultOperation.backup)
        },
        plain("stream") { world throws(VaultFileError) in
            try world.withBackup { backup, _ throws(VaultError) in
                try backup.stream { _ throws(VaultError) in }
            }
        },
        plain("restore") { world throws(VaultFileError) in try world.restore() },
        plain(
            "restore where nothing is",
            in: {
                let world = try vault()
                try world.disk.remove(world.path)
                return world
            }
        ) { world throws(VaultFileError) in try world.restore() },
    ]
}

/// Somebody who has the key of a world's backup, which is that of its vault.
private final class WorldWorker: JobRunner {
    private let key: Key
    private let dependencies: Dependencies

    init(_ key: consuming Key, _ dependencies: Dependencies) {
        self.key = key
        self.dependencies = dependencies
    }

    func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport {
        do throws(VaultFileError) {
            return try job.run(master: key, dependencies: dependencies, progress: progress)
        } catch {
            throw .file(error)
        }
    }

    func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion] {
        try Job.history(of: secret, in: path, master: key, dependencies)
    }
}

extension World {
    func withBackup(_ body: (Backup, any JobRunner) throws(VaultError) -> Void) throws(VaultFileError) {
        let passphrase = passphrase
        let header = try Log.readHeader(path: FaultOperation.backup, dependencies: dependencies)
        let worker = WorldWorker(try header.unlock(passphrase: passphrase.span), dependencies)
        do throws(VaultError) {
            try body(Backup(of: path, by: worker, dependencies: dependencies), worker)
        } catch .file(let error) {
            throw error
        } catch {
            throw .io(.open, .invalidArgument)  // no other is expected
        }
    }

    func backup(to target: String) throws(VaultFileError) {
        try withBackup { backup, _ throws(VaultError) in
            let made = try backup.make(at: target)
            try? backup.remember(made)
        }
    }

    /// The copy that went another way, of which this machine remembers nothing.
    func openOther(_ access: StorageAccess) throws(VaultFileError) -> Log {
        var dependencies = dependencies
        dependencies.checkpoints = nil
        let passphrase = passphrase
        return try Log(path: FaultOperation.other, access: access, dependencies: dependencies) {
            header throws(VaultFileError) in try header.unlock(passphrase: passphrase.span)
        }
    }

    /// Gives the vault, or a copy of it, new keys under its passphrase.
    func changeKeys(of other: String? = nil) throws(VaultFileError) {
        var dependencies = dependencies
        if other != nil { dependencies.checkpoints = nil }
        let (path, passphrase) = (other ?? path, passphrase)
        let header = try Log.readHeader(path: path, dependencies: dependencies)
        let keys = try NewKeys(
            for: header.vaultID, passphrase: passphrase.span, parameters: World.weak, hasRecoveryKey: true,
            dependencies: dependencies)
        let old = try header.unlock(passphrase: passphrase.span)
        _ = try Compaction.changeKeys(path: path, from: old, to: keys, dependencies: dependencies)
    }

    @discardableResult
    func merge(_ options: MergeOptions = MergeOptions(takesKeys: true)) throws(VaultFileError) -> Merge.Report
    {
        try Merge.run(into: try open(), from: try openOther(.reading), options, now: clock.now)
    }

    @discardableResult
    func purge(_ purge: Compaction.Purge, of name: String) throws(VaultFileError) -> UInt64 {
        try Compaction.purge(
            purge, of: address(name), path: path, master: try key(), dependencies: dependencies
        ).removed
    }

    func restore() throws(VaultFileError) {
        try withBackup { backup, _ throws(VaultError) in _ = try backup.restore(from: FaultOperation.backup) }
    }
}
