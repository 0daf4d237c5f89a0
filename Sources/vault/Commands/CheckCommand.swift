internal import CommandSyntax
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault check`.
struct CheckCommand: Command {
    var keyless = false
    var json = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "check", summary: "Verify every byte of the file",
        discussion: """
            Every command verifies each frame when it opens the vault. 'vault check' reads the whole file
            again and also verifies the copy of the header, the zero bytes after the header, and any bytes
            that an interrupted write left at the end. The exit code is 0 if all is well, 10 with one line for
            each finding, 8 if the vault cannot be opened, and 13 if the file is not what this machine last
            saw ('vault help accept'). The file is not changed.

            With --keyless, no passphrase is needed: the checksums of the header and of every frame are
            verified. They reveal accidental damage by a disk or a copy, but not deliberate changes.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--keyless", "Verify only what can be verified without a key", &keyless)
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        if keyless { return try checkWithoutKey(path) }
        let worker = try options.worker(for: path)
        let verification = try reportingErrors(
            about: path,
            try options.showingProgress("checking") { progress throws(VaultError) in
                try worker.verify(Locations.realPath(of: path), progress: progress)
            })
        worker.showNotices(of: path)
        verification.warnOfHidden(in: path)
        try options.report(
            verification.findings, orElse: verification.summary, asJSON: json ? verification.fields : nil)
    }

    private func checkWithoutKey(_ path: String) throws(Failure) {
        let check: KeylessCheck
        do throws(VaultFileError) {
            check = try options.showingProgress("checking") { progress throws(VaultFileError) in
                try KeylessCheck(path: path, dependencies: Dependencies(), progress: progress)
            }
        } catch {
            throw Failure(error, path: path)
        }
        let fields = [("frames", JSON.count(check.frames)), ("bytes", JSON.count(check.fileSize))]
        try options.report(
            check.findings, orElse: "ok without a key: \(check.frames) frames, \(check.fileSize) bytes\n",
            asJSON: json ? fields : nil)
    }
}
