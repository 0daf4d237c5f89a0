internal import Platform
internal import Sodium
internal import VaultFile

/// A file that is written beside the place that it shall have, locked, and removed unless it gets there.
final class NewFile {
    let path: String
    let file: any StorageFile
    private let storage: any Storage
    private var isNamed = false

    /// Makes `.NAME.PURPOSE-RANDOM` beside `target`, a path without symbolic links.
    init(
        for target: String, purpose: String, _ dependencies: Dependencies
    ) throws(VaultFileError) {
        let suffix: String
        do throws(SodiumError) {
            suffix = try dependencies.entropy.fileNameSuffix()
        } catch {
            throw VaultFileError(error)
        }
        let path = Path.join(Path.directory(of: target), NewFile.prefix(of: target, purpose) + suffix)
        self.path = path
        storage = dependencies.storage
        let directory = Path.directory(of: target)
        storage.removeLeftovers(in: directory) { NewFile.isLeftover($0, target) }
        do throws(Errno) {
            file = try dependencies.storage.createLocked(path)
        } catch {
            throw .io(.rewrite, error)
        }
    }

    deinit { if !isNamed { try? storage.remove(path) } }

    /// Makes it durable and gives it its name.
    ///
    /// - Parameter rename: moves it there.
    func publish(
        at target: String, _ rename: (any Storage, String) throws(Errno) -> Void
    ) throws(VaultFileError) {
        do throws(Errno) {
            try file.sync()
            try rename(storage, path)
        } catch .alreadyInUse {
            throw .severalNames  // something is mounted there
        } catch .fileExists {
            throw .alreadyExists
        } catch {
            throw .io(.rename, error)
        }
        isNamed = true
        do throws(Errno) {
            try storage.syncDirectory(Path.directory(of: target))
        } catch {
            throw .outcomeUnknown(error)
        }
    }

    /// Removes the names that a file had before the one `target`, if a process was killed that gave it that by a link.
    ///
    /// Its lock, which the caller holds, keeps them from being taken for what nobody owns.
    static func removeSecondNames(
        of file: any StorageFile, at target: String, _ storage: any Storage
    ) throws(VaultFileError) {
        guard try during(.open, { () throws(Errno) in try file.nameCount() }) > 1 else { return }
        let directory = Path.directory(of: target)
        for name in (try? storage.names(in: directory)) ?? [] where isLeftover(name, target) {
            let path = Path.join(directory, name)
            guard let there = try? storage.identity(of: path), let identity = try? file.identity(),
                there == identity
            else { continue }
            try? storage.remove(path)
        }
    }

    /// What files beside a vault are made for; ``VaultFile`` makes the new ones.
    private static let purposes = ["compact", "copy", "salvage", "new"]

    private static func isLeftover(_ name: String, _ target: String) -> Bool {
        purposes.contains { purpose in
            let prefix = prefix(of: target, purpose)
            return name.hasPrefix(prefix) && Entropy.isFileNameSuffix(name.utf8.dropFirst(prefix.utf8.count))
        }
    }

    private static func prefix(of target: String, _ purpose: String) -> String {
        ".\(Path.name(of: target)).\(purpose)-"
    }
}
