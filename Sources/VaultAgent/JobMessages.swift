internal import Compaction
internal import Sodium
internal import VaultFile
internal import VaultKit

// Jobs and their reports as agent-protocol.md, section 4, lays them out.

extension Job {
    /// The body of a request, without the path that names the key.
    var message: [UInt8] {
        switch self {
        case .check(let path): [1] + path.field
        case .verify(let path, nil): [2] + path.field
        case .verify(let path, .some(let other)): [10] + path.field + other.field
        case .compact(let path, .all): [3] + path.field + [0]
        case .compact(let path, .none): [3] + path.field + [1]
        case .compact(let path, .replacedSince(let time)): [3] + path.field + [2] + time.field
        case .salvage(let path, let target): [4] + path.field + target.field
        case .accept(let path, let shown): [5] + path.field + (shown.map { [1] + $0.body } ?? [0])
        case .compare(let path, let other): [6] + path.field + other.field
        case .merge(let path, let other, let options): [7] + path.field + other.field + [options.flags]
        case .listContents(let path): [8] + path.field
        case .purge(let path, let secret, let purge, let shown):
            [9] + path.field + secret.field + purge.field + (shown?.newest ?? 0).field
                + (shown?.count ?? 0).field
        }
    }

    /// The paths in the message, in their order.
    var paths: [String] {
        switch self {
        case .check(let path), .verify(let path, nil), .compact(let path, _), .accept(let path, _),
            .listContents(let path), .purge(let path, _, _, _):
            [path]
        case .salvage(let path, let other), .verify(let path, .some(let other)),
            .compare(let path, let other), .merge(let path, let other, _):
            [path, other]
        }
    }

    /// Returns whether the job reads or changes the vault at `path` itself, so that the checkpoint of that path counts.
    func isOnVault(at path: String) -> Bool {
        switch self {
        case .check(let vault), .compact(let vault, _), .purge(let vault, _, _, _): vault == path
        case .merge(let vault, _, let options): vault == path && !options.isCopy
        case .verify, .salvage, .accept, .compare, .listContents: false
        }
    }

    /// True if the job changes a file, and so may wait for a lock that a client holds.
    var isChange: Bool {
        switch self {
        case .compact, .salvage, .accept, .purge: true
        case .merge(_, _, let options): !options.isTrial
        case .check, .verify, .compare, .listContents: false
        }
    }
}

extension MergeOptions {
    fileprivate init(flags: UInt8) {
        self.init(
            isTrial: flags & 1 != 0, isCopy: flags & 2 != 0, takesKeys: flags & 4 != 0,
            allowsFuture: flags & 8 != 0, takesAll: flags & 16 != 0)
    }

    fileprivate var flags: UInt8 {
        (isTrial ? 1 : 0) | (isCopy ? 2 : 0) | (takesKeys ? 4 : 0) | (allowsFuture ? 8 : 0)
            | (takesAll ? 16 : 0)
    }
}

extension Compaction.Purge {
    /// The number of versions to go back; 2⁶⁴ − 1 for all.
    fileprivate var field: [UInt8] {
        switch self {
        case .all: UInt64.max.field
        case .version(let number): UInt64(clamping: number).field
        }
    }
}

extension FieldReader {
    /// Reads a job.
    mutating func job() throws(MalformedMessage) -> Job {
        let kind = try number(UInt8.self)
        let path = try path()
        switch kind {
        case 1: return .check(path)
        case 2: return .verify(path)
        case 3:
            switch try number(UInt8.self) {
            case 0: return .compact(path, .all)
            case 1: return .compact(path, .none)
            case 2: return .compact(path, .replacedSince(try number()))
            default: throw MalformedMessage()
            }
        case 4: return .salvage(from: path, to: try self.path())
        case 5: return .accept(path, shown: try flag() ? try checkpoint() : nil)
        case 6: return .compare(path, with: try self.path())
        case 7: return .merge(into: path, from: try self.path(), MergeOptions(flags: try flags(5)))
        case 8: return .listContents(path)
        case 9:
            let (secret, version) = (try secret(), try number(UInt64.self))
            let shown = Compaction.ShownHistory(newest: try number(), count: try number())
            return .purge(
                path, secret, version == .max ? .all : .version(Int(clamping: version)),
                shown: shown.count == 0 ? nil : shown)
        case 10: return .verify(path, seenAt: try self.path())
        default: throw MalformedMessage()
        }
    }

    private mutating func checkpoint() throws(MalformedMessage) -> Checkpoint {
        guard let checkpoint = Checkpoint(try take(Checkpoint.bodySize)) else { throw MalformedMessage() }
        return checkpoint
    }
}

extension JobReport {
    /// The end of the last reply's body.
    var message: [UInt8] {
        switch self {
        case .verified(let report): [1] + report.fields
        case .compacted(let report): [2] + report.fields
        case .salvaged(let report): [3] + report.fields
        case .compared(let comparison): [4] + comparison.fields
        case .merged(let report): [5] + report.fields
        case .accepted(let report, let wasRefused): [6] + report.fields + wasRefused.field
        case .purged(let removed, let report): [7] + removed.field + report.fields
        }
    }
}

extension FieldReader {
    /// Reads a report.
    mutating func report() throws(MalformedMessage) -> JobReport {
        switch try number(UInt8.self) {
        case 1: .verified(try verification())
        case 2: .compacted(try compaction())
        case 3: .salvaged(try salvage())
        case 4: .compared(try comparison())
        case 5: .merged(try merge())
        case 6: .accepted(try verification(), wasRefused: try flag())
        case 7: .purged(removed: try number(), try compaction())
        default: throw MalformedMessage()
        }
    }
}

// Each kind of report, as it is written and as it is read.

extension Verification {
    fileprivate var fields: [UInt8] {
        // A full check has at most one finding of each kind.
        point.body + checkpoint.body + [newest, secrets, versions, hidden].flatMap(\.field)
            + [containsLastSeen.map { $0 ? 1 : 2 } ?? 0, UInt8(findings.count)] + findings.flatMap(\.fields)
    }
}

extension Log.Finding {
    fileprivate var fields: [UInt8] {
        switch self {
        case .headerCopyDiffers(let offset): [1] + offset.field + UInt64(0).field
        case .gapNotZero(let offset): [2] + offset.field + UInt64(0).field
        case .unfinishedTail(let tail): [3] + tail.offset.field + tail.count.field
        case .noFrames: preconditionFailure("only a check without a key finds that, and it needs no agent")
        }
    }
}

extension FieldReader {
    private mutating func verification() throws(MalformedMessage) -> Verification {
        Verification(
            point: CommitPoint(try take(CommitPoint.bodySize), at: 0), checkpoint: try checkpoint(),
            newest: try number(), secrets: try number(), versions: try number(), hidden: try number(),
            containsLastSeen: try answer(), findings: try findings())
    }

    /// Reads a byte that is 1 for yes, 2 for no, and 0 for neither.
    private mutating func answer() throws(MalformedMessage) -> Bool? {
        switch try number(UInt8.self) {
        case 0: nil
        case 1: true
        case 2: false
        default: throw MalformedMessage()
        }
    }

    private mutating func findings() throws(MalformedMessage) -> [Log.Finding] {
        var findings: [Log.Finding] = []
        for _ in 0..<(try number(UInt8.self)) {
            let (kind, offset, count) = (
                try number(UInt8.self), try number(UInt64.self), try number(UInt64.self)
            )
            switch kind {
            case 1: findings.append(.headerCopyDiffers(at: offset))
            case 2: findings.append(.gapNotZero(at: offset))
            case 3: findings.append(.unfinishedTail(Log.UnfinishedTail(offset: offset, count: count)))
            default: throw MalformedMessage()
            }
        }
        return findings
    }
}

extension Compaction.Report {
    fileprivate var fields: [UInt8] {
        [generation, before, after, dropped, kept].flatMap(\.field) + savedTail.field
    }
}

extension FieldReader {
    private mutating func compaction() throws(MalformedMessage) -> Compaction.Report {
        Compaction.Report(
            generation: try number(), before: try number(), after: try number(), dropped: try number(),
            kept: try number(), savedTail: try savedTail())
    }
}

extension Salvage.Report {
    fileprivate var fields: [UInt8] {
        [secrets, versions, uncertainFrom ?? 0, unknown].flatMap(\.field)
            + lost.flatMap { [$0.offset, $0.count, $0.records ?? .max].flatMap(\.field) }
    }
}

extension FieldReader {
    private mutating func salvage() throws(MalformedMessage) -> Salvage.Report {
        let (secrets, versions) = (try number(UInt64.self), try number(UInt64.self))
        let (uncertain, unknown) = (try number(UInt64.self), try number(UInt64.self))
        var lost: [Salvage.Lost] = []
        while remaining > 0 {
            let (offset, count, records) = (
                try number(UInt64.self), try number(UInt64.self), try number(UInt64.self)
            )
            lost.append(Salvage.Lost(offset: offset, count: count, records: records == .max ? nil : records))
        }
        return Salvage.Report(
            secrets: secrets, versions: versions, lost: lost,
            uncertainFrom: uncertain == 0 ? nil : uncertain, unknown: unknown)
    }
}

extension Comparison {
    fileprivate var fields: [UInt8] {
        count.field + isOtherVault.field + [lacking, others, purgedThere, purgedHere].flatMap(\.field)
            + differences.flatMap { difference in
                [difference.change.rawValue] + difference.secret.field + difference.here.fields
                    + difference.there.fields
            }
    }
}

extension SecretVersion? {
    /// The newest version of one side of a difference.
    fileprivate var fields: [UInt8] {
        [map { $0.isDeletion ? 2 : 1 } ?? 0] + (self?.time ?? 0).field
    }
}

extension FieldReader {
    private mutating func comparison() throws(MalformedMessage) -> Comparison {
        let (count, isOtherVault) = (try number(UInt64.self), try flag())
        let (lacking, others) = (try number(UInt64.self), try number(UInt64.self))
        let (purgedThere, purgedHere) = (try number(UInt64.self), try number(UInt64.self))
        var differences: [Comparison.Difference] = []
        while remaining > 0 {
            guard let change = Comparison.Change(rawValue: try number()) else { throw MalformedMessage() }
            differences.append(
                Comparison.Difference(
                    secret: try secret(), change: change, here: try side(), there: try side()))
        }
        return Comparison(
            differences: differences, count: count, isOtherVault: isOtherVault, lacking: lacking,
            others: others, purgedThere: purgedThere, purgedHere: purgedHere)
    }

    private mutating func side() throws(MalformedMessage) -> SecretVersion? {
        let (state, time) = (try number(UInt8.self), try number(UInt64.self))
        switch state {
        case 0 where time == 0: return nil
        case 1, 2: return SecretVersion(time: time, isDeletion: state == 2)
        default: throw MalformedMessage()
        }
    }
}

extension Merge.Report {
    fileprivate var fields: [UInt8] {
        let flags: UInt8 =
            (isOtherVault ? 1 : 0) | (hasOtherKeys ? 2 : 0) | (isWritten ? 4 : 0) | (hasTakenKeys ? 8 : 0)
        var bytes = versions.field + secrets.field + [flags, relation.rawValue]
        bytes += [purged, purgedThere, purgesTaken, purgesLeftOut, unknown].flatMap(\.field)
        bytes += (savedTail?.count ?? 0).field + (savedTail?.path ?? "").field
        bytes += UInt32(conflicts.count).field
        bytes += conflicts.flatMap { $0.secret.field + $0.isHereCurrent.field + $0.version.field }
        return bytes + UInt32(ahead.count).field + (ahead + future).flatMap(\.field)
    }
}

extension FieldReader {
    private mutating func merge() throws(MalformedMessage) -> Merge.Report {
        var report = Merge.Report()
        report.versions = try number()
        report.secrets = try number()
        let flags = try flags(4)
        report.isOtherVault = flags & 1 != 0
        report.hasOtherKeys = flags & 2 != 0
        report.isWritten = flags & 4 != 0
        report.hasTakenKeys = flags & 8 != 0
        guard let relation = Merge.Relation(rawValue: try number()) else { throw MalformedMessage() }
        report.relation = relation
        report.purged = try number()
        report.purgedThere = try number()
        report.purgesTaken = try number()
        report.purgesLeftOut = try number()
        report.unknown = try number()
        let (tailCount, path) = (try number(UInt64.self), try text())
        guard tailCount > 0 || path.isEmpty else { throw MalformedMessage() }
        if tailCount > 0 { report.savedTail = Log.SavedTail(count: tailCount, path: path) }
        for _ in 0..<(try number(UInt32.self)) {
            report.conflicts.append(
                Merge.Conflict(secret: try secret(), isHereCurrent: try flag(), version: try number()))
        }
        for _ in 0..<(try number(UInt32.self)) { report.ahead.append(try secret()) }
        while remaining > 0 { report.future.append(try secret()) }
        return report
    }
}
