internal import CommandSyntax
internal import Compaction
internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault compact`.
struct CompactCommand: Command {
    var keep = Retention.replaced(within: Retention.usualAge)
    var yes = false
    var json = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "compact", summary: "Rewrite the file without versions that are no longer needed",
        discussion: """
            The newest version of every secret is kept. So is every deletion, so that merging an old copy
            later does not bring a deleted secret back. Older versions are kept if they were replaced or
            deleted in the last 90 days; --keep chooses otherwise. Dropped versions can only be recovered from
            older copies of the file. Versions that a merge hid because they were purged in another copy are
            removed, too. If --keep keeps less than the last 90 days, vault asks for confirmation at a terminal.

            The whole file is verified first. The new file is written beside it, read back, compared, and then
            replaces it in one step. Even if the machine stops, one complete file remains: the old one or the
            new one. Readers are not disturbed; writers wait.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--keep", "all|none|DURATION",
            "Keep all older versions, none, or those replaced within DURATION (90d)", &keep, as: .keep)
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        let worker = try options.worker(for: path)
        if !yes, InheritedDescriptor.standardInput.isTerminal, let loss = keep.unusualLoss {
            try Prompt.confirm("Drop \(loss), which undo could restore?")
        }
        let report = try reportingErrors(
            about: path,
            try options.showingProgress("compacting") { progress throws(VaultError) in
                try worker.compact(Locations.realPath(of: path), keeping: keep, progress: progress)
            })
        if let tail = report.savedTail { Notice.savedTail(count: tail.count, path: tail.path).show() }
        worker.showNotices(of: path)
        if json {
            return try Output.write(
                JSON.document([
                    ("dropped", .count(report.dropped)), ("kept", .count(report.kept)),
                    ("before_bytes", .count(report.before)), ("after_bytes", .count(report.after)),
                ]))
        }
        if options.common.quiet { return }
        let versions = "dropped \(Words.count(report.dropped, "version")), kept \(report.kept)"
        try Output.write("\(versions); \(report.before) bytes before, \(report.after) bytes after\n")
    }
}

extension Retention {
    /// The age up to which replaced versions are kept by default, in milliseconds: 90 days.
    fileprivate static var usualAge: UInt64 { 90 * 86_400_000 }

    /// What is dropped beside that which the default drops, in words; nil if there is nothing.
    fileprivate var unusualLoss: String? {
        switch self {
        case .all: nil
        case .none: "all older versions and the values of deleted secrets"
        case .replacedSince(let time) where time > SystemClock.wallMilliseconds() - Retention.usualAge:
            "all versions replaced or deleted before \(UTCTimestamp.format(time))"
        case .replacedSince: nil
        }
    }

    /// Keeps the versions that were replaced in the last `milliseconds`.
    fileprivate static func replaced(within milliseconds: UInt64) -> Retention {
        let now = SystemClock.wallMilliseconds()
        return .replacedSince(now - min(milliseconds, now))
    }
}

extension ValueFormat where Value == Retention {
    /// `all`, `none` or a duration.
    fileprivate static var keep: Self {
        Self("all, none, or a duration such as 15m, 12h or 30d") { text in
            switch text {
            case "all": .all
            case "none": Retention.none
            default: DurationFormat.parse(text).map { .replaced(within: $0) }
            }
        }
    }
}
