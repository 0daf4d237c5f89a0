internal import Compaction
internal import Sodium
internal import VaultFile
internal import VaultKit

// Jobs and their reports as agent-protocol.md, section 4, writes them.

extension FieldReader {
    /// The next job.
    mutating func job(of body: Span<UInt8>) throws(MalformedMessage) -> Job {
        let kind = try number(UInt8.self, of: body)
        let path = try path(of: body)
        switch kind {
        case 1: return .check(path)
        case 2: return .verify(path)
        case 3:
            switch try number(UInt8.self, of: body) {
            case 0: return .compact(path, .all)
            case 1: return .compact(path, .none)
            case 2: return .compact(path, .replacedSince(try number(UInt64.self, of: body)))
            default: throw MalformedMessage()
            }
        case 4: return .salvage(from: path, to: try self.path(of: body))
        case 5:
            guard try flag(of: body) else { return .accept(path, shown: nil) }
            return .accept(path, shown: try checkpoint(of: body))
        case 6: return .compare(path, with: try self.path(of: body))
        case 7:
            let other = try self.path(of: body)
            let flags = try number(UInt8.self, of: body)
            guard flags < 32 else { throw MalformedMessage() }
            return .merge(
                into: path, from: other,
                MergeOptions(
                    isTrial: flags & 1 != 0, isCopy: flags & 2 != 0, takesKeys: flags & 4 != 0,
                    allowsFuture: flags & 8 != 0, takesAll: flags & 16 != 0))
        case 8: return .listContents(path)
        case 9:
            let secret = try secret(of: body)
            let version = try number(UInt64.self, of: body)
            let newest = try number(UInt64.self, of: body)
            let count = try number(UInt64.self, of: body)
            return .purge(
                path, secret, version == .max ? .all : .version(Int(clamping: version)),
                shown: count == 0 ? nil : Compaction.ShownHistory(newest: newest, count: count))
        case 10: return .verify(path, seenAt: try self.path(of: body))
        default: throw MalformedMessage()
        }
    }

    /// The next report.
    mutating func report(of body: Span<UInt8>) throws(MalformedMessage) -> JobReport {
        switch try number(UInt8.self, of: body) {
        case 1: .verified(try verification(of: body))
        case 2: .compacted(try compaction(of: body))
        case 3: .salvaged(try salvage(of: body))
        case 4: .compared(try comparison(of: body))
        case 5: .merged(try merge(of: body))
        case 6: .accepted(try verification(of: body), wasRefused: try flag(of: body))
        case 7: .purged(removed: try number(UInt64.self, of: body), try compaction(of: body))
        default: throw MalformedMessage()
        }
    }

    private mutating func verification(of body: Span<UInt8>) throws(MalformedMessage) -> Verification {
        let range = try take(CommitPoint.bodySize, of: body)
        let point = CommitPoint(body, at: range.lowerBound)
        let checkpoint = try checkpoint(of: body)
        let newest = try number(UInt64.self, of: body)
        let secrets = try number(UInt64.self, of: body)
        let versions = try number(UInt64.self, of: body)
        let hidden = try number(UInt64.self, of: body)
        let containsLastSeen: Bool? =
            switch try number(UInt8.self, of: body) {
            case 0: nil
            case 1: true
            case 2: false
            default: throw MalformedMessage()
            }
        var findings: [Log.Finding] = []
        for _ in 0..<(try number(UInt8.self, of: body)) {
            let kind = try number(UInt8.self, of: body)
            let offset = try number(UInt64.self, of: body)
            let count = try number(UInt64.self, of: body)
            switch kind {
            case 1: findings.append(.headerCopyDiffers(at: offset))
            case 2: findings.append(.gapNotZero(at: offset))
            case 3: findings.append(.unfinishedTail(Log.UnfinishedTail(offset: offset, count: count)))
            default: throw MalformedMessage()
            }
        }
        return Verification(
            point: point, checkpoint: checkpoint, newest: newest, secrets: secrets, versions: versions,
            hidden: hidden, containsLastSeen: containsLastSeen, findings: findings)
    }

    private mutating func checkpoint(of body: Span<UInt8>) throws(MalformedMessage) -> Checkpoint {
        guard let checkpoint = Checkpoint(body.extracting(try take(Checkpoint.bodySize, of: body))) else {
            throw MalformedMessage()
        }
        return checkpoint
    }

    private mutating func compaction(of body: Span<UInt8>) throws(MalformedMessage) -> Compaction.Report {
        let generation = try number(UInt64.self, of: body)
        let before = try number(UInt64.self, of: body)
        let after = try number(UInt64.self, of: body)
        let dropped = try number(UInt64.self, of: body)
        let kept = try number(UInt64.self, of: body)
        let count = try number(UInt64.self, of: body)
        let path = try text(body.count - position, of: body)
        return Compaction.Report(
            generation: generation, before: before, after: after, dropped: dropped, kept: kept,
            savedTail: path.isEmpty ? nil : Log.SavedTail(count: count, path: path))
    }

    private mutating func salvage(of body: Span<UInt8>) throws(MalformedMessage) -> Salvage.Report {
        let secrets = try number(UInt64.self, of: body)
        let versions = try number(UInt64.self, of: body)
        let uncertain = try number(UInt64.self, of: body)
        let unknown = try number(UInt64.self, of: body)
        var lost: [Salvage.Lost] = []
        while position < body.count {
            let offset = try number(UInt64.self, of: body)
            let count = try number(UInt64.self, of: body)
            let records = try number(UInt64.self, of: body)
            lost.append(
                Salvage.Lost(offset: offset, count: count, records: records == .max ? nil : records))
        }
        return Salvage.Report(
            secrets: secrets, versions: versions, lost: lost,
            uncertainFrom: uncertain == 0 ? nil : uncertain, unknown: unknown)
    }

    private mutating func comparison(of body: Span<UInt8>) throws(MalformedMessage) -> Comparison {
        let count = try number(UInt64.self, of: body)
        let isOtherVault = try flag(of: body)
        let lacking = try number(UInt64.self, of: body)
        let others = try number(UInt64.self, of: body)
        let purgedThere = try number(UInt64.self, of: body)
        let purgedHere = try number(UInt64.self, of: body)
        var differences: [Comparison.Difference] = []
        while position < body.count {
            guard let change = Comparison.Change(rawValue: try number(UInt8.self, of: body)) else {
                throw MalformedMessage()
            }
            let secret = try secret(of: body)
            differences.append(
                Comparison.Difference(
                    secret: secret, change: change, here: try side(of: body), there: try side(of: body)))
        }
        return Comparison(
            differences: differences, count: count, isOtherVault: isOtherVault, lacking: lacking,
            others: others, purgedThere: purgedThere, purgedHere: purgedHere)
    }

    /// The newest version of one side of a difference.
    private mutating func side(of body: Span<UInt8>) throws(MalformedMessage) -> SecretVersion? {
        let state = try number(UInt8.self, of: body)
        let time = try number(UInt64.self, of: body)
        switch state {
        case 0 where time == 0: return nil
        case 1, 2: return SecretVersion(time: time, isDeletion: state == 2)
        default: throw MalformedMessage()
        }
    }

    private mutating func merge(of body: Span<UInt8>) throws(MalformedMessage) -> Merge.Report {
        var report = Merge.Report()
        report.versions = try number(UInt64.self, of: body)
        report.secrets = try number(UInt64.self, of: body)
        let flags = try number(UInt8.self, of: body)
        guard flags < 16, let relation = Merge.Relation(rawValue: try number(UInt8.self, of: body)) else {
            throw MalformedMessage()
        }
        report.isOtherVault = flags & 1 != 0
        report.hasOtherKeys = flags & 2 != 0
        report.isWritten = flags & 4 != 0
        report.hasTakenKeys = flags & 8 != 0
        report.relation = relation
        report.purged = try number(UInt64.self, of: body)
        report.purgedThere = try number(UInt64.self, of: body)
        report.purgesTaken = try number(UInt64.self, of: body)
        report.purgesLeftOut = try number(UInt64.self, of: body)
        report.unknown = try number(UInt64.self, of: body)
        let tailCount = try number(UInt64.self, of: body)
        let path = try text(Int(try number(UInt16.self, of: body)), of: body)
        guard tailCount > 0 || path.isEmpty else { throw MalformedMessage() }
        if tailCount > 0 { report.savedTail = Log.SavedTail(count: tailCount, path: path) }
        for _ in 0..<(try number(UInt32.self, of: body)) {
            let secret = try secret(of: body)
            let isHereCurrent = try flag(of: body)
            report.conflicts.append(
                Merge.Conflict(
                    secret: secret, isHereCurrent: isHereCurrent,
                    version: try number(UInt32.self, of: body)))
        }
        for _ in 0..<(try number(UInt32.self, of: body)) { report.ahead.append(try secret(of: body)) }
        while position < body.count { report.future.append(try secret(of: body)) }
        return report
    }
}

extension Job {
    /// The body of the request.
    var message: [UInt8] {
        switch self {
        case .check(let path): [1] + Job.field(path)
        case .verify(let path, nil): [2] + Job.field(path)
        case .verify(let path, .some(let other)): [10] + Job.field(path) + Job.field(other)
        case .compact(let path, .all): [3] + Job.field(path) + [0]
        case .compact(let path, .none): [3] + Job.field(path) + [1]
        case .compact(let path, .replacedSince(let time)): [3] + Job.field(path) + [2] + Job.field(time)
        case .salvage(let path, let target): [4] + Job.field(path) + Job.field(target)
        case .accept(let path, let shown): [5] + Job.field(path) + (shown.map { [1] + $0.body } ?? [0])
        case .compare(let path, let other): [6] + Job.field(path) + Job.field(other)
        case .merge(let path, let other, let options):
            [7] + Job.field(path) + Job.field(other) + [Job.flags(options)]
        case .listContents(let path): [8] + Job.field(path)
        case .purge(let path, let secret, let purge, let shown):
            [9] + Job.field(path) + ((try? secret.packed()) ?? []) + Job.field(Job.number(purge))
                + Job.field(shown?.newest ?? 0) + Job.field(shown?.count ?? 0)
        }
    }

    /// The paths in it, in their order.
    var paths: [String] {
        switch self {
        case .check(let path), .verify(let path, nil), .compact(let path, _), .accept(let path, _),
            .listContents(let path), .purge(let path, _, _, _):
            [path]
        case .salvage(let path, let target): [path, target]
        case .verify(let path, .some(let other)): [path, other]
        case .compare(let path, let other), .merge(let path, let other, _): [path, other]
        }
    }

    /// Whether every path in it can be written.
    var isEncodable: Bool { paths.allSatisfy(AgentProtocol.isEncodable) }

    /// Whether it reads or changes the vault at `path` itself, so that what was last seen of that counts.
    func isOnVault(at path: String) -> Bool {
        switch self {
        case .check(let vault), .compact(let vault, _), .purge(let vault, _, _, _): vault == path
        case .merge(let vault, _, let options): vault == path && !options.isCopy
        case .verify, .salvage, .accept, .compare, .listContents: false
        }
    }

    private static func flags(_ options: MergeOptions) -> UInt8 {
        (options.isTrial ? 1 : 0) | (options.isCopy ? 2 : 0) | (options.takesKeys ? 4 : 0)
            | (options.allowsFuture ? 8 : 0) | (options.takesAll ? 16 : 0)
    }

    private static func number(_ purge: Compaction.Purge) -> UInt64 {
        switch purge {
        case .all: .max
        case .version(let number): UInt64(clamping: number)
        }
    }

    fileprivate static func field(_ path: String) -> [UInt8] {
        UInt16(truncatingIfNeeded: path.utf8.count).littleEndianBytes + path.utf8
    }

    fileprivate static func field(_ number: UInt64) -> [UInt8] { number.littleEndianBytes }
}

extension JobReport {
    /// The rest of the reply's body.
    var message: [UInt8] {
        switch self {
        case .verified(let report):
            [1] + JobReport.fields(report)
        case .compacted(let report): [2] + JobReport.fields(report)
        case .accepted(let report, let wasRefused): [6] + JobReport.fields(report) + [wasRefused ? 1 : 0]
        case .purged(let removed, let report): [7] + Job.field(removed) + JobReport.fields(report)
        case .salvaged(let report):
            [3]
                + [report.secrets, report.versions, report.uncertainFrom ?? 0, report.unknown].flatMap(
                    Job.field)
                + report.lost.flatMap { [$0.offset, $0.count, $0.records ?? .max].flatMap(Job.field) }
        case .compared(let comparison): [4] + JobReport.fields(comparison)
        case .merged(let report): [5] + JobReport.fields(report)
        }
    }

    private static func fields(_ report: Verification) -> [UInt8] {
        // A full check has at most one finding of each kind.
        report.point.body + report.checkpoint.body
            + [report.newest, report.secrets, report.versions, report.hidden].flatMap(Job.field)
            + [report.containsLastSeen.map { $0 ? 1 : 2 } ?? 0]
            + [UInt8(report.findings.count)] + report.findings.flatMap(JobReport.field)
    }

    private static func fields(_ report: Compaction.Report) -> [UInt8] {
        [report.generation, report.before, report.after, report.dropped, report.kept].flatMap(Job.field)
            + Job.field(report.savedTail?.count ?? 0) + Array((report.savedTail?.path ?? "").utf8)
    }

    private static func fields(_ comparison: Comparison) -> [UInt8] {
        var bytes = Job.field(comparison.count) + [comparison.isOtherVault ? 1 : 0]
        bytes += [
            comparison.lacking, comparison.others, comparison.purgedThere, comparison.purgedHere,
        ].flatMap(Job.field)
        for difference in comparison.differences {
            bytes.append(difference.change.rawValue)
            bytes += field(difference.secret)
            for side in [difference.here, difference.there] {
                bytes.append(side.map { $0.isDeletion ? 2 : 1 } ?? 0)
                bytes += Job.field(side?.time ?? 0)
            }
        }
        return bytes
    }

    private static func fields(_ report: Merge.Report) -> [UInt8] {
        let flags: UInt8 =
            (report.isOtherVault ? 1 : 0) | (report.hasOtherKeys ? 2 : 0) | (report.isWritten ? 4 : 0)
            | (report.hasTakenKeys ? 8 : 0)
        var bytes =
            Job.field(report.versions) + Job.field(report.secrets) + [flags, report.relation.rawValue]
        bytes += [
            report.purged, report.purgedThere, report.purgesTaken, report.purgesLeftOut, report.unknown,
        ].flatMap(Job.field)
        bytes += Job.field(report.savedTail?.count ?? 0) + Job.field(report.savedTail?.path ?? "")
        bytes += field(UInt32(report.conflicts.count))
        for conflict in report.conflicts {
            bytes += field(conflict.secret) + [conflict.isHereCurrent ? 1 : 0] + field(conflict.version)
        }
        bytes += field(UInt32(report.ahead.count))
        return (report.ahead + report.future).reduce(into: bytes) { $0 += field($1) }
    }

    private static func field(_ number: UInt32) -> [UInt8] { number.littleEndianBytes }

    /// What a file or a message named keeps the rules.
    private static func field(_ secret: SecretID) -> [UInt8] { (try? secret.packed()) ?? [] }

    private static func field(_ finding: Log.Finding) -> [UInt8] {
        let (kind, offset, count): (UInt8, UInt64, UInt64) =
            switch finding {
            case .headerCopyDiffers(let offset): (1, offset, 0)
            case .gapNotZero(let offset): (2, offset, 0)
            case .unfinishedTail(let tail): (3, tail.offset, tail.count)
            // Only a check without a key finds that, and it needs no agent.
            case .noFrames(let offset, let count): (4, offset, count)
            }
        return [kind] + Job.field(offset) + Job.field(count)
    }
}
