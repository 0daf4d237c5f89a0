internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The command `vault accept`.
struct AcceptCommand: Command {
    var yes = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "accept", summary: "Trust the vault file as it is now",
        discussion: """
            This machine remembers the last state of each vault that it saw. It refuses a file that cannot
            prove that it contains that state (exit code 13): the file is older, has diverged, has keys that
            were replaced, or is another vault, and an attacker may have put it there. If you know where the
            file came from, 'vault accept' verifies it, shows what was last seen and what is there now, and
            trusts the file from then on. Everything that the file lacks is lost, including records of purges.
            To keep it, run 'vault merge' with a copy that has it, before or after.

            At a terminal, vault asks for confirmation; a script needs --yes. If the file is already trusted,
            vault asks nothing and changes nothing.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("-y --yes", "Do not ask for confirmation", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        _ = try FileOptions.header(of: path)
        let real = Locations.realPath(of: path)
        try AcceptCommand.requireCheckpoints(real)
        // Jobs work on the resolved path, so only this command can tell that a link leads elsewhere now.
        let isRedirected = try AcceptCommand.isRedirected(path, real)
        let result = try options.withKey(of: real) { worker throws(VaultError) -> Result<Bool, Failure> in
            if !isRedirected, try AcceptCommand.isTrusted(real, worker) { return .success(false) }
            let present = try worker.verify(real, isCopy: true)
            Output.note("last seen: ", AcceptCommand.lastSeen(path))
            Output.note("there now: ", present.lines(path))
            do throws(Failure) {
                if !yes { try Prompt.confirm("Trust the file as it is now?") }
            } catch {
                return .failure(error)
            }
            try worker.accept(real, shown: present.checkpoint)
            return .success(true)
        }
        guard try reportingErrors(about: path, try result.get()).get() else {
            return options.common.confirm("Nothing to accept: \(path) contains what this machine last saw")
        }
        do throws(Errno) {
            try Locations.checkpoints?.acceptLink(try Path.lexical(path), at: real)
        } catch {
            throw Failure(error, "cannot save where \(path) leads")
        }
        AgentAccess.adopt(path)
        options.common.confirm("Accepted \(path)")
    }

    /// Returns true if the path is a link that led to another file when this machine last used it.
    private static func isRedirected(_ path: String, _ real: String) throws(Failure) -> Bool {
        guard let lexical = try? Path.lexical(path), let store = Locations.checkpoints else { return false }
        do throws(Errno) {
            return try !store.isLinkCurrent(lexical, at: real)
        } catch {
            throw Failure(error, "cannot read the checkpoint of \(path)")
        }
    }

    /// Returns true if the file is what this machine last saw, or descends from it.
    private static func isTrusted(_ path: String, _ worker: any JobRunner) throws(VaultError) -> Bool {
        do throws(VaultError) {
            _ = try worker.verify(path)
            return true
        } catch .file(.rolledBack), .file(.replaced) {
            return false
        }
    }

    /// Checks that a checkpoint of the file can be saved.
    private static func requireCheckpoints(_ path: String) throws(Failure) {
        switch Notice.ofMemory(of: path) {
        case nil: return
        case .nothingRemembered(let error):
            throw Failure(error, "nothing was accepted: cannot save the checkpoint")
        default:
            throw Failure(
                .other, "nothing was accepted: there is no directory for checkpoints",
                hint: "set HOME or XDG_STATE_HOME")
        }
    }

    private static func lastSeen(_ path: String) -> [String] {
        do throws(Errno) {
            return try CheckpointReport.last(path)?.lines ?? ["nothing"]
        } catch {
            return ["unknown, \(error)"]
        }
    }
}
