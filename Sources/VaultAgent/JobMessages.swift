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
        case 5: return .accept(path)
        case 6: return .compare(path, with: try self.path(of: body))
        case 7:
            let other = try self.path(of: body)
            let flags = try number(UInt8.self, of: body)
            guard flags < 4 else { throw MalformedMessage() }
            return .merge(
                into: path, from: other,
                MergeOptions(isTrial: flags & 1 != 0, isCopy: flags & 2 != 0))
        case 8: return .outline(path)
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
        default: throw MalformedMessage()
        }
    }

    private mutating func verification(of body: Span<UInt8>) throws(MalformedMessage) -> Verification {
        let range = try take(Mark.bodyCount, of: body)
        let mark = Mark(body, at: range.lowerBound)
        let secrets = try number(UInt64.self, of: body)
        let versions = try number(UInt64.self, of: body)
        var findings: [Log.Finding] = []
        while position < body.count {
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
        return Verification(mark: mark, secrets: secrets, versions: versions, findings: findings)
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
            uncertainFrom: uncertain == 0 ? nil : uncertain)
    }

    private mutating func comparison(of body: Span<UInt8>) throws(MalformedMessage) -> Comparison {
        let count = try number(UInt64.self, of: body)
        let isOtherVault = try flag(of: body)
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
        return Comparison(differences: differences, count: count, isOtherVault: isOtherVault)
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
        guard flags < 8 else { throw MalformedMessage() }
        report.isOtherVault = flags & 1 != 0
        report.hasOtherKeys = flags & 2 != 0
        report.isWritten = flags & 4 != 0
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
        while position < body.count { report.ahead.append(try secret(of: body)) }
        return report
    }
}

extension Job {
    /// The body of the request.
    var message: [UInt8] {
        switch self {
        case .check(let path): [1] + Job.field(path)
        case .verify(let path): [2] + Job.field(path)
        case .compact(let path, .all): [3] + Job.field(path) + [0]
        case .compact(let path, .none): [3] + Job.field(path) + [1]
        case .compact(let path, .replacedSince(let time)): [3] + Job.field(path) + [2] + Job.field(time)
        case .salvage(let path, let target): [4] + Job.field(path) + Job.field(target)
        case .accept(let path): [5] + Job.field(path)
        case .compare(let path, let other): [6] + Job.field(path) + Job.field(other)
        case .merge(let path, let other, let options):
            [7] + Job.field(path) + Job.field(other) + [(options.isTrial ? 1 : 0) | (options.isCopy ? 2 : 0)]
        case .outline(let path): [8] + Job.field(path)
        }
    }

    /// Whether every path in it can be written.
    var isSayable: Bool {
        let paths =
            switch self {
            case .check(let path), .verify(let path), .compact(let path, _), .accept(let path),
                .outline(let path):
                [path]
            case .salvage(let path, let target): [path, target]
            case .compare(let path, let other), .merge(let path, let other, _): [path, other]
            }
        return paths.allSatisfy(AgentProtocol.isSayable)
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
            [1] + report.mark.body + Job.field(report.secrets) + Job.field(report.versions)
                + report.findings.flatMap(JobReport.field)
        case .compacted(let report):
            [2]
                + [report.generation, report.before, report.after, report.dropped, report.kept].flatMap(
                    Job.field)
                + Job.field(report.savedTail?.count ?? 0) + Array((report.savedTail?.path ?? "").utf8)
        case .salvaged(let report):
            [3] + [report.secrets, report.versions, report.uncertainFrom ?? 0].flatMap(Job.field)
                + report.lost.flatMap { [$0.offset, $0.count, $0.records ?? .max].flatMap(Job.field) }
        case .compared(let comparison): [4] + JobReport.fields(comparison)
        case .merged(let report): [5] + JobReport.fields(report)
        }
    }

    private static func fields(_ comparison: Comparison) -> [UInt8] {
        var bytes = Job.field(comparison.count) + [comparison.isOtherVault ? 1 : 0]
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
        var bytes = Job.field(report.versions) + Job.field(report.secrets) + [flags]
        bytes += Job.field(report.savedTail?.count ?? 0) + Job.field(report.savedTail?.path ?? "")
        bytes += field(UInt32(report.conflicts.count))
        for conflict in report.conflicts {
            bytes += field(conflict.secret) + [conflict.isHereCurrent ? 1 : 0] + field(conflict.version)
        }
        return report.ahead.reduce(into: bytes) { $0 += field($1) }
    }

    private static func field(_ number: UInt32) -> [UInt8] { number.littleEndianBytes }

    /// What a file or a message named keeps the rules.
    private static func field(_ secret: Secret) -> [UInt8] { (try? secret.packed()) ?? [] }

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
