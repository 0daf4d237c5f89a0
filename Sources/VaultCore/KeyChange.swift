public import Compaction
internal import Platform
public import Sodium
public import VaultFile

/// What the passphrase of a vault's new keys costs to guess.
public enum PassphraseCost: Equatable, Sendable {
    /// What it cost before, or the least that a writer offers.
    case kept
    /// What this machine does in about three quarters of a second, but no less than before, nor than a new vault's.
    case raised
    /// So much.
    case chosen(Argon2id.Parameters)
}

/// What became of a vault whose keys were changed.
public struct KeyChangeReport: Equatable, Sendable {
    /// What a guess costs now.
    public let parameters: Argon2id.Parameters
    /// Of the rewrite.
    public let rewrite: Compaction.Report
    /// The files beside the vault that the old keys still open.
    public let oldCopies: [String]
    /// The files beside the vault that the old keys may still open: its header in them is damaged, or they are unfinished
    /// writes that were moved there and may belong to an earlier generation.
    public let possibleOldCopies: [String]
}

extension LocalJobRunner {
    /// Gives the vault at `path` a new master key and new slots, and rewrites all of it under them.
    ///
    /// The keys of before open nothing of the new file. On any error the old file stays as it was, but for
    /// `VaultFileError.outcomeUnknown`: then one of the two is there, whole.
    ///
    /// - Parameters:
    ///   - path: the vault that this holder has the key of; its path without symbolic links.
    ///   - passphrase: 1 to 1,024 bytes, what it is opened with from now on.
    ///   - cost: what a guess at it shall cost.
    ///   - announce: is lent the new master key before the file is replaced, for an agent that shall follow.
    ///   - showRecoveryKey: if there shall be a recovery key, is lent that once the file is durable.
    ///   - progress: is told how far the work is.
    /// - Throws: ``VaultError/invalidPassphrase``, ``VaultError/derivationBusy``, and ``VaultError/file(_:)`` as a compaction
    ///   does.
    public func changeKeys(
        of path: String, passphrase: Span<UInt8>, cost: PassphraseCost,
        announce: (borrowing Key) -> Void, showRecoveryKey: ((borrowing RecoveryKey) -> Void)?,
        progress: ProgressHandler = .unwatched
    ) throws(VaultError) -> KeyChangeReport {
        guard Format.passphraseSizes.contains(passphrase.count) else { throw .invalidPassphrase }
        let header = try reading { () throws(VaultFileError) in
            try Log.readHeader(path: path, dependencies: dependencies)
        }
        let keys = try newKeys(header, passphrase, cost, hasRecoveryKey: showRecoveryKey != nil)
        announce(keys.master)
        do throws(VaultFileError) {
            let report = try withMasterKey { master throws(VaultFileError) in
                try Compaction.changeKeys(
                    path: path, from: master, to: keys, dependencies: dependencies, progress: progress)
            }
            keys.showRecovery(showRecoveryKey)
            let copies = withMasterKey { master in
                OldCopies(beside: path, header: header, master: master, dependencies)
            }
            return KeyChangeReport(
                parameters: keys.parameters, rewrite: report, oldCopies: copies.opened,
                possibleOldCopies: copies.possible)
        } catch {
            throw .file(error)
        }
    }

    private func newKeys(
        _ header: Header, _ passphrase: Span<UInt8>, _ cost: PassphraseCost, hasRecoveryKey: Bool
    ) throws(VaultError) -> NewKeys {
        guard let turn = KDFLock() else { throw .derivationBusy }
        defer { turn.end() }
        let parameters =
            switch cost {
            case .kept:
                dependencies.writingBounds.contains(header.parameters) ? header.parameters : .default
            case .raised: Argon2id.Parameters.costlier(header.parameters, try LocalSession.calibrated())
            case .chosen(let parameters): parameters
            }
        do throws(VaultFileError) {
            return try NewKeys(
                for: header.vaultID, passphrase: passphrase, parameters: parameters,
                hasRecoveryKey: hasRecoveryKey, dependencies: dependencies)
        } catch {
            throw .file(error)
        }
    }
}

extension Argon2id.Parameters {
    /// All the memory that is written for one guess, in KiB.
    private var work: UInt64 { UInt64(passes) * UInt64(memoryKiB) }

    /// Whether a guess costs less than one at a new vault's passphrase.
    public var isBelowDefault: Bool {
        memoryKiB < Argon2id.Parameters.default.memoryKiB || work < Argon2id.Parameters.default.work
    }

    /// The one that costs more, if it takes no less memory than a new vault; else the other.
    fileprivate static func costlier(
        _ present: Argon2id.Parameters, _ fresh: Argon2id.Parameters
    ) -> Argon2id.Parameters {
        let isKept = !present.isBelowDefault && present.passes >= 3 && present.work > fresh.work
        return isKept ? present : fresh
    }
}
