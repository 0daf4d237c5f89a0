internal import CommandSyntax
internal import Compaction
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault salvage`.
struct SalvageFile: Command {
    var damaged = ""
    var target = ""
    var options = FileOptions()

    static let info = CommandInfo(
        name: "salvage", summary: "Write what is sound of a damaged file to a new vault",
        discussion: """
            IN is read from end to end, and every record that is authentic goes to the new vault OUT, with its history; the same \
            passphrase opens it. IN is not changed, OUT must not exist, and nothing is ever guessed. What was lost is listed, by \
            its place in IN. If a list of purged versions was lost, those of them that IN still holds are in OUT.

            A backup is better, if there is one: see 'vault restore'.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("IN", "The damaged file", &damaged, isRequired: true, completing: .file)
        parameters.operand("OUT", "The new vault", &target, isRequired: true, completing: .file)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        try Failure.refuseEmpty(damaged, "IN")
        try Failure.refuseEmpty(target, "OUT")
        let (source, target) = (Locations.realPath(of: damaged), Locations.realPath(of: target))
        if Vault.isOccupied(target) { throw Failure(VaultFileError.alreadyExists, path: self.target) }
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
        for lost in report.lost { try Output.write(SalvageFile.words(lost) + "\n") }
        if report.lost.isEmpty { try Output.write("nothing was lost\n") }
        if report.unknown > 0 {
            try Output.write(
                "left behind: \(Words.count(report.unknown, "record")) that need a newer version of vault\n")
        }
        if let offset = report.uncertainFrom {
            try Output.write(
                "uncertain: from byte \(offset) on, records of a change whose end was not found; they were taken\n"
            )
        }
        options.common.confirm(
            "Saved \(Words.count(report.secrets, "secret")) in \(Words.count(report.versions, "version")) to \(self.target)"
        )
    }

    private static func words(_ lost: Salvage.Lost) -> String {
        let records =
            lost.records.map { Words.count($0, "record") } ?? "how many records is not known"
        return "lost: \(lost.count) bytes from byte \(lost.offset) on: \(records)"
    }
}

extension VaultError {
    /// Whether it speaks of the file that was to be written.
    var isAboutTarget: Bool {
        switch self {
        case .notABackup, .newerBackup, .sameFile, .file(.alreadyExists), .file(.io(.rewrite, _)),
            .file(.io(.rename, _)), .file(.io(.create, _)), .file(.rewriteDiffers), .file(.outcomeUnknown):
            true
        default: false
        }
    }
}
