internal import Compaction
internal import Sodium
internal import VaultFile
internal import VaultCore

// Jobs and their reports as agent-protocol.md, section 4, lays them out: how each part is read, and how it is written.

extension Job {
    /// Reads the body of a request, without the path that names the key.
    init(_ reader: inout FieldReader) throws(MalformedMessage) {
        let (kind, path) = (try reader.number(UInt8.self), try reader.path())
        switch kind {
        case 1: self = .check(path)
        case 2: self = .verify(path)
        case 3:
            switch try reader.number(UInt8.self) {
            case 0: self = .compact(path, .all)
            case 1: self = .compact(path, .none)
            case 2: self = .compact(path, .replacedSince(try reader.number()))
            default: throw MalformedMessage()
            }
        case 4: self = .salvage(from: path, to: try reader.path())
        case 5: self = .accept(path, shown: try reader.flag() ? try reader.checkpoint() : nil)
        case 6: self = .compare(path, with: try reader.path())
        case 7:
            let other = try reader.path()
            self = .merge(into: path, from: other, MergeOptions(flags: try reader.flags(5)))
        case 8: self = .listContents(path)
        case 9:
            let (secret, version) = (try reader.secret(), try reader.number(UInt64.self))
            let shown = Compaction.ShownHistory(newest: try reader.number(), count: try reader.number())
            self = .purge(
                path, secret, version == .max ? .all : .version(Int(clamping: version)),
                shown: shown.count == 0 ? nil : shown)
        case 10: self = .verify(path, seenAt: try reader.path())
        default: throw MalformedMessage()
        }
    }

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
    fileprivate mutating func checkpoint() throws(MalformedMessage) -> Checkpoint {
        guard let checkpoint = Checkpoint(try take(Checkpoint.bodySize)) else { throw MalformedMessage() }
        return checkpoint
    }
}

extension JobReport {
    /// Reads the end of the last reply's body.
    init(_ reader: inout FieldReader) throws(MalformedMessage) {
        switch try reader.number(UInt8.self) {
        case 1: self = .verified(try Verification(&reader))
        case 2: self = .compacted(try Compaction.Report(&reader))
        case 3: self = .salvaged(try Salvage.Report(&reader))
        case 4: self = .compared(try Comparison(&reader))
        case 5: self = .merged(try Merge.Report(&reader))
        case 6: self = .accepted(try Verification(&reader), wasRefused: try reader.flag())
        case 7: self = .purged(removed: try reader.number(), try Compaction.Report(&reader))
        default: throw MalformedMessage()
        }
    }

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

extension Verification {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        self.init(
            point: CommitPoint(try reader.take(CommitPoint.bodySize), at: 0),
            checkpoint: try reader.checkpoint(), newest: try reader.number(), secrets: try reader.number(),
            versions: try reader.number(), hidden: try reader.number(),
            containsLastSeen: try reader.answer(), findings: try reader.findings())
    }

    fileprivate var fields: [UInt8] {
        // A full check has at most one finding of each kind.
        point.body + checkpoint.body + [newest, secrets, versions, hidden].flatMap(\.field)
            + [containsLastSeen.map { $0 ? 1 : 2 } ?? 0, UInt8(findings.count)] + findings.flatMap(\.fields)
    }
}

extension FieldReader {
    /// Reads a byte that is 1 for yes, 2 for no, and 0 for neither.
    fileprivate mutating func answer() throws(MalformedMessage) -> Bool? {
        switch try number(UInt8.self) {
        case 0: nil
        case 1: true
        case 2: false
        default: throw MalformedMessage()
        }
    }

    fileprivate mutating func findings() throws(MalformedMessage) -> [Log.Finding] {
        var findings: [Log.Finding] = []
        for _ in 0..<(try number(UInt8.self)) { findings.append(try Log.Finding(&self)) }
        return findings
    }
}

extension Log.Finding {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        let kind = try reader.number(UInt8.self)
        let tail = Log.UnfinishedTail(offset: try reader.number(), count: try reader.number())
        switch kind {
        case 1: self = .headerCopyDiffers(at: tail.offset)
        case 2: self = .gapNotZero(at: tail.offset)
        case 3: self = .unfinishedTail(tail)
        default: throw MalformedMessage()
        }
    }

    fileprivate var fields: [UInt8] {
        switch self {
        case .headerCopyDiffers(let offset): [1] + offset.field + UInt64(0).field
        case .gapNotZero(let offset): [2] + offset.field + UInt64(0).field
        case .unfinishedTail(let tail): [3] + tail.offset.field + tail.count.field
        case .noFrames: preconditionFailure("only a check without a key finds that, and it needs no agent")
        }
    }
}

extension Compaction.Report {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        self.init(
            generation: try reader.number(), before: try reader.number(), after: try reader.number(),
            dropped: try reader.number(), kept: try reader.number(), savedTail: try reader.savedTail())
    }

    fileprivate var fields: [UInt8] {
        [generation, before, after, dropped, kept].flatMap(\.field) + savedTail.field
    }
}

extension Salvage.Report {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        let (secrets, versions) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
        let (uncertain, unknown) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
        let unreadable = try reader.number(UInt64.self)
        var lost: [Salvage.Lost] = []
        while reader.remaining > 0 {
            let (offset, count) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
            let records = try reader.number(UInt64.self)
            lost.append(Salvage.Lost(offset: offset, count: count, records: records == .max ? nil : records))
        }
        self.init(
            secrets: secrets, versions: versions, lost: lost,
            uncertainFrom: uncertain == 0 ? nil : uncertain, unknown: unknown, unreadable: unreadable)
    }

    fileprivate var fields: [UInt8] {
        [secrets, versions, uncertainFrom ?? 0, unknown, unreadable].flatMap(\.field)
            + lost.flatMap { [$0.offset, $0.count, $0.records ?? .max].flatMap(\.field) }
    }
}

extension Comparison {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        let (count, isOtherVault) = (try reader.number(UInt64.self), try reader.flag())
        let (lacking, others) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
        let (purgedThere, purgedHere) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
        var differences: [Difference] = []
        while reader.remaining > 0 { differences.append(try Difference(&reader)) }
        self.init(
            differences: differences, count: count, isOtherVault: isOtherVault, lacking: lacking,
            others: others, purgedThere: purgedThere, purgedHere: purgedHere)
    }

    fileprivate var fields: [UInt8] {
        count.field + isOtherVault.field + [lacking, others, purgedThere, purgedHere].flatMap(\.field)
            + differences.flatMap(\.fields)
    }
}

extension Comparison.Difference {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        guard let change = Comparison.Change(rawValue: try reader.number()) else { throw MalformedMessage() }
        self.init(
            at: try reader.address(), change: change, here: try reader.newestVersion(),
            there: try reader.newestVersion())
    }

    fileprivate var fields: [UInt8] {
        [change.rawValue] + secret.field(part) + here.fields + there.fields
    }
}

extension FieldReader {
    fileprivate mutating func newestVersion() throws(MalformedMessage) -> SecretVersion? {
        let (state, time) = (try number(UInt8.self), try number(UInt64.self))
        switch state {
        case 0 where time == 0: return nil
        case 1, 2: return SecretVersion(time: time, isDeletion: state == 2)
        default: throw MalformedMessage()
        }
    }
}

extension SecretVersion? {
    fileprivate var fields: [UInt8] {
        [map { $0.isDeletion ? 2 : 1 } ?? 0] + (self?.time ?? 0).field
    }
}

extension Merge.Report {
    fileprivate init(_ reader: inout FieldReader) throws(MalformedMessage) {
        self.init()
        versions = try reader.number()
        secrets = try reader.number()
        let flags = try reader.flags(4)
        isOtherVault = flags & 1 != 0
        hasOtherKeys = flags & 2 != 0
        isWritten = flags & 4 != 0
        hasTakenKeys = flags & 8 != 0
        guard let relation = Merge.Relation(rawValue: try reader.number()) else { throw MalformedMessage() }
        self.relation = relation
        purged = try reader.number()
        purgedThere = try reader.number()
        purgesTaken = try reader.number()
        purgesLeftOut = try reader.number()
        unknown = try reader.number()
        let (tailCount, path) = (try reader.number(UInt64.self), try reader.text())
        guard tailCount > 0 || path.isEmpty else { throw MalformedMessage() }
        if tailCount > 0 { savedTail = Log.SavedTail(count: tailCount, path: path) }
        for _ in 0..<(try reader.number(UInt32.self)) {
            conflicts.append(
                Merge.Conflict(
                    at: try reader.address(), isHereCurrent: try reader.flag(),
                    version: try reader.number()))
        }
        for _ in 0..<(try reader.number(UInt32.self)) { ahead.append(try reader.secret()) }
        while reader.remaining > 0 { future.append(try reader.secret()) }
    }

    fileprivate var fields: [UInt8] {
        let flags: UInt8 =
            (isOtherVault ? 1 : 0) | (hasOtherKeys ? 2 : 0) | (isWritten ? 4 : 0) | (hasTakenKeys ? 8 : 0)
        var bytes = versions.field + secrets.field + [flags, relation.rawValue]
        bytes += [purged, purgedThere, purgesTaken, purgesLeftOut, unknown].flatMap(\.field)
        bytes += (savedTail?.count ?? 0).field + (savedTail?.path ?? "").field
        bytes += UInt32(conflicts.count).field
        bytes += conflicts.flatMap { $0.secret.field($0.part) + $0.isHereCurrent.field + $0.version.field }
        return bytes + UInt32(ahead.count).field + (ahead + future).flatMap(\.field)
    }
}
