internal import Platform
internal import Sodium
internal import VaultFile

/// A locked file that is written beside its target, and removed unless it is published there.
final class NewFile {
    let path: String
    let file: any StorageFile
    private let storage: any Storage
    private var isNamed = false

    /// Creates `.NAME.PURPOSE-RANDOM` beside `target`, a path without symbolic links.
    init(
        for target: String, purpose: String, _ dependencies: Dependencies
    ) throws(VaultFileError) {
        let suffix = try guarding(dependencies.entropy.fileNameSuffix())
        let directory = Path.directory(of: target)
        let path = Path.join(directory, NewFile.prefix(of: target, purpose) + suffix)
        self.path = path
        storage = dependencies.storage
        storage.removeLeftovers(in: directory) { NewFile.isLeftover($0, target) }
        file = try during(.rewrite, dependencies.storage.createLocked(path))
    }

    deinit { if !isNamed { try? storage.remove(path) } }

    /// Makes the file durable and renames it to `target`.
    ///
    /// - Parameter rename: renames it.
    func publish(
        at target: String, _ rename: (any Storage, String) throws(Errno) -> Void
    ) throws(VaultFileError) {
        do throws(Errno) {
            try file.sync()
            try rename(storage, path)
        } catch .alreadyInUse {
            throw .severalNames  // The target is a mount point.
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

    /// Removes the temporary name of a file at `target`, if a process was killed after it had published the file by a hard link.
    ///
    /// The caller holds the file's lock, so no other process takes the name for a leftover meanwhile.
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

    /// The purposes of temporary files beside a vault; `Log.create` uses `new`.
    private static let purposes = ["compact", "copy", "salvage", "new"]

    /// Returns whether a file of this name beside `target` is a temporary one of a rewrite.
    fileprivate static func isLeftover(_ name: String, _ target: String) -> Bool {
        purposes.contains { purpose in
            let prefix = prefix(of: target, purpose)
            return name.hasPrefix(prefix) && Entropy.isFileNameSuffix(name.utf8.dropFirst(prefix.utf8.count))
        }
    }

    private static func prefix(of target: String, _ purpose: String) -> String {
        ".\(Path.name(of: target)).\(purpose)-"
    }
}

extension Compaction {
    /// Returns whether a file of this name beside the vault at `path` is a temporary one of a rewrite.
    package static func isLeftover(_ name: String, of path: String) -> Bool { NewFile.isLeftover(name, path) }
}
