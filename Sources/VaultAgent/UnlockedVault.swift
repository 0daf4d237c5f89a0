internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

/// What the agent tells of a vault, but for its deadlines.
struct VaultNumbers: Sendable {
    var generation: UInt64
    var secrets: UInt64
    var versions: UInt64
    var liveBytes, deadBytes: UInt64
    var notices: [Notice]
    /// The file that the worker has open.
    var file: FileIdentity?
}

/// A vault that an agent opened, which follows what others do to its file.
///
/// It belongs to one thread, which may wait for the file.
final class UnlockedVault {
    private let path: String
    private var vault: Vault
    private let keys: VaultKeys
    private let dependencies: Dependencies
    /// Whether its file was looked at since the requests that are being answered arrived.
    private var isUpToDate = false

    /// Opens the vault with the present one of `keys`.
    ///
    /// - Throws: as `Vault.open(at:masterKey:access:dependencies:)`.
    init(_ path: String, _ keys: VaultKeys, _ dependencies: Dependencies) throws(VaultError) {
        (self.path, self.keys, self.dependencies) = (path, keys, dependencies)
        vault = try Vault.open(
            at: path, masterKey: try keys.copyOfPresent(), access: .reading, dependencies: dependencies)
    }

    /// Says that requests arrived, before which no look at the file counts.
    func noteArrival() { isUpToDate = false }

    /// The vault, brought up to date: its file is looked at once for all requests that arrived together.
    ///
    /// - Throws: as `Vault.refresh()`; ``VaultError/locked`` if the file has keys that nobody announced, or the vault was locked.
    func current() throws(VaultError) -> Vault {
        if keys.areForgotten { throw .locked }
        if isUpToDate { return vault }
        do throws(VaultError) {
            try vault.refresh()
        } catch .file(.keysChanged) {
            try follow()
        } catch .file(.cancelled) {
            throw .locked
        } catch {
            throw error
        }
        vault.looksBeforeReading = true
        isUpToDate = true
        return vault
    }

    /// Opens the vault with a key that was announced.
    private func follow() throws(VaultError) {
        for successor in keys.successors {
            do throws(VaultError) {
                vault = try Vault.open(
                    at: path, masterKey: try successor.copy(), access: .reading, dependencies: dependencies)
                keys.follow(to: successor)
                return
            } catch .file(.keysChanged) {
                continue
            } catch .file(.cancelled) {
                throw .locked
            } catch {
                throw error
            }
        }
        keys.forget()
        throw .locked
    }

    /// Forgets what was seen of the file and takes what is there now, which this machine trusts.
    ///
    /// If it cannot be opened, what was opened before stays.
    func reopen() {
        isUpToDate = false
        do throws(VaultError) {
            vault = try Vault.open(
                at: path, masterKey: try keys.copyOfPresent(), access: .reading, dependencies: dependencies)
        } catch {
            return
        }
    }

    /// - Throws: as ``current()``.
    func numbers() throws(VaultError) -> VaultNumbers {
        let vault = try current()
        let summary = vault.summary()
        return VaultNumbers(
            generation: summary.generation, secrets: UInt64(summary.secrets),
            versions: UInt64(summary.versions),
            liveBytes: summary.liveBytes, deadBytes: summary.deadBytes, notices: vault.newsForClients(),
            file: vault.fileIdentity)
    }

    /// A job with the present key, ready to be done.
    ///
    /// - Parameter proof: which other files the client means, to be looked at on the job's thread.
    /// - Throws: ``VaultError/locked``; ``VaultError/file(_:)`` if there is no memory.
    func prepare(
        _ job: Job, _ proof: FileProof, otherKey: SharedKey?
    ) throws(VaultError) -> BackgroundJob {
        // The file may have got the key that was announced; whatever else is wrong with it, the job will say.
        do throws(VaultError) {
            _ = try current()
        } catch .file(.rolledBack(let rollback)) where rollback.reason == .keys && job.isOnVault(at: path) {
            throw .file(.rolledBack(rollback))
        } catch {
            // The job will say.
        }
        var dependencies = dependencies
        dependencies.cancellation = nil
        if job.isOnVault(at: path) { dependencies.ownMemory = try vault.ownMemory }
        return BackgroundJob(
            job, of: path, proof, key: try keys.present(), otherKey: otherKey, dependencies)
    }
}

extension Vault {
    /// What a client should tell its user: what happened since the last one asked, and that nothing is remembered as long as that is so.
    func newsForClients() -> [Notice] {
        let news = takeNotices().filter { notice in
            switch notice {
            // Of these, the present state is told.
            case .unfinishedTail, .nothingRemembered, .nowhereToRemember: false
            case .savedTail, .checkpointTorn, .compactionUndone, .newerElsewhere: true
            }
        }
        return news + (memoryFailure.map { [$0] } ?? [])
    }
}
