package import Platform
package import VaultFile
internal import VaultKit

extension Failure {
    /// What is at `path` is not what was seen there last.
    ///
    /// - Parameter time: when that was seen; 0 if it is not known.
    package static func rollback(_ message: String, path: String, at time: UInt64 = 0) -> Failure {
        Failure(
            .rollback, message + CheckpointReport.comparison(path, at: time),
            hint:
                "'vault help restore' says how to put a backup in its place; 'vault accept' trusts what is there"
        )
    }

    /// The file at `path` does not prove that it contains what was seen last.
    static func rollback(_ rollback: Rollback, path: String) -> Failure {
        let seen =
            rollback.lastSeen == 0
            ? "what this machine last saw"
            : "what this machine saw on \(UTCTimestamp.format(rollback.lastSeen))"
        switch rollback.reason {
        case .older:
            let isSpoiled = CheckpointReport.mayBeDamaged(path, at: rollback.lastSeen)
            return Failure(
                .rollback,
                "\(path) is older\(isSpoiled ? ", or damaged at its end" : ""): it lacks part of \(seen), and has no changes of its own"
                    + CheckpointReport.comparison(path, at: rollback.lastSeen),
                hint:
                    "'vault help merge' and 'vault help restore' say how a copy brings it back; 'vault accept' trusts what is there"
            )
        case .diverged:
            // So many changes behind what was seen that these are not among the recent ones, an older file looks the same.
            let words =
                CheckpointReport.mayBeOlder(path, at: rollback.lastSeen)
                ? "is older or has diverged: it lacks part of \(seen)"
                : "has diverged: it lacks part of \(seen), and has other changes"
            return Failure(
                .rollback,
                "\(path) \(words)"
                    + CheckpointReport.comparison(path, at: rollback.lastSeen),
                hint:
                    "'vault help merge' says how to take in a copy that has it; 'vault accept' trusts what is there"
            )
        case .unprovableRewrite:
            return .rollback(
                "\(path) cannot prove that it contains \(seen): an older version of vault rewrote it",
                path: path, at: rollback.lastSeen)
        case .unprovableAge:
            return .rollback(
                "\(path) cannot prove that it contains \(seen): it was rewritten more than 128,000 changes later",
                path: path, at: rollback.lastSeen)
        case .keys:
            return .rollback(
                "\(path) does not have the keys of \(seen): they are older ones, or were changed on another branch",
                path: path, at: rollback.lastSeen)
        }
    }
}

/// What can be told of a vault's file and its checkpoint without a key.
package struct CheckpointReport {
    package let text: String
    package let vaultID: Bytes16
    private let generation: UInt64
    private let count: UInt64

    /// What this machine saw last at `path`; nil if it saw nothing.
    ///
    /// - Parameter time: when the one was seen that is meant, where a link led to several; 0 for any.
    /// - Throws: if that cannot be read.
    package static func last(_ path: String, at time: UInt64 = 0) throws(Errno) -> CheckpointReport? {
        let all =
            try Locations.checkpoints?.sightings(
                of: Path.lexical(path), at: Locations.realPath(of: path)) ?? []
        guard let seen = all.first(where: { $0.time == time }) ?? all.first else { return nil }
        return CheckpointReport(seen.vaultID, seen.generation, seen.end, seen.time)
    }

    /// Whether something was seen at `path` of which the memory is not whole.
    package static func isTorn(_ path: String) -> Bool {
        guard let store = Locations.checkpoints, let lexical = try? Path.lexical(path) else { return false }
        return store.isTorn(lexical, at: Locations.realPath(of: path))
    }

    /// What is there now.
    ///
    /// - Throws: if that cannot be read.
    package static func present(_ path: String) throws(VaultFileError) -> CheckpointReport {
        let header = try Log.readHeader(path: path, dependencies: Dependencies())
        let length = try during(.read) { () throws(Errno) in try DiskStorage().open(path, .reading).length() }
        return CheckpointReport(header.vaultID, header.generation, length, nil)
    }

    private init(_ vaultID: Bytes16, _ generation: UInt64, _ count: UInt64, _ time: UInt64?) {
        (self.vaultID, self.generation, self.count) = (vaultID, generation, count)
        let date = time.map { ", on \(UTCTimestamp.format($0))" } ?? ""
        text = "vault \(vaultID.shortText), generation \(generation), \(count) bytes\(date)"
    }

    /// Both, for the end of an error's message.
    package static func comparison(_ path: String, at time: UInt64 = 0) -> String {
        guard let last = try? last(path, at: time), let present = try? present(path) else { return "" }
        return " (last seen: \(last.text); there now: \(present.text))"
    }

    /// Whether the file still has the bytes that it had when it was last seen, or others in their place.
    static func mayBeDamaged(_ path: String, at time: UInt64) -> Bool {
        guard let last = try? last(path, at: time), let present = try? present(path) else { return false }
        return present.isOfSameGeneration(as: last) && present.count >= last.count
    }

    /// Whether the file may be one of before what was last seen, as far as generations and sizes tell.
    static func mayBeOlder(_ path: String, at time: UInt64) -> Bool {
        guard let last = try? last(path, at: time), let present = try? present(path) else { return true }
        return (present.generation, present.count) < (last.generation, last.count)
    }

    /// What to say where no passphrase opens a file that is not the one that was last seen; nil if it may be that one.
    package static func hintOfOthers(_ path: String) -> Hint? {
        guard let last = try? last(path), let present = try? present(path),
            !present.isOfSameGeneration(as: last)
        else { return nil }
        return
            "this is not the file that was last seen here, and may have another passphrase (last seen: \(last.text); there now: \(present.text))"
    }

    private func isOfSameGeneration(as other: CheckpointReport) -> Bool {
        vaultID == other.vaultID && generation == other.generation
    }
}

extension Bytes16 {
    /// The first eight digits, by which a person tells vaults apart.
    package var shortText: String { Array(bytes.prefix(4)).hexadecimal }
}
