public import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// The cost of one guess at the passphrase of a vault's new keys.
public enum PassphraseCost: Equatable, Sendable {
    /// The same cost as before, or the default if that is below what a writer accepts.
    case kept
    /// The cost that takes this machine about three quarters of a second, but no less than before, nor than a
    /// new vault's.
    case raised
    /// This cost.
    case chosen(Argon2id.Parameters)
}

/// The result of a change of keys.
public struct KeyChangeReport: Equatable, Sendable {
    /// The cost of a guess now.
    public let parameters: Argon2id.Parameters
    /// The report of the rewrite.
    public let rewrite: Compaction.Report
    /// The files beside the vault that the old keys still open.
    public let oldCopies: [String]
    /// The files beside the vault that the old keys may still open: the vault's header in them is damaged, or
    /// they are unfinished writes that were moved there and may belong to an earlier generation.
    public let possibleOldCopies: [String]
}

extension LocalJobRunner {
    /// Gives the vault at `path` a new master key and new slots, and rewrites all of it under them.
    ///
    /// The old keys open nothing in the new file. On any error the old file stays as it was, except for
    /// `VaultFileError.outcomeUnknown`: then one of the two is there, whole.
    ///
    /// - Parameters:
    ///   - path: the vault that this runner has the key of; its path without symbolic links.
    ///   - passphrase: the new passphrase, 1 to 1,024 bytes.
    ///   - cost: the cost of a guess at it.
    ///   - announce: receives the new master key before the file is replaced, to tell an agent.
    ///   - showRecoveryKey: if given, the vault gets a recovery key, which is lent once the file is durable.
    ///   - progress: is told how far the work is.
    /// - Throws: ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``, and ``VaultError/file(_:)``
    ///   as a compaction does.
    public func changeKeys(
        of path: String, passphrase: Span<UInt8>, cost: PassphraseCost,
        announce: (borrowing Key) -> Void, showRecoveryKey: ((borrowing RecoveryKey) -> Void)?,
        progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> KeyChangeReport {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        let header = try wrapping(Log.readHeader(path: path, dependencies: dependencies))
        let keys = try newKeys(header, passphrase, cost, hasRecoveryKey: showRecoveryKey != nil)
        announce(keys.master)
        let report = try withMasterKey { master throws(VaultError) in
            try wrapping(
                Compaction.changeKeys(
                    path: path, from: master, to: keys, dependencies: dependencies, progress: progress))
        }
        keys.showRecovery(showRecoveryKey)
        let copies = withMasterKey { master in
            OldCopies(beside: path, header: header, master: master, dependencies)
        }
        return KeyChangeReport(
            parameters: keys.parameters, rewrite: report, oldCopies: copies.opened,
            possibleOldCopies: copies.possible)
    }

    private func newKeys(
        _ header: Header, _ passphrase: Span<UInt8>, _ cost: PassphraseCost, hasRecoveryKey: Bool
    ) throws(VaultError) -> NewKeys {
        let lock = try KDFLock()
        defer { lock.release() }
        let parameters =
            switch cost {
            case .kept:
                dependencies.writingBounds.contains(header.parameters) ? header.parameters : .default
            case .raised:
                Argon2id.Parameters.costlier(header.parameters, try LocalSession.calibratedParameters())
            case .chosen(let parameters): parameters
            }
        return try wrapping(
            NewKeys(
                for: header.vaultID, passphrase: passphrase, parameters: parameters,
                hasRecoveryKey: hasRecoveryKey, dependencies: dependencies))
    }
}

extension Argon2id.Parameters {
    /// The memory that one guess writes in all its passes, in KiB.
    private var work: UInt64 { UInt64(passes) * UInt64(memoryKiB) }

    /// True if a guess costs less than one at a new vault's passphrase.
    public var isBelowDefault: Bool {
        memoryKiB < Argon2id.Parameters.default.memoryKiB || work < Argon2id.Parameters.default.work
    }

    /// Returns `present` if it costs more than `fresh` and no less than a new vault's; else `fresh`.
    fileprivate static func costlier(
        _ present: Argon2id.Parameters, _ fresh: Argon2id.Parameters
    ) -> Argon2id.Parameters {
        let isKept = !present.isBelowDefault && present.passes >= 3 && present.work > fresh.work
        return isKept ? present : fresh
    }
}
