internal import Platform

/// What this machine saw last of the vault at the path: vault-format.md, section 10.
extension Log {
    /// The point that the file has reached.
    public var present: Mark { Mark(header, replay.committed) }

    /// The mark of the path, to be read before the file is looked at, so that the file is never behind it in good
    /// order.
    func readMark() -> Result<Mark?, Errno> { Log.readMark(path, surroundings) }

    static func readMark(_ path: String, _ surroundings: Surroundings) -> Result<Mark?, Errno> {
        guard let marks = surroundings.marks else { return .success(nil) }
        do throws(Errno) {
            return .success(try marks.mark(of: try surroundings.storage.resolvingLinks(path)))
        } catch .noSuchFile {
            return .success(nil)  // no vault either, as opening it will say
        } catch {
            return .failure(error)
        }
    }

    /// The mark of the path, for a writer, who will raise it: its file stays open for the next time.
    func readMarkToRaise() -> Result<Mark?, Errno> {
        do throws(Errno) {
            guard let marks = surroundings.marks else { return .success(nil) }
            let real = try realPath()
            if let known = markFile, known.path == real, try known.file.nameCount() > 0 {
                return .success(try marks.mark(in: known.file))
            }
            markFile = nil
            guard let file = try marks.markFile(of: real) else { return .success(nil) }
            markFile = (real, file)
            return .success(try marks.mark(in: file))
        } catch {
            markFile = nil
            return readMark()  // it may be readable at least
        }
    }

    /// The mark that was read; one that cannot be read is noted, and says nothing.
    func note(_ mark: Result<Mark?, Errno>) -> Mark? {
        do throws(Errno) {
            let mark = try mark.get()
            // An error that is over is no reason to remember nothing any more.
            markFailure = nil
            return mark
        } catch {
            markFailure = error
            return nil
        }
    }

    /// The mark of the path, if it names the generation of a file that does not follow what was seen: then it was put there by
    /// a restore, or accepted.
    ///
    /// Whoever restores holds the file's lock until the mark is set.
    /// - Throws: ``VaultFileError/rolledBack`` if it does not.
    func markThatTrusts(_ file: any StorageFile, _ header: Header) throws(VaultFileError) -> Mark {
        try takeLock(.shared, patience: surroundings.lookPatience, of: file)
        defer { file.unlock() }
        guard let mark = note(readMark()), mark.vaultID == header.vaultID,
            mark.generation == header.generation
        else { throw .rolledBack }
        return mark
    }

    /// Whether a mark is to be raised; one that just could not be read is left alone.
    func isMarkBehind(_ mark: Mark?) -> Bool {
        surroundings.marks != nil && markFailure == nil && mark != present
    }

    /// Whether the file holds what the mark says that was seen.
    ///
    /// - Throws: ``VaultFileError/replaced``, ``VaultFileError/rolledBack``.
    func judge(_ mark: Mark?) throws(VaultFileError) {
        guard let mark else { return }
        guard mark.vaultID == header.vaultID else { throw .replaced }
        if replay.heads.contains(mark) { return }
        let holds =
            if mark.generation == header.generation {
                replay.metWatched
            } else {
                mark.generation < header.generation && follows(mark)
            }
        guard holds else { throw .rolledBack }
    }

    /// Whether a machine that last saw what `other` is now would find this file in good order, or there is no such machine since
    /// it is another vault.
    package func covers(_ other: Log) throws(VaultFileError) -> Bool {
        let point = other.present
        guard point.vaultID == header.vaultID else { return true }
        if replay.heads.contains(point) { return true }
        if point.generation != header.generation {
            return point.generation < header.generation && follows(point)
        }
        guard header == other.header else { return false }
        return try holds(other.committed, length: committedEnd)
    }

    /// Whether this generation may be what a rewrite made of the older one that the mark names; its lineage tells of the one
    /// before it alone.
    private func follows(_ mark: Mark) -> Bool {
        if mark.generation + 1 == header.generation, mark.seq == header.baseSeq {
            return mark.tag == header.lineage
        }
        return mark.seq <= header.baseSeq
    }

    /// Raises the mark to the present commit, which must be held by a lock; one that cannot be written is noted.
    ///
    /// A mark never says more than what is durable, so a commit whose writer may have been killed before its sync is
    /// synced first, and so is the name of a file whose rewrite may have been.
    func raiseMark(from mark: Mark?) {
        guard isMarkBehind(mark) else { return }
        do throws(Errno) {
            if syncedEnd != replay.committed.end {
                try file.sync()
                syncedEnd = replay.committed.end
            }
            if !isNameSynced, mark?.generation != header.generation {
                try surroundings.storage.syncFolder(Path.folder(of: realPath()))
                isNameSynced = true
            }
        } catch {
            markFailure = error
            return
        }
        remember(present)
    }

    /// Marks a point that is durable at the path, while the lock is held; a mark that cannot be written is noted.
    package func remember(_ point: Mark) {
        guard let marks = surroundings.marks else { return }
        do throws(Errno) {
            if let markFile, isWriting {
                try marks.set(point, in: markFile.file)
            } else {
                try marks.set(point, of: realPath())
            }
        } catch {
            markFailure = error
        }
    }

    /// Takes what is at the path now for what was seen last, whatever that was.
    ///
    /// - Throws: ``VaultFileError/busy``, ``VaultFileError/io(_:_:)``.
    public func trust(in marks: MarkFolder) throws(VaultFileError) {
        try takeLock(.shared, patience: Log.writePatience)
        let file = file
        defer { file.unlock() }
        // What was verified must be what lies there, to its end.
        if try isReplaced() { throw .replacedDuringWrite }
        try noteTail(try advance())
        let (present, path) = (present, try during(.open) { () throws(Errno) in try realPath() })
        try during(.sync) { () throws(Errno) in try file.sync() }
        try during(.mark) { () throws(Errno) in try marks.set(present, of: path, durably: true) }
    }

    private func realPath() throws(Errno) -> String { try surroundings.storage.resolvingLinks(path) }
}
