internal import Platform
internal import Sodium

/// Checkpoints: vault-format.md, section 10.
extension Log {
    /// The last commit of the file.
    public var present: CommitPoint { CommitPoint(header, replay.committed) }

    /// Returns a checkpoint of the last commit, without regard to earlier checkpoints.
    ///
    /// - Throws: ``VaultFileError/outOfMemory``.
    public func presentCheckpoint() throws(VaultFileError) -> Checkpoint { try checkpoint(following: []) }

    /// Returns a checkpoint of the last commit of a file that contains the `previous` checkpoints.
    func checkpoint(following previous: [LastSeen]) throws(VaultFileError) -> Checkpoint {
        var past: [ChangeID] = []
        for case .checkpoint(let checkpoint) in previous { past += checkpoint.heads + checkpoint.recent }
        if past.isEmpty { past = try replay.ancestry.ids(try namer()).reversed() }
        return Checkpoint(
            header, replay.committed, keyID: try keyID(), isLegacy: replay.ancestry.isLegacy,
            heads: try replay.ancestry.heads(try namer()), past: past, time: dependencies.now())
    }

    /// Reads the checkpoints of the path.
    ///
    /// They must be read before the file is, so that a file without rollback is never behind them.
    func readCheckpoints() -> Result<RememberedCheckpoints?, Errno> {
        Log.readCheckpoints(path, dependencies)
    }

    static func readCheckpoints(_ path: String, _ dependencies: Dependencies) -> Result<
        RememberedCheckpoints?, Errno
    > {
        guard let store = dependencies.checkpoints else { return .success(nil) }
        do throws(Errno) {
            let canonical = try dependencies.storage.resolvingLinks(path)
            let named = if let name = dependencies.namedPath { name } else { try Path.lexical(path) }
            return .success(try store.rememberedCheckpoints(of: canonical, named: named))
        } catch .noSuchFile {
            return .success(nil)  // There is no vault either; opening it reports that.
        } catch {
            return .failure(error)
        }
    }

    /// Reads the checkpoints of the path for a writer, and keeps the checkpoint's file open for the next write.
    func readCheckpointsToChange() -> Result<RememberedCheckpoints?, Errno> {
        do throws(Errno) {
            guard let store = dependencies.checkpoints else { return .success(nil) }
            let (real, named) = (try canonicalPath(), try namedPath())
            if let known = checkpointFile, known.path == real, named == real,
                try known.file.nameCount() > 0, case .seen(let seen) = try store.entry(in: known.file)
            {
                return .success(RememberedCheckpoints(canonicalPath: real, canonical: seen))
            }
            checkpointFile = nil
            if let file = try store.checkpointFile(of: real) { checkpointFile = (real, file) }
        } catch {
            checkpointFile = nil
        }
        return readCheckpoints()
    }

    /// Returns the checkpoints, or nil after recording the error with which they could not be read.
    func note(_ remembered: Result<RememberedCheckpoints?, Errno>) -> RememberedCheckpoints? {
        if dependencies.hasNowhereToRemember { observe(.nowhereToRemember) }
        do throws(Errno) {
            let remembered = try remembered.get()
            checkpointFailure = nil
            if remembered?.isTorn == true { observe(.checkpointTorn) }
            return remembered
        } catch {
            checkpointFailure = error
            return nil
        }
    }

    private func observe(_ observation: Observation) {
        if observations.contains(observation) { return }
        observations.append(observation)
        dependencies.observations?.add(observation)
    }

    /// Checks that the file contains the checkpoints of every path that leads to it.
    ///
    /// If there are none, it compares the file with the last commit that this log, or the agent, has read.
    ///
    /// - Throws: ``VaultFileError/replaced``, ``VaultFileError/rolledBack(_:)``.
    func verify(against remembered: RememberedCheckpoints?) throws(VaultFileError) {
        var expected = remembered?.all ?? []
        if expected.isEmpty, let own = try ownMemory ?? dependencies.ownMemory { expected = [own] }
        for seen in expected {
            if let refusal = try refusal(of: seen) { throw refusal }
            if seen.generation > header.generation { observe(.compactionUndone) }
        }
    }

    /// Returns the error if the file does not contain a checkpoint, or nil if it does.
    package func refusal(of seen: LastSeen) throws(VaultFileError) -> VaultFileError? {
        guard seen.vaultID == header.vaultID else { return .replaced }
        if replay.hasMet(seen) { return nil }
        let namer = try namer()
        switch seen {
        case .checkpoint(let checkpoint):
            if try replay.ancestry.contains(checkpoint.heads, namer) { return nil }
            return .rolledBack(Rollback(try reason(checkpoint, namer), lastSeen: checkpoint.time))
        case .legacy(let point):
            if try replay.ancestry.contains([try namer.id(of: point.tag)], namer) { return nil }
            if replay.ancestry.isLegacy, point.generation + 1 == header.generation, follows(point) {
                return nil
            }
            return .rolledBack(Rollback(reason(point), lastSeen: 0))
        }
    }

    /// Returns the checkpoints of every path that leads to the vault at `path`.
    ///
    /// - Throws: ``VaultFileError/io(_:_:)``.
    package static func seen(
        at path: String, _ dependencies: Dependencies
    ) throws(VaultFileError) -> [LastSeen] {
        let remembered = readCheckpoints(path, dependencies)
        let seen = try during(.checkpoint, remembered.get()?.all ?? [])
        return seen.isEmpty ? dependencies.ownMemory.map { [$0] } ?? [] : seen
    }

    /// Returns whether this file contains a checkpoint once another copy of the vault was merged into it.
    ///
    /// The other copy's changes keep the ids that they have under its own key.
    package func contains(_ seen: LastSeen, with other: Log) throws(VaultFileError) -> Bool {
        guard seen.vaultID == header.vaultID else { return false }
        let namer = try namer()
        let wanted =
            switch seen {
            case .checkpoint(let checkpoint): checkpoint.heads
            case .legacy(let point): [try namer.id(of: point.tag)]
            }
        var missing: [ChangeID] = []
        for id in wanted where try !ancestry.contains([id], namer) { missing.append(id) }
        return try other.ancestry.contains(missing, try other.namer())
    }

    private func reason(
        _ checkpoint: Checkpoint, _ namer: ChangeNamer
    ) throws(VaultFileError) -> Rollback.Reason {
        let ancestry = replay.ancestry
        if try checkpoint.keyID != keyID(), !ancestry.keys.contains(checkpoint.keyID) { return .keys }
        let known = checkpoint.heads + checkpoint.recent
        if try ancestry.heads(namer).allSatisfy(known.contains) { return .older }
        guard header.generation > checkpoint.generation else { return .diverged }
        if ancestry.isLegacy { return .unprovableRewrite }
        return ancestry.dropped > 0 ? .unprovableAge : .diverged
    }

    private func reason(_ point: CommitPoint) -> Rollback.Reason {
        if header.generation < point.generation { return .older }
        if header.generation == point.generation {
            return replay.committed.end < point.end ? .older : .diverged
        }
        if replay.ancestry.isLegacy { return .unprovableRewrite }
        return replay.ancestry.dropped > 0 ? .unprovableAge : .diverged
    }

    /// Returns whether this generation can be what an earlier program made of the one at `point`.
    private func follows(_ point: CommitPoint) -> Bool {
        if point.seq == header.baseSeq { return point.tag == header.lineage }
        return point.seq < header.baseSeq
    }

    /// Returns whether the checkpoint must be updated; one that could not be read is left alone.
    func isBehind(_ remembered: RememberedCheckpoints?) -> Bool {
        guard dependencies.checkpoints != nil, checkpointFailure == nil else { return false }
        guard let remembered else { return true }
        return !remembered.isLinkCurrent
            || remembered.canonical?.isAt(replay.committed, of: header) != true
    }

    /// Saves a checkpoint of the last commit, under a lock; an error is recorded, not thrown.
    ///
    /// A checkpoint must never be ahead of what is durable. So a commit whose writer may have been killed before its sync is
    /// synced first, and so is the directory of a file that may just have been renamed.
    func remember(after remembered: RememberedCheckpoints?) {
        guard isBehind(remembered) else { return }
        do throws(Errno) {
            if syncedEnd != replay.committed.end {
                try file.sync()
                syncedEnd = replay.committed.end
            }
            if !isNameSynced, remembered?.canonical?.generation != header.generation {
                try dependencies.storage.syncDirectory(Path.directory(of: canonicalPath()))
                isNameSynced = true
            }
        } catch {
            checkpointFailure = error
            return
        }
        remember(self, after: remembered)
    }

    /// Saves a checkpoint of the last commit of `log`, which is durable at this log's path, while the lock is held; an error is
    /// recorded, not thrown.
    package func remember(_ log: Log, after remembered: RememberedCheckpoints?) {
        guard let store = dependencies.checkpoints else { return }
        do throws(VaultFileError) {
            let checkpoint = try log.checkpoint(following: remembered?.all ?? [])
            try during(.checkpoint) { () throws(Errno) in
                if let checkpointFile, isWriting {
                    try store.set(checkpoint, in: checkpointFile.file)
                } else {
                    // The path that was resolved before: a link that was changed since leads to another file.
                    let path = if let remembered { remembered.canonicalPath } else { try canonicalPath() }
                    try store.set(checkpoint, of: path)
                }
                if let remembered { try store.updateLink(remembered) }
            }
        } catch .io(_, let error) {
            checkpointFailure = error
        } catch {
            checkpointFailure = .noMemory
        }
    }

    /// Records the last commit as one that stays, because no writer is at work on it.
    func noteSeen() {
        seen = replay.committed
        lastRead = ReadState(
            header: header, position: seen, frontier: replay.ancestry.frontier,
            recent: replay.ancestry.newest(Checkpoint.maxRecent), isLegacy: replay.ancestry.isLegacy)
    }

    /// The state from which ``ownMemory`` is computed when it is needed.
    struct ReadState {
        let header: Header
        let position: Replay.Position
        let frontier: [Ancestry.Change]
        let recent: [Ancestry.Change]
        let isLegacy: Bool
    }

    /// The last state that this log itself has read, which counts if there is no checkpoint; nil before anything was read.
    package var ownMemory: LastSeen? {
        get throws(VaultFileError) {
            guard let lastRead else { return nil }
            let namer = try namer()
            var past: [ChangeID] = []
            for change in lastRead.recent { past.append(try change.id(namer)) }
            return .checkpoint(
                Checkpoint(
                    lastRead.header, lastRead.position, keyID: try keyID(), isLegacy: lastRead.isLegacy,
                    heads: try lastRead.frontier.ids(namer), past: past, time: 0))
        }
    }

    /// Checks, when a path is used for the first time, whether a newer state of the vault has been read at another path.
    ///
    /// This only observes it: reading an older copy under its own name is what backups are for.
    func checkOtherPaths() {
        guard let store = dependencies.checkpoints,
            let others = try? store.others(of: header.vaultID)
        else { return }
        var newest: (path: String, time: UInt64)?
        for (path, seen) in others {
            guard let refusal = try? refusal(of: seen), case .rolledBack = refusal else { continue }
            let time = seen.time ?? 0
            if newest.map({ time > $0.time }) ?? true { newest = (path, time) }
        }
        if let newest { observe(.newerElsewhere(path: newest.path, time: newest.time)) }
    }

    /// Saves a checkpoint of the file that is now at the path, whatever the earlier checkpoints are.
    ///
    /// - Parameter shown: the state that the user was shown and agreed to.
    /// - Returns: whether the file was refused before.
    /// - Throws: ``VaultFileError/busy``, ``VaultFileError/io(_:_:)``; ``VaultFileError/replacedDuringWrite`` if the file is no
    ///   longer the one that was shown.
    public func accept(
        _ shown: Checkpoint? = nil, in store: CheckpointStore
    ) throws(VaultFileError) -> Bool {
        let lock = try takeLock(.shared, timeout: Log.writeTimeout)
        let file = file
        defer { lock?.release() }
        // The file that was verified must be the one at the path, to its end.
        if try isReplaced() { throw .replacedDuringWrite }
        try noteTail(try advance())
        let present = try presentCheckpoint()
        if let shown, shown.headerTag != present.headerTag || shown.tag != present.tag {
            throw .replacedDuringWrite
        }
        let remembered = try during(
            .checkpoint, store.rememberedCheckpoints(of: try canonicalPath(), named: try namedPath()))
        var isRefused = remembered.isTorn || remembered.all.isEmpty
        for seen in remembered.all where try refusal(of: seen) != nil {
            isRefused = true
        }
        try during(.sync, file.sync())
        try during(.checkpoint) { () throws(Errno) in
            try store.set(present, of: remembered.canonicalPath, durably: true)
            try store.updateLink(remembered)
        }
        return isRefused
    }

    /// Checks the checkpoint of another path to the vault than the one of this log, and saves one for it.
    ///
    /// - Parameter lexical: the path by which the user named the vault.
    /// - Throws: as ``verify(against:)``.
    package func follow(_ lexical: String) throws(VaultFileError) {
        guard let store = dependencies.checkpoints else { return }
        func remembered() throws(VaultFileError) -> RememberedCheckpoints {
            try during(.checkpoint, store.rememberedCheckpoints(of: try canonicalPath(), named: lexical))
        }
        // Another process may have written, and saved a checkpoint, since this log was read.
        let expected = try remembered().all
        try refresh()
        for seen in expected {
            if let refusal = try refusal(of: seen) { throw refusal }
        }
        let lock = try takeLock(.shared, timeout: dependencies.readTimeout)
        defer { lock?.release() }
        if (try? isReplaced()) == false { try rememberAgain(after: try remembered()) }
    }

    private func namedPath() throws(Errno) -> String {
        if let name = dependencies.namedPath { name } else { try Path.lexical(path) }
    }

    func canonicalPath() throws(Errno) -> String { try dependencies.storage.resolvingLinks(path) }

    /// Returns the id of the master key.
    package func keyID() throws(VaultFileError) -> UInt64 {
        if let knownKeyID { return knownKeyID }
        let id = try ChangeNamer.keyID(of: master)
        knownKeyID = id
        return id
    }

    /// Returns the namer of changes under the master key.
    package func namer() throws(VaultFileError) -> ChangeNamer {
        if let knownNamer { return knownNamer }
        let namer = try ChangeNamer(master: master)
        knownNamer = namer
        return namer
    }
}
