internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import Wording

/// The verb `vault restore`.
struct Restore: Command {
    var source = ""
    var yes = false
    var other = OtherPassphraseOptions()
    var options = FileOptions()

    static let syntax = Syntax(
        Restore(), name: "restore", summary: "Put a backup in the vault's place",
        discussion: """
            The backup is verified from end to end, copied, and verified again before it takes the vault's place in one step. The file \
            that was there stays beside it, under a name that ends in the time of the restore; so nothing is lost, and \
            what it had that the backup has not can be found there. A person at a terminal is asked first; a script needs \
            --yes.
            """,
        parameters: [
            .operand("SRC", "The backup", \.source, isRequired: true, completing: .file),
            .flag("-y --yes", "Do not ask", \.yes),
            .options(OtherPassphraseOptions.parameters, \.other, group: "Passphrase of the backup"),
            .options(FileOptions.parameters, \.options),
        ])

    func run() throws(Failure) {
        try Failure.refuseEmpty(source, "SRC")
        let path = try options.common.path()
        let (source, real) = (Locations.realPath(of: source), Locations.realPath(of: path))
        _ = try FileOptions.header(of: self.source)
        if !yes { try Prompt.confirm("Put \(self.source) in the place of \(path)?") }
        let result = try options.withKey(of: self.source, other) { worker throws(VaultError) in
            try options.showingProgress("restoring") { progress throws(VaultError) in
                try Backup(of: real, by: worker).restore(from: source, progress: progress)
            }
        }
        let (restored, kept, markFailure): (Verification, String?, Errno?)
        do throws(VaultError) {
            (restored, kept, markFailure) = try result.get()
        } catch {
            throw Failure(error, path: error.isAboutTarget ? path : self.source)
        }
        if let markFailure { Notice.nothingRemembered(markFailure).show() }
        AgentAccess.adopt(path)
        options.common.confirm(
            "Restored \(restored.content) to \(path)")
        if let kept { options.common.confirm("The file that was there is now \(kept)") }
    }
}
