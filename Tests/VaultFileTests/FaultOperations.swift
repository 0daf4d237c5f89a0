import Compaction
import Platform
import Sodium

@testable import VaultFile
@testable import VaultCore

/// An operation on a vault that ``FaultTests`` disturbs.
struct FaultOperation: Sendable, CustomStringConvertible {
    /// Performs the operation, and repeats it after the disk works again.
    typealias Body = () throws(VaultFileError) -> Void

    let description: String
    /// Creates the world for the operation.
    let world: @Sendable () throws -> World
    /// Opens what the operation needs, on a disk that works.
    let prepare: @Sendable (World) throws -> (body: Body, recover: Body)
    /// The error with which a second run of the operation may fail.
    var done: VaultFileError?

    init(
        _ description: String, in world: @escaping @Sendable () throws -> World = FaultOperation.vault,
        done: VaultFileError? = nil,
        _ prepare: @escaping @Sendable (World) throws -> (body: Body, recover: Body)
    ) {
        (self.description, self.world, self.prepare, self.done) = (description, world, prepare, done)
    }

    /// Creates an operation that opens what it needs itself.
    static func plain(
        _ description: String, in world: @escaping @Sendable () throws -> World = FaultOperation.vault,
        done: VaultFileError? = nil, _ body: @escaping @Sendable (World) throws(VaultFileError) -> Void
    ) -> FaultOperation {
        FaultOperation(description, in: world, done: done) { world in
            ({ () throws(VaultFileError) in try body(world) }, { () throws(VaultFileError) in })
        }
    }

    /// Creates an operation on an open log.
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

    /// Creates a vault with some history and an older backup of it.
    @Sendable static func vault() throws -> World {
        let world = World.remembering()
        world.clock.step = 1000
        let log = try world.create()
        try log.append(.text("A", "one"), .text("project:web/B", "two"), .text("meta:A", "{}"))
        world.disk[backup] = world.bytes
        try log.append(.text("A", "three"))
        try log.append(.remove("project:web/B"), .put("C", noise(3000)))
        return world
    }

    /// Creates the same with bytes behind the last commit.
    @Sendable static func interrupted() throws -> World {
        let world = try vault()
        world.bytes += noise(300)
        return world
    }

    /// Creates a vault with a damaged frame in the middle.
    @Sendable static func damaged() throws -> World {
        let world = try vault()
        world.disk.flip(world.path, at: 4608 + 176 + 60, bit: 1)
        return world
    }

    static let other = "/home/other"

    /// Creates a vault and a diverged copy of it.
    @Sendable static func apart() throws -> World {
        let world = try vault()
        world.disk[other] = world.bytes
        try world.open().append(.text("A", "four"), .text("D", "here"))
        try world.openOther(.writing).append(.text("A", "five"), .remove("C"), .text("meta:C", "{}"))
        try world.openOther(.writing).append(.put("E", noise(3000)))
        return world
    }

    /// Creates the same with bytes behind the last commit of either file.
    @Sendable static func apartAndInterrupted() throws -> World {
        let world = try apart()
        world.bytes += noise(300)
        world.disk[other] += noise(500)
        return world
    }

    /// All operations of the engine.
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

    /// Creates two diverged copies, the other one with new keys.
    @Sendable private static func apartWithNewerKeys() throws -> World {
        let world = try apart()
        try world.changeKeys(of: other)
        return world
    }

    /// Creates a copy with later changes and new keys.
    @Sendable private static func behindWithOlderKeys() throws -> World {
        let world = try vault()
        world.disk[other] = world.bytes
        try world.openOther(.writing).append(.text("A", "five"))
        try world.changeKeys(of: other)
        return world
    }

    /// Creates two copies, one of which was merged into the other.
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
        opened("append metadata with a value") { log throws(VaultFileError) in
            try log.append(.text("A", "new"), .put("meta:A", noise(900)), .remove("meta:C"))
        },
        opened("append metadata on a condition") { log throws(VaultFileError) in
            var changes = try transaction([.text("meta:A", "new")])
            let place = address("meta:A")
            changes.require(Transaction.Condition(place, newest: log.newestVersion(of: place)))
            try log.append(changes)
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

/// A holder of the key of a world's backup, which is also the key of its vault.
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

    /// The diverged copy, for which this machine has no checkpoint.
    func openOther(_ access: StorageAccess) throws(VaultFileError) -> Log {
        var dependencies = dependencies
        dependencies.checkpoints = nil
        let passphrase = passphrase
        return try Log(path: FaultOperation.other, access: access, dependencies: dependencies) {
            header throws(VaultFileError) in try header.unlock(passphrase: passphrase.span)
        }
    }

    /// Gives the vault, or a copy of it, new keys with the same passphrase.
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
