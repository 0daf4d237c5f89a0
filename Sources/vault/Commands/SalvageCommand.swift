internal import CommandSyntax
internal import Compaction
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault salvage`.
struct SalvageCommand: Command {
    var damaged = ""
    var target = ""
    var json = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "salvage", summary: "Write what is intact in a damaged file to a new vault",
        discussion: """
            IN is read from start to end, and every authentic record is written to the new vault OUT, with its
            history; the same passphrase opens OUT. IN is not changed, OUT must not exist, and nothing is
            guessed. What was lost is listed by its position in IN; a block of 4,096 bytes that the disk cannot
            read counts as lost, and the number of such bytes is printed. If the list of purged versions was lost,
            OUT again contains the purged versions that are still in IN.

            A backup is better, if there is one: see 'vault restore'.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("IN", "The damaged file", &damaged, isRequired: true, completing: .file)
        parameters.operand("OUT", "The new vault", &target, isRequired: true, completing: .file)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        try Failure.refuseEmpty(damaged, "IN")
        try Failure.refuseEmpty(target, "OUT")
        let (source, target) = (Locations.realPath(of: damaged), Locations.realPath(of: target))
        if LocalSession.isOccupied(target) { throw Failure(VaultFileError.alreadyExists, path: self.target) }
        let result = try options.withKey(of: damaged, isDamaged: true) { worker throws(VaultError) in
            try options.showingProgress("salvaging") { progress throws(VaultError) in
                try worker.salvage(from: source, to: target, progress: progress)
            }
        }
        let report: Salvage.Report
        do throws(VaultError) {
            report = try result.get()
        } catch {
            throw Failure(error, path: error.isAboutTarget ? self.target : damaged)
        }
        if json { return try Output.write(SalvageCommand.json(report)) }
        for lost in report.lost {
            let records = lost.records.map { Words.count($0, "record") } ?? "unknown number of records"
            try Output.write("lost: \(lost.count) bytes from byte \(lost.offset) on: \(records)\n")
        }
        if report.unreadable > 0 {
            try Output.write("unreadable: \(report.unreadable) bytes, for which the disk reported errors\n")
        }
        if report.lost.isEmpty { try Output.write("nothing was lost\n") }
        if report.unknown > 0 {
            let records = Words.count(report.unknown, "record")
            try Output.write("left out: \(records) that only a newer version of vault can read\n")
        }
        if let offset = report.uncertainFrom {
            let records = "records of a change whose end is missing; they were included"
            try Output.write("uncertain: from byte \(offset) on, \(records)\n")
        }
        let versions =
            "\(Words.count(report.secrets, "secret")) in \(Words.count(report.versions, "version"))"
        options.common.confirm("Saved \(versions) to \(self.target)")
    }

    private static func json(_ report: Salvage.Report) -> String {
        func count(_ number: UInt64?) -> JSON { number.map { .count($0) } ?? .null }
        let lost = report.lost.map { lost in
            JSON.object([
                ("offset", .count(lost.offset)), ("bytes", .count(lost.count)),
                ("records", count(lost.records)),
            ])
        }
        return JSON.document([
            ("secrets", .count(report.secrets)), ("versions", .count(report.versions)),
            ("lost", .array(lost)), ("unknown_records", .count(report.unknown)),
            ("uncertain_from", count(report.uncertainFrom)),
            ("unreadable_bytes", .count(report.unreadable)),
        ])
    }
}
