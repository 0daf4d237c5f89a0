internal import Platform
public import Sodium

extension Log {
    /// Creates a vault file with the mode 0600, and its directory if that is missing.
    ///
    /// An existing file is never touched.
    ///
    /// - Parameters:
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - parameters: within `dependencies.writingBounds`.
    ///   - showRecoveryKey: if not nil, the vault gets a recovery key, which this is lent once the vault is durable.
    /// - Throws: ``VaultFileError/alreadyExists``, ``VaultFileError/refusedParameters(_:)``,
    ///   ``VaultFileError/outOfMemory``, ``VaultFileError/io(_:_:)``. No file is left then.
    public static func create(
        path: String, passphrase: Span<UInt8>, parameters: Argon2id.Parameters, dependencies: Dependencies,
        showRecoveryKey: ((borrowing RecoveryKey) -> Void)? = nil
    ) throws(VaultFileError) -> Log {
        if (try? dependencies.storage.identity(of: path)) != nil { throw .alreadyExists }
        let entropy = dependencies.entropy
        let master = try guarding(entropy.key())
        let id = try guarding(entropy.bytes(16))
        let fileSalt = try guarding(entropy.bytes(32))
        let keys = try NewKeys(
            master, for: Bytes16(id.span, at: 0), passphrase: passphrase, parameters: parameters,
            hasRecoveryKey: showRecoveryKey != nil, dependencies: dependencies)
        let header = try guarding(
            Header.encode(
                Header.Fields(vaultID: id, fileSalt: fileSalt), slots: keys.slots, master: keys.master))
        let log = try publish(
            try Header(header, bounds: dependencies.readingBounds), at: path, dependencies,
            try keys.master.copy())
        keys.showRecovery(showRecoveryKey)
        return log
    }

    /// Writes the header and its copy to a temporary file, and renames it once it is durable and read back.
    private static func publish(
        _ header: Header, at path: String, _ dependencies: Dependencies, _ master: consuming Key
    ) throws(VaultFileError) -> Log {
        let storage = dependencies.storage
        let directory = Path.directory(of: path)
        let suffix = try guarding(dependencies.entropy.fileNameSuffix())
        let temporary = Path.join(directory, ".\(Path.name(of: path)).new-\(suffix)")
        let bytes = header.front
        let file = try during(.create) { () throws(Errno) in
            try storage.makeOwnDirectory(directory)
            return try storage.create(temporary)
        }
        do throws(VaultFileError) {
            try during(.create) { () throws(Errno) in
                try file.write(bytes.span, at: 0)
                try file.sync()
            }
            let log = try Log(path, .writing, dependencies, file, header, master: master)
            try log.takeName(from: temporary)
            return log
        } catch {
            try? storage.remove(temporary)
            throw error
        }
    }

    /// Renames a new file to its path, and removes it if that cannot be made durable; nobody else writes it before.
    private func takeName(from temporary: String) throws(VaultFileError) {
        let (file, storage, path) = (openFile, dependencies.storage, path)
        // Without locks on this file system, nobody waits for one.
        _ = try? file.tryLock(.exclusive)
        defer { file.unlock() }
        do throws(Errno) {
            try storage.renameWithoutReplacing(temporary, to: path)
        } catch {
            throw error == .fileExists ? .alreadyExists : .io(.create, error)
        }
        do throws(Errno) {
            try storage.syncDirectory(Path.directory(of: path))
        } catch {
            guard (try? storage.remove(path)) != nil else { throw .outcomeUnknown(error) }
            throw .io(.create, error)
        }
        remember(self, after: note(readCheckpoints()))
    }
}
