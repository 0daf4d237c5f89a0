internal import CommandSyntax
internal import Platform
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// The verb `vault accept`.
struct Accept: Command {
    var yes = false
    var options = FileOptions()

    static let info = CommandInfo(
        name: "accept", summary: "Trust the file that is there now",
        discussion: """
            This machine remembers what it last saw of each vault. A file that cannot prove that it contains that is not used (exit code \
            13): it is older, has diverged, has keys that were replaced, or is another vault, and somebody may have put it there. If you \
            know how it came there, this verifies it, shows what was last seen and what is there, and trusts it from then on. What the file lacks \
            is given up, a purge too; a copy that has it can be merged before or after: 'vault merge' keeps what both have.

            A person at a terminal is asked first; a script needs --yes. Where nothing is wrong, nothing is asked or changed.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("-y --yes", "Do not ask", &yes)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        let path = try options.common.path()
        _ = try FileOptions.header(of: path)
        let real = Locations.realPath(of: path)
        try Accept.refuseForgetful(real)
        // What the path leads to is told apart from what lies there, which is all that a job looks at.
        let leadsElsewhere = try Accept.leadsElsewhere(path, real)
        var failure: Failure?
        let result = try options.withKey(of: real) { worker throws(VaultError) -> Bool in
            if !leadsElsewhere, try Accept.isTrusted(real, worker) { return false }
            let present = try worker.verify(real, isCopy: true)
            Output.note("last seen: \(Accept.lastSeen(path))")
            Output.note("there now: \(present.description)")
            do throws(Failure) {
                if !yes { try Prompt.confirm("Trust the file that is there now?") }
            } catch {
                failure = error
                return false
            }
            try worker.accept(real, shown: present.checkpoint)
            return true
        }
        if let failure { throw failure }
        let isAccepted: Bool
        do throws(VaultError) {
            isAccepted = try result.get()
        } catch {
            throw Failure(error, path: path)
        }
        guard isAccepted else {
            return options.common.confirm("Nothing to accept: \(path) contains what this machine last saw")
        }
        try acceptLink(path, real)
        AgentAccess.adopt(path)
        options.common.confirm("Accepted \(path)")
    }

    /// Whether the path is a link that led to another file before, or none.
    private static func leadsElsewhere(_ path: String, _ real: String) throws(Failure) -> Bool {
        guard let lexical = try? Path.lexical(path), let store = Locations.checkpoints else { return false }
        do throws(Errno) {
            return try !store.isSettled(lexical, at: real)
        } catch {
            throw Failure(error, "cannot read the checkpoint of \(path)")
        }
    }

    private func acceptLink(_ path: String, _ real: String) throws(Failure) {
        do throws(Errno) {
            try Locations.checkpoints?.acceptLink(try Path.lexical(path), at: real)
        } catch {
            throw Failure(error, "cannot save where \(path) leads")
        }
    }

    /// Whether the file is what this machine last saw, or followed from that.
    private static func isTrusted(_ path: String, _ worker: any JobRunner) throws(VaultError) -> Bool {
        do throws(VaultError) {
            _ = try worker.verify(path)
            return true
        } catch .file(.rolledBack), .file(.replaced) {
            return false
        } catch {
            throw error
        }
    }

    /// Makes sure that what is accepted can be remembered.
    private static func refuseForgetful(_ path: String) throws(Failure) {
        switch Notice.ofMemory(of: path) {
        case .nothingRemembered(let error):
            throw Failure(error, "cannot save the checkpoint, so that nothing can be accepted")
        case nil: return
        default:
            throw Failure(
                .other, "there is no directory for checkpoints, so that nothing can be accepted",
                hint: "set HOME or XDG_STATE_HOME")
        }
    }

    private static func lastSeen(_ path: String) -> String {
        do throws(Errno) {
            return try CheckpointReport.last(path)?.text ?? "nothing"
        } catch {
            return "not known, \(error)"
        }
    }
}
