package import Platform
package import VaultFile
internal import VaultCore

extension Failure {
    /// The file at `path` is not the one that this machine last saw there.
    ///
    /// - Parameter time: when it was last seen; 0 if that is not known.
    package static func rollback(
        _ message: String, path: String, at time: UInt64 = 0,
        hint: Hint = restoreOrAccept
    ) -> Failure {
        Failure(.rollback, message + CheckpointReport.comparison(path, at: time), hint: hint)
    }

    package static let restoreOrAccept: Hint =
        "'vault help restore' explains how to put a backup in its place; 'vault accept' trusts the present file"

    /// The file at `path` does not prove that it contains the last seen state.
    static func rollback(_ rollback: Rollback, path: String) -> Failure {
        let time = rollback.lastSeen
        let seen =
            "what this machine " + (time == 0 ? "last saw" : "saw on \(UTCTimestamp.format(time))")
        switch rollback.reason {
        case .older:
            let damaged = CheckpointReport.mayBeDamaged(path, at: time) ? ", or damaged at its end" : ""
            return .rollback(
                "\(path) is older\(damaged): it lacks part of \(seen), and has no changes of its own",
                path: path, at: time,
                hint:
                    "'vault help merge' and 'vault help restore' explain how to get it back from a copy; 'vault accept' trusts the present file"
            )
        case .diverged:
            // An older file looks the same if its end is no longer among the recent changes that the checkpoint lists.
            let words =
                CheckpointReport.mayBeOlder(path, at: time)
                ? "is older or has diverged: it lacks part of \(seen)"
                : "has diverged: it lacks part of \(seen), and has other changes"
            return .rollback(
                "\(path) \(words)", path: path, at: time,
                hint:
                    "'vault help merge' explains how to merge a copy that has it; 'vault accept' trusts the present file"
            )
        case .unprovableRewrite:
            return .rollback(
                "\(path) cannot prove that it contains \(seen): an older version of vault rewrote it",
                path: path, at: time)
        case .unprovableAge:
            return .rollback(
                "\(path) cannot prove that it contains \(seen): it was rewritten more than 128,000 changes later",
                path: path, at: time)
        case .keys:
            return .rollback(
                "\(path) does not have the keys of \(seen): they are older ones, or were changed on another branch",
                path: path, at: time)
        }
    }
}

/// The state of a vault's file or of its checkpoint, as far as it can be read without a key.
package struct CheckpointReport {
    /// The state in words.
    package let text: String
    /// Its generation and length in words.
    package let size: String
    package let vaultID: Bytes16
    private let generation: UInt64
    private let count: UInt64
    private let time: UInt64?

    /// Reads the checkpoint of `path`; nil if this machine never saw a vault there.
    ///
    /// - Parameter time: when the vault was seen, which tells apart the several that a link led to; 0 for any.
    package static func last(_ path: String, at time: UInt64 = 0) throws(Errno) -> CheckpointReport? {
        let all =
            try Locations.checkpoints?.checkpoints(
                of: Path.lexical(path), at: Locations.realPath(of: path)) ?? []
        guard let seen = all.first(where: { $0.time == time }) ?? all.first else { return nil }
        return CheckpointReport(seen.vaultID, seen.generation, seen.end, seen.time)
    }

    /// Returns whether the checkpoint of `path` is incomplete.
    package static func isTorn(_ path: String) -> Bool {
        guard let store = Locations.checkpoints, let lexical = try? Path.lexical(path) else { return false }
        return store.isTorn(lexical, at: Locations.realPath(of: path))
    }

    /// Reads the state of the file at `path`.
    package static func present(_ path: String) throws(VaultFileError) -> CheckpointReport {
        let header = try Log.readHeader(path: path, dependencies: Dependencies())
        let length = try during(.read, DiskStorage().open(path, .reading).length())
        return CheckpointReport(header.vaultID, header.generation, length, nil)
    }

    private init(_ vaultID: Bytes16, _ generation: UInt64, _ count: UInt64, _ time: UInt64?) {
        (self.vaultID, self.generation, self.count, self.time) = (vaultID, generation, count, time)
        let date = time.map { ", on \(UTCTimestamp.format($0))" } ?? ""
        size = "generation \(generation), \(count) bytes"
        text = "vault \(vaultID.shortText), \(size)\(date)"
    }

    /// The state in two lines, of which the second begins with the time when it was seen.
    package var lines: [String] {
        let seen = time.map { "seen    \(UTCTimestamp.format($0)), " } ?? ""
        return ["vault \(vaultID.shortText)", seen + size]
    }

    /// Both states in parentheses, for the end of an error's message; empty if either cannot be read.
    package static func comparison(_ path: String, at time: UInt64 = 0) -> String {
        guard let last = try? last(path, at: time), let present = try? present(path) else { return "" }
        return " (last seen: \(last.text); there now: \(present.text))"
    }

    /// Returns whether the file is as long as it was when last seen, so that it may be damaged instead of rolled back.
    static func mayBeDamaged(_ path: String, at time: UInt64) -> Bool {
        guard let last = try? last(path, at: time), let present = try? present(path) else { return false }
        return present.isOfSameGeneration(as: last) && present.count >= last.count
    }

    /// Returns whether the file may be older than the last seen one, as far as generations and sizes tell.
    static func mayBeOlder(_ path: String, at time: UInt64) -> Bool {
        guard let last = try? last(path, at: time), let present = try? present(path) else { return true }
        return (present.generation, present.count) < (last.generation, last.count)
    }

    /// A hint for a wrong passphrase: the file is not the one last seen; nil if it may be that one.
    package static func otherFileHint(_ path: String) -> Hint? {
        guard let last = try? last(path), let present = try? present(path),
            !present.isOfSameGeneration(as: last)
        else { return nil }
        let differs = "this is not the file that was last seen here, and it may have a different passphrase"
        return "\(differs)\(comparison(path))"
    }

    private func isOfSameGeneration(as other: CheckpointReport) -> Bool {
        vaultID == other.vaultID && generation == other.generation
    }
}

extension Bytes16 {
    /// The first eight hexadecimal digits, enough for a person to tell vaults apart.
    package var shortText: String { Array(bytes.prefix(4)).hexadecimal }
}
