internal import Compaction
public import Platform
public import VaultFile

/// Makes backups of a vault's file, and restores them.
public struct Backup {
    private let path: String
    private let runner: any JobRunner
    private let dependencies: Dependencies

    /// Creates the backups of the vault at `path`, a path without symbolic links.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - runner: a job runner with the key of the vault and of its backups.
    ///   - dependencies: the disk, the clock and the checkpoints.
    public init(
        of path: String, by runner: any JobRunner, dependencies: Dependencies = .live
    ) {
        (self.path, self.runner, self.dependencies) = (path, runner, dependencies)
    }

    /// Returns the path of a backup to `destination`: a file in it, if it is a directory.
    public func target(_ destination: String) -> String {
        let real = Locations.realPath(of: destination)
        let isDirectory: Bool
        do throws(Errno) {
            _ = try dependencies.storage.open(real, .reading)
            isDirectory = false
        } catch {
            isDirectory = error == .isDirectory
        }
        return isDirectory ? Path.join(real, Path.name(of: path)) : real
    }

    /// Writes a copy of everything up to the last commit and verifies it; then it replaces an older backup of
    /// the same vault.
    ///
    /// - Parameters:
    ///   - target: the path of the copy, as ``target(_:)`` gives it.
    ///   - progress: is told how far the work is.
    /// - Throws: ``VaultError/notABackup``, ``VaultError/newerBackup``, ``VaultError/sameFile``;
    ///   ``VaultError/file(_:)``, with `VaultFileError.damaged` for any damage to the vault. The file at
    ///   `target` is untouched then.
    public func make(
        at target: String, progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> Verification {
        let (file, verification) = try verifiedSource(progress)
        try refuseTarget(target, verification.point)
        let copy = try wrapping(
            VerifiedCopy(
                of: file, count: verification.point.end, for: target, dependencies, progress: progress))
        try verify(copy, verification)
        try wrapping(copy.replace())
        return verification
    }

    /// Records that a backup was made now.
    ///
    /// - Throws: the error of the system if it cannot be recorded.
    public func remember(_ verification: Verification) throws(Errno) {
        let backup = CheckpointStore.Backup(of: verification.point, at: dependencies.now())
        try dependencies.checkpoints?.set(backup, of: path)
    }

    /// Returns whether the backup at a path has no change that the vault lacks.
    ///
    /// One with other keys, as from before a new passphrase, cannot be compared and counts as contained; one that cannot be read does
    /// not.
    public func isContained(_ other: String) -> Bool {
        do throws(VaultError) {
            return try runner.compare(path, with: other).lacking == 0
        } catch {
            return error == .file(.keysChanged)
        }
    }

    /// Verifies the vault, then calls `body` with everything up to the last commit, piece by piece.
    public func stream(_ take: (Span<UInt8>) throws(VaultError) -> Void) throws(VaultError) {
        let (file, verification) = try verifiedSource(.unwatched)
        var failure: VaultError?
        try wrapping(
            VerifiedCopy.forEachPiece(of: file, count: verification.point.end) { piece, _ in
                do throws(VaultError) { try take(piece) } catch { failure = failure ?? error }
            })
        if let failure { throw failure }
    }

    /// Verifies the vault's file, while writers and rewrites wait.
    ///
    /// The bytes before the last commit never change, so no lock is needed to copy them afterwards.
    private func verifiedSource(_ progress: ProgressHandler) throws(VaultError) -> (
        any StorageFile, Verification
    ) {
        let (file, verification) = try whileItStays(.shared) { file throws(VaultError) in
            (file, try runner.verify(path, progress: progress))
        }
        if let defect = verification.defect { throw .file(.damaged(at: defect)) }
        return (file, verification)
    }

    /// Calls `body` with the file at the vault's path, holding its lock.
    ///
    /// - Throws: `VaultFileError.busy` if the wait for it was too long.
    private func whileItStays<R>(
        _ kind: LockKind, _ body: (any StorageFile) throws(VaultError) -> R
    ) throws(VaultError) -> R {
        var backoff = Backoff(milliseconds: Log.writeTimeout)
        while true {
            let file = try open(path)
            let lock: WriterLock?
            do throws(VaultFileError) {
                lock = try WriterLock.take(kind, of: file, at: path, dependencies.storage, timeout: 0)
            } catch .busy {
                guard backoff.wait() else { throw .file(.busy) }
                continue
            } catch {
                lock = nil  // the file system has no locks
            }
            defer { lock?.release() }
            if try isCurrent(file) { return try body(file) }
            guard backoff.wait() else { throw .file(.busy) }
        }
    }

    /// True if the path still names this file.
    private func isCurrent(_ file: any StorageFile) throws(VaultError) -> Bool {
        let present = try identity(of: path)
        return try wrapping(during(.open, present == file.identity()))
    }

    /// The identity of the file at `path`; nil if there is none.
    private func identity(of path: String) throws(VaultError) -> FileIdentity? {
        do throws(Errno) {
            return try dependencies.storage.identity(of: path)
        } catch .noSuchFile, .notDirectory {
            return nil
        } catch {
            throw .file(.io(.open, error))
        }
    }

    private func open(_ path: String) throws(VaultError) -> any StorageFile {
        do throws(Errno) {
            return try dependencies.storage.open(path, .reading)
        } catch {
            throw .file(VaultFileError(opening: error))
        }
    }

    private func refuseTarget(_ target: String, _ point: CommitPoint) throws(VaultError) {
        guard let identity = try identity(of: target) else { return }
        guard try identity != self.identity(of: path) else { throw .sameFile }
        let header: Header
        do throws(VaultFileError) {
            header = try Log.readHeader(path: target, dependencies: dependencies)
        } catch .incompleteCopy, .damagedHeader {
            return  // replacing an incomplete backup loses nothing
        } catch {
            throw error.isPassing ? .file(error) : .notABackup
        }
        guard header.vaultID == point.vaultID else { throw .notABackup }
        let file = try open(target)
        let length = try wrapping(during(.read, file.length()))
        if (header.generation, length) > (point.generation, point.end) { throw .newerBackup }
    }

    /// The state of the file at the vault's path, which distinguishes it from a later one.
    public struct Present: Equatable, Sendable {
        let header: [UInt8]
        let length: UInt64
    }

    /// Returns the state of the file at the vault's path; nil if there is none, or it cannot be read.
    public func present() -> Present? {
        guard let file = try? dependencies.storage.open(path, .reading) else { return nil }
        return try? Backup.present(file)
    }

    private static func present(_ file: any StorageFile) throws(Errno) -> Present {
        var header = [UInt8](repeating: 0, count: Format.headerSize)
        var span = header.mutableSpan
        _ = try file.read(at: 0, into: &span)
        return Present(header: header, length: try file.length())
    }

    /// Verifies a copy of `source` and puts it in the vault's place.
    ///
    /// The file that was there is kept beside it. The copy becomes the vault's checkpoint; if that cannot be
    /// saved, it is restored all the same.
    ///
    /// - Parameters:
    ///   - source: the copy.
    ///   - shown: the states of the copy and of the file in the vault's place that the user was shown, if
    ///     they must still be the same.
    ///   - progress: is told how far the work is.
    /// - Returns: what was restored, the path of the file that was there before, and why the checkpoint could
    ///   not be saved.
    /// - Throws: ``VaultError/sameFile``; ``VaultError/file(_:)``, with `VaultFileError.damaged` for any
    ///   damage to `source` and `VaultFileError.replacedDuringWrite` if a file is not the one shown. Nothing
    ///   was changed then.
    public func restore(
        from source: String, ifStill shown: (copy: CommitPoint, present: Present?)? = nil,
        progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> (restored: Verification, kept: String?, markFailure: Errno?) {
        if let present = try identity(of: path), try present == identity(of: source) { throw .sameFile }
        let verification = try runner.verify(source, isCopy: true, progress: progress)
        if let defect = verification.defect { throw .file(.damaged(at: defect)) }
        if let shown, verification.point != shown.copy { throw .file(.replacedDuringWrite) }
        let file = try open(source)
        try wrapping(
            during(.create, dependencies.storage.makeDirectory(Path.directory(of: path))))
        let copy = try wrapping(
            VerifiedCopy(
                of: file, count: verification.point.end, for: path, dependencies, progress: progress))
        try verify(copy, verification)
        let kept = try put(copy, verification.checkpoint, ifStill: shown.map(\.present))
        return (verification, kept.path, kept.markFailure)
    }

    /// Checks that the copy holds what was verified before it was made.
    ///
    /// - Throws: `VaultFileError.changedWhileRead` if its source was overwritten in between, as by `cp`;
    ///   `VaultFileError.rewriteDiffers` if the copy does not read back as it was written.
    private func verify(_ copy: VerifiedCopy, _ verification: Verification) throws(VaultError) {
        var difference = Format.logStart
        do throws(VaultError) {
            let copied = try runner.verify(copy.path, isCopy: true)
            if copied.point == verification.point, copied.findings.isEmpty { return }
            difference = copied.point.end
        } catch .file(let error) where !error.isPassing {
            if case .damaged(let offset) = error { difference = offset }
        }
        let isAsWritten = try wrapping(copy.isAsWritten())
        throw .file(isAsWritten ? .changedWhileRead : .rewriteDiffers(at: difference))
    }

    /// Gives the copy the vault's name, while no writer is at work on the file that has it now.
    private func put(
        _ copy: VerifiedCopy, _ checkpoint: Checkpoint, ifStill shown: Present??
    ) throws(VaultError) -> (path: String?, markFailure: Errno?) {
        defer { copy.unlock() }
        if try identity(of: path) == nil {
            if let shown, shown != nil { throw .file(.replacedDuringWrite) }
            let failure = remember(checkpoint)
            try wrapping(copy.place())
            return (nil, failure)
        }
        return try whileItStays(.exclusive) { present throws(VaultError) in
            if let shown, shown != (try? Backup.present(present)) { throw .file(.replacedDuringWrite) }
            // The checkpoint comes first: after a crash in between, the copy would otherwise be taken for a
            // rollback.
            let failure = remember(checkpoint)
            try wrapping(copy.adoptAttributes(of: present))
            return (try wrapping(keep(copy)), failure)
        }
    }

    private func remember(_ checkpoint: Checkpoint) -> Errno? {
        do throws(Errno) {
            try dependencies.checkpoints?.set(checkpoint, of: path, durably: true)
            return nil
        } catch {
            return error
        }
    }

    private func keep(_ copy: VerifiedCopy) throws(VaultFileError) -> String {
        let stamp = UTCTimestamp.format(dependencies.now()).filter { $0 != "-" && $0 != ":" }
        var number = 1
        while true {
            let kept = "\(path).before-restore-\(stamp)" + (number == 1 ? "" : "-\(number)")
            do throws(VaultFileError) {
                try copy.replace(keeping: kept)
                return kept
            } catch .alreadyExists where number < 100 {
                number += 1
            }
        }
    }
}
