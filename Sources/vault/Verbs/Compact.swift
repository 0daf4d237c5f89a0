internal import CommandSyntax
internal import Compaction
internal import Platform
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault compact`.
struct Compact: Command {
    var keep = Keep.replacedWithin(Compact.ninetyDays)
    var options = FileOptions()

    /// Which older versions are kept.
    enum Keep: Sendable {
        case all, none
        case replacedWithin(UInt64)
    }

    private static let ninetyDays: UInt64 = 90 * 86_400_000

    static let info = CommandInfo(
        name: "compact", summary: "Rewrite the file without what is no longer wanted",
        discussion: """
            The newest version of every secret is kept, and so is every deletion, so that an old copy that is merged later brings \
            nothing back. Of older versions, those are kept that were replaced or deleted in the last 90 days; --keep chooses \
            otherwise. What is dropped cannot be had back, but from older copies of the file. What was purged in another copy that was merged \
            goes, too.

            The whole file is verified first. The new one is written beside it, read back, compared, and then takes its \
            place in one step; whenever the machine stops, the old or the new file is there, whole. Readers are not \
            disturbed, and writers wait.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--keep", "all|none|DURATION",
            "Keep all older versions, none, or those replaced so recently (90d)",
            &keep, as: .keep)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        let worker = try options.worker(for: path)
        let report: Compaction.Report
        do throws(VaultError) {
            report = try options.showingProgress("compacting") { progress throws(VaultError) in
                try worker.compact(Locations.realPath(of: path), keeping: retention, progress: progress)
            }
        } catch {
            throw Failure(error, path: path)
        }
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        worker.showNotices(of: path)
        if options.common.quiet { return }
        try Output.write(
            "dropped \(Words.count(report.dropped, "version")), kept \(report.kept); \(report.before) bytes before, \(report.after) bytes after\n"
        )
    }

    private var retention: Retention {
        switch keep {
        case .all: .all
        case .none: .none
        case .replacedWithin(let span):
            .replacedSince(SystemClock.wallMilliseconds() - min(span, SystemClock.wallMilliseconds()))
        }
    }
}

extension ValueFormat where Value == Compact.Keep {
    /// `all`, `none` or a duration.
    fileprivate static var keep: Self {
        Self("all, none, or a duration such as 15m, 12h or 30d") { text in
            switch text {
            case "all": Compact.Keep.all
            case "none": Compact.Keep.none
            default: DurationFormat.parse(text).map { Compact.Keep.replacedWithin($0) }
            }
        }
    }
}
