internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore

/// The state of an unlocked vault, except its deadlines, as its worker reports it.
struct VaultState: Sendable {
    var summary: Summary
    /// The number of secrets that have expired, and of those whose value is to be replaced, expired ones included.
    var expired: UInt64 = 0, due: UInt64 = 0
    var notices: [Notice] = []
    /// The file that the worker has open.
    var file: FileIdentity?
}

/// An open vault that follows changes of its file, including new keys.
///
/// Only the vault's own thread uses it, since that may wait for the file.
final class UnlockedVault {
    private let path: String
    private var vault: LocalSession
    private let keys: VaultKeys
    private let dependencies: Dependencies
    /// True if the file was checked since the requests that are being answered arrived.
    private var isUpToDate = false
    /// The secrets that expire or must be replaced, as of a state of the vault.
    private var dated: (secrets: [DescribedSecret], state: Summary)?

    /// Opens the vault with its present key.
    ///
    /// - Throws: as `LocalSession.open(at:masterKey:access:dependencies:)`.
    init(_ path: String, _ keys: VaultKeys, _ dependencies: Dependencies) throws(VaultError) {
        (self.path, self.keys, self.dependencies) = (path, keys, dependencies)
        vault = try UnlockedVault.open(path, try keys.present(), dependencies)
    }

    private static func open(
        _ path: String, _ key: SharedKey, _ dependencies: Dependencies
    ) throws(VaultError) -> LocalSession {
        let copy: Key
        do throws(VaultFileError) {
            copy = try key.key.copy()
        } catch {
            throw .file(error)
        }
        return try LocalSession.open(at: path, masterKey: copy, access: .reading, dependencies: dependencies)
    }

    /// Makes the next request check the file again; called when requests have arrived.
    func noteArrival() { isUpToDate = false }

    /// Returns the vault, brought up to date: the file is checked once for all requests that arrived together.
    ///
    /// - Throws: as `LocalSession.refresh()`; ``VaultError/locked`` if the file has keys that were not announced, or the vault was locked.
    func current() throws(VaultError) -> LocalSession {
        if keys.areForgotten { throw .locked }
        if isUpToDate { return vault }
        do throws(VaultError) {
            try vault.refresh()
        } catch .file(.keysChanged) {
            try follow()
        } catch .file(.cancelled) {
            throw .locked
        }
        vault.isRefreshedByCaller = true
        isUpToDate = true
        return vault
    }

    /// Opens the vault with a key that was announced.
    private func follow() throws(VaultError) {
        for successor in keys.successors {
            do throws(VaultError) {
                vault = try UnlockedVault.open(path, successor, dependencies)
                return keys.follow(to: successor)
            } catch .file(.keysChanged) {
                continue
            } catch .file(.cancelled) {
                throw .locked
            }
        }
        keys.forget()
        throw .locked
    }

    /// Opens the file again, since this machine now trusts it whatever was seen before.
    ///
    /// If that fails, the vault that was open stays open.
    func reopen() {
        isUpToDate = false
        if let key = try? keys.present(), let fresh = try? UnlockedVault.open(path, key, dependencies) {
            vault = fresh
        }
    }

    /// Returns the state of the vault, brought up to date.
    ///
    /// - Throws: as ``current()``.
    func state() throws(VaultError) -> VaultState {
        let vault = try current()
        let (summary, now) = (vault.summary(), SystemClock.wallMilliseconds())
        let dated = dated(in: vault, summary)
        return VaultState(
            summary: summary, expired: UInt64(dated.count { $0.metadata.isExpired(at: now) }),
            due: UInt64(dated.count { $0.due.map { $0 <= now } ?? false }), notices: vault.newsForClients(),
            file: vault.fileIdentity)
    }

    /// Returns the secrets that have dates, which are only read again if the vault has changed; none if they cannot be read.
    private func dated(in vault: LocalSession, _ state: Summary) -> [DescribedSecret] {
        if let dated, dated.state == state { return dated.secrets }
        let secrets = (try? vault.withDates(among: vault.secrets())) ?? []
        dated = (secrets, state)
        return secrets
    }

    /// Returns a job that is ready to run with the present key.
    ///
    /// - Parameter proof: the other files of the job, which its own thread checks.
    /// - Throws: ``VaultError/locked``; ``VaultError/file(_:)`` if there is no memory, or the file's keys were rolled back.
    func prepare(
        _ job: Job, _ proof: FileProof, otherKey: SharedKey?
    ) throws(VaultError) -> BackgroundJob {
        // The file may have an announced key by now. The job itself finds whatever else is wrong with the file.
        do throws(VaultError) {
            _ = try current()
        } catch .file(.rolledBack(let rollback)) where rollback.reason == .keys && job.isOnVault(at: path) {
            throw .file(.rolledBack(rollback))
        } catch {
            // The job reports it.
        }
        var dependencies = dependencies
        dependencies.cancellation = nil
        if job.isOnVault(at: path) { dependencies.ownMemory = try vault.ownMemory }
        return BackgroundJob(
            job, of: path, proof, key: try keys.present(), otherKey: otherKey, dependencies)
    }
}

extension LocalSession {
    /// Returns the events since the last call, and the condition that no checkpoint can be kept as long as it lasts.
    func newsForClients() -> [Notice] {
        let events = takeNotices().filter { notice in
            switch notice {
            // These are conditions; the present one is added below, or told by Open.
            case .unfinishedTail, .nothingRemembered, .nowhereToRemember: false
            case .savedTail, .checkpointTorn, .compactionUndone, .newerElsewhere: true
            }
        }
        return events + (checkpointProblem.map { [$0] } ?? [])
    }
}
