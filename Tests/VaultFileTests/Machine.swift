import Compaction
import Platform
import Sodium

@testable import VaultFile
@testable import VaultCore

/// A model of a vault: the versions of every secret, new to old, nil for a tombstone.
typealias Ledger = [Address: [[UInt8]?]]

extension Ledger {
    /// Returns the model after a transaction.
    func adding(_ steps: [Step]) -> Ledger {
        var ledger = self
        for step in steps {
            switch step {
            case .put(let name, let value): ledger[address(name), default: []].insert(value, at: 0)
            case .remove(let name):
                let address = address(name)
                // Metadata that are removed are empty ones.
                ledger[address, default: []].insert(address.isOfMetadata ? [] : nil, at: 0)
            }
        }
        return ledger
    }

    /// Returns the model after older versions are dropped.
    var newest: Ledger { mapValues { Array($0.prefix(1)) } }
}

extension Log {
    /// The content of the file, without times.
    func ledger() throws(VaultFileError) -> Ledger {
        var ledger: Ledger = [:]
        for address in addresses { ledger[address] = try entries(address).map(\.value) }
        return ledger
    }
}

/// The contents of the vault and its backup; nil for a file that does not exist.
struct Books: Hashable, Sendable {
    var vault: Ledger?
    var backup: Ledger?

    /// Returns the contents in which the file that a deed changes is as in `result`.
    func adopting(_ result: Books, _ deed: Deed) -> Books {
        if case .backup = deed { return Books(vault: vault, backup: result.backup) }
        return Books(vault: result.vault, backup: backup)
    }
}

/// An operation that a process performs on a vault, like one verb.
enum Deed: Sendable {
    case create
    /// Several transactions in one write.
    case commit([[Step]])
    case compact
    case backup
    case restore
    /// Changes the keys.
    case passwd
    /// Merges changes that were made to a copy on another machine.
    case merge([Step])
    /// Purges all versions and metadata of a name, if there are any.
    case purge(String)

    /// Sets a new value of so many bytes.
    static func change(_ name: String, _ count: Int) -> Deed { .commit([[.put(name, noise(count))]]) }

    /// Returns the contents after the deed; until it is done, the files keep their contents.
    func result(after books: Books) -> Books {
        var books = books
        switch self {
        case .create: books.vault = [:]
        case .commit(let transactions): books.vault = books.vault?.adding(transactions.flatMap(\.self))
        case .compact: books.vault = books.vault?.newest
        case .backup: books.backup = books.vault
        case .restore: books.vault = books.backup
        case .passwd: break
        case .merge(let steps): books.vault = books.vault?.adding(steps)
        case .purge(let name):
            books.vault?[address(name)] = nil
            books.vault?[address(name).metadata] = nil
        }
        return books
    }

    var makesVault: Bool { if case .create = self { true } else { false } }
}

/// A master key that is kept, so that it need not be derived for each of a million opens.
struct MasterKey: Sendable {
    let bytes: [UInt8]

    func copy() throws(VaultFileError) -> Key {
        try guarding(Key(copying: bytes.span))
    }
}

extension [MasterKey] {
    /// Returns the key that authenticates the header of a file; the last one if none does.
    func ofFile(_ bytes: [UInt8]) -> MasterKey {
        let own = (try? Header(bytes, bounds: .testOnlyWeak)).flatMap { header in
            first { key in (try? header.isAuthentic(master: key.copy())) == true }
        }
        return own ?? self[count - 1]
    }
}

/// A job runner with a ``MasterKey``.
final class MasterWorker: JobRunner {
    private let master: MasterKey
    private let dependencies: Dependencies

    init(_ master: MasterKey, _ dependencies: Dependencies) {
        (self.master, self.dependencies) = (master, dependencies)
    }

    func perform(_ job: Job, progress: ProgressHandler) throws(VaultError) -> JobReport {
        do throws(VaultFileError) {
            return try job.run(master: try master.copy(), dependencies: dependencies, progress: progress)
        } catch {
            throw .file(error)
        }
    }

    func history(of secret: SecretID, in path: String) throws(VaultError) -> [SecretVersion] {
        let key: Key
        do throws(VaultFileError) { key = try master.copy() } catch { throw .file(error) }
        return try Job.history(of: secret, in: path, master: key, dependencies)
    }
}

/// A machine with a vault and a backup, whose disk records the calls.
final class Machine {
    static let backup = "/backup/a.vault"
    static let marks = "/state/seen"

    let disk: RecordingDisk
    let world: World
    /// The keys that the vault had, and those that it was to get.
    private(set) var masters: [MasterKey] = []
    /// The log that stays open between deeds, as in an agent.
    private var log: Log?
    private let keepsLog: Bool

    init(seed: UInt64, keepsLog: Bool, hasMarks: Bool) {
        var world = World(seed: seed)
        disk = RecordingDisk(world.disk)
        world.dependencies.storage = disk
        world.dependencies.checkpoints = hasMarks ? CheckpointStore(path: Machine.marks, storage: disk) : nil
        world.clock.step = 1000
        world.disk["/backup/README"] = Array("backups".utf8)
        self.world = world
        self.keepsLog = keepsLog
    }

    /// Ends the process; the next deed belongs to another one.
    func endProcess() {
        log = nil
        world.disk.releaseLocks()
        disk.fault = nil
    }

    func perform(_ deed: Deed) throws {
        do {
            try attempt(deed)
        } catch {
            log = nil
            throw error
        }
        if !keepsLog { log = nil }
    }

    private func attempt(_ deed: Deed) throws {
        switch deed {
        case .create:
            let made = try world.create()
            masters = [MasterKey(bytes: made.copyOfMasterBytes())]
            log = made
        case .commit(let transactions):
            let changes = try transactions.map { steps in TransactionBox(try transaction(steps)) }
            try opened().append(timeout: 0) { batch throws(VaultFileError) in
                for change in changes {
                    guard try batch.add(change.transaction) else { throw .transactionTooLarge }
                }
            }
        case .compact:
            _ = try Compaction.run(
                path: world.path, master: try known().copy(), keeping: .none, dependencies: world.dependencies
            )
        case .backup:
            let backup = try backups(world.path)
            let verification = try backup.make(at: Machine.backup)
            try? backup.remember(verification)
        case .restore:
            // A checkpoint that cannot be saved is only a warning, unless the process is dead.
            let restored = try backups(Machine.backup).restore(from: Machine.backup)
            if let failure = restored.markFailure { throw failure }
        case .passwd: try changeKeys()
        case .merge(let steps): try merge(steps)
        case .purge(let name):
            do {
                _ = try Compaction.purge(
                    .all, of: address(name), path: world.path, master: try known().copy(),
                    dependencies: world.dependencies)
            } catch VaultFileError.noSuchVersion {
                // Nothing to do.
            }
        }
    }

    /// Copies the vault to another machine's disk, changes the copy there, and merges it.
    private func merge(_ steps: [Step]) throws {
        var elsewhere = world.dependencies
        let away = MemoryDisk()
        away[world.path] = world.disk[world.path]
        (elsewhere.storage, elsewhere.checkpoints) = (away, nil)
        let (path, master) = (world.path, try known())
        let other = try Log(
            path: path, access: .writing, dependencies: elsewhere, master: master.copy())
        let changes = try transaction(steps)
        try other.append(changes, timeout: 0)
        let here = try Log(
            path: path, access: .writing, dependencies: world.dependencies, master: master.copy())
        _ = try Merge.run(into: here, from: other, MergeOptions(), now: world.clock.now)
    }

    private func changeKeys() throws {
        let old = try known()
        let header = try Log.readHeader(path: world.path, dependencies: world.dependencies)
        let passphrase = world.passphrase
        let keys = try NewKeys(
            for: header.vaultID, passphrase: passphrase.span, parameters: World.weak,
            hasRecoveryKey: masters.count % 2 == 0, dependencies: world.dependencies)
        masters.append(MasterKey(bytes: keys.master.withBytes { key in key.array(key.indices) }))
        _ = try Compaction.changeKeys(
            path: world.path, from: old.copy(), to: keys, dependencies: world.dependencies)
    }

    private func opened() throws -> Log {
        if let log {
            do throws(VaultFileError) {
                try log.refresh()
                return log
            } catch {
                guard error == .keysChanged else { throw error }
                // An agent would continue with the key that it was given.
            }
        }
        let log = try Log(
            path: world.path, access: .writing, dependencies: world.dependencies, master: try known().copy())
        self.log = log
        return log
    }

    /// Returns a job runner for backups and restores, with the key of the file at `path`.
    private func backups(_ path: String) throws -> Backup {
        Backup(
            of: world.path, by: MasterWorker(try known(path), world.dependencies),
            dependencies: world.dependencies)
    }

    /// The key of the vault that is or was here, or of its backup.
    ///
    /// For an unfinished vault, this is the key that it was to get.
    func known(_ path: String? = nil) throws -> MasterKey {
        if masters.isEmpty { masters = [MasterKey(bytes: try world.masterKey())] }
        return masters.ofFile(
            world.disk.files[path ?? world.path] == nil ? [] : world.disk[path ?? world.path])
    }
}

/// A box that lets an array hold a transaction.
private final class TransactionBox {
    let transaction: Transaction

    init(_ transaction: consuming Transaction) { self.transaction = transaction }
}

extension Log {
    fileprivate func copyOfMasterBytes() -> [UInt8] {
        master.withBytes { key in key.indices.map { key[$0] } }
    }
}
