internal import CommandSyntax
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault check`.
struct Check: Command {
    var keyless = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "check", summary: "Verify every byte of the file",
        discussion: """
            Every open verifies each frame; this reads the file anew and also looks at the header's copy, at what lies between, and at \
            bytes that a killed writer left at the end. The exit code is 0 if all is well, 10 with one line for each finding, 8 \
            if the vault cannot be opened, 13 if it is not what this machine saw last ('vault help accept'). Nothing is changed.

            With --keyless no passphrase is needed: the header's sum and the checksum of every frame are verified, which finds \
            what a disk or a copy spoils, but not what somebody changed on purpose.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--keyless", "Verify what can be verified without a key", &keyless)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        if keyless { return try checkWithoutKey(path) }
        let worker = try options.worker(for: path)
        let verification: Verification
        do throws(VaultError) {
            verification = try options.showingProgress("checking") { progress throws(VaultError) in
                try worker.verify(Locations.realPath(of: path), progress: progress)
            }
        } catch {
            throw Failure(error, path: path)
        }
        worker.showNotices(of: path)
        verification.warnOfHidden(in: path)
        guard verification.findings.isEmpty else { throw try Failure.found(verification.findings) }
        if !options.common.quiet { try Output.write(verification.summary) }
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
        guard check.findings.isEmpty else { throw try Failure.found(check.findings) }
        if !options.common.quiet {
            try Output.write("ok without a key: \(check.frames) frames, \(check.fileSize) bytes\n")
        }
    }
}
