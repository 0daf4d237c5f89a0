internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit
internal import UserMessages

extension VaultOptions {
    /// The vault file that is meant.
    func path() throws(Failure) -> String { try common.path() }

    /// The vault as the agent keeps it unlocked, unless a passphrase is named; else opened with a passphrase,
    /// found or asked for.
    ///
    /// - Parameter secret: whose newest value will be asked for first, if that is known.
    func open(_ access: Vault.Access, expecting secret: SecretID? = nil) throws(Failure) -> any Session {
        let path = try path()
        if !passphrase.isGiven, let session = try AgentAccess.session(for: path, expecting: secret) {
            return session
        }
        // What is wrong with the file is said before anybody is asked for anything.
        try common.checkFile()
        return try Passphrase.unlock(path, passphrase) { passphrase throws(Failure) in
            do throws(VaultError) {
                return try passphrase.withBytes { passphrase throws(VaultError) in
                    try Vault.open(at: path, passphrase: passphrase, access: access)
                }
            } catch {
                throw Failure(error, path: path)
            }
        }.result
    }

    /// Opens the vault to look something up.
    ///
    /// - Parameter secret: whose newest value will be asked for first, if that is known.
    func openForReading(expecting secret: SecretID? = nil) throws(Failure) -> any Session {
        let session = try open(.reading, expecting: secret)
        for notice in session.takeNotices() { notice.show() }
        return session
    }

    /// Opens the vault, lets `body` change it, and says what happened on the way.
    func change<R: ~Copyable>(_ body: (any Session) throws(Failure) -> R) throws(Failure) -> R {
        let session = try open(.writing)
        for notice in session.takeNotices() {
            // The change will set a tail aside.
            if case .unfinishedTail = notice { continue }
            notice.show()
        }
        let result = try body(session)
        for notice in session.takeNotices() { notice.show() }
        return result
    }

    /// Calls `body`, turning the library's errors into words.
    ///
    /// - Parameter secret: the only one that `body` changes.
    func during<R: ~Copyable>(
        changing secret: SecretID? = nil, _ body: () throws(VaultError) -> R
    ) throws(Failure) -> R {
        do throws(VaultError) {
            return try body()
        } catch {
            let failure = Failure(error, path: try path())
            guard let secret, case .file(.timeExhausted) = error else { throw failure }
            throw Failure(
                failure.code, failure.message,
                hint: "remove that version with 'vault purge \(secret.operands) --version 0'")
        }
    }
}

extension Notice {
    /// What is to be said where this machine cannot remember what it sees of the vault at `path`; nil if it can.
    static func ofMemory(of path: String) -> Notice? {
        guard let store = Locations.checkpoints else { return .nowhereToRemember }
        do throws(Errno) {
            try store.probe(Locations.realPath(of: path))
            return nil
        } catch {
            return .nothingRemembered(error)
        }
    }

    /// Prints it as a warning.
    func show() {
        switch self {
        case .unfinishedTail(let count):
            Output.warn(
                "\(count) bytes after the last complete change belong to none: a write was cut short, or the file is damaged"
            )
            Output.hint("see 'vault check'")
        case .savedTail(let count, let path):
            Output.warn("\(count) bytes of an unfinished write were moved to \(path)")
        case .nothingRemembered(let error):
            let directory = Locations.checkpointDirectory ?? ""
            Output.warn(
                "cannot save or read the checkpoint; a rollback would go undetected: \(directory): \(error)")
        case .nowhereToRemember:
            Output.warn("there is no directory for checkpoints; a rollback would go undetected")
            Output.hint("set HOME or XDG_STATE_HOME")
        case .checkpointTorn:
            Output.warn("the checkpoint was not whole; a rollback before now would have gone undetected")
        case .compactionUndone:
            Output.warn(
                "the file is of an older generation, of before a compaction or a purge; nothing is missing")
        case .newerElsewhere(let path, let time):
            let date = time == 0 ? "" : " on \(UTCTimestamp.format(time))"
            Output.warn(
                "this machine saw newer changes of this vault\(date) at \(path); this copy lacks them")
        }
    }
}

extension CommonOptions {
    /// The vault file that is meant.
    func path() throws(Failure) -> String {
        let path = if let vault { vault } else { try defaultPath() }
        // The variable may be set for one command alone.
        if vault != nil || Environment.withValue("VAULT_FILE", { !$0.isEmpty }) == true { Hint.name(path) }
        guard !path.isEmpty else { throw Failure(.usage, "option '--vault' needs a value") }
        guard Locations.isNamedInText(path) else {
            throw Failure(.other, "\(path) is in a directory whose name is not UTF-8 text")
        }
        return path
    }

    /// Makes sure that a vault lies at the path, as far as can be told without a passphrase.
    func checkFile() throws(Failure) {
        let path = try path()
        do throws(VaultFileError) {
            _ = try Log.readHeader(path: path, dependencies: Dependencies())
        } catch {
            throw Failure(error, path: path)
        }
    }

    private func defaultPath() throws(Failure) -> String {
        let path: String?
        do throws(NotText) {
            path = try Locations.vaultFile()
        } catch {
            throw Failure(error)
        }
        guard let path else {
            throw Failure(
                .usage, "no vault file is named, and you have no home directory",
                hint: "add --vault FILE, or set HOME")
        }
        return path
    }

    /// Prints a confirmation, unless they are not wanted.
    func confirm(_ line: String) {
        if !quiet { Output.note(line) }
    }
}

/// Where else a name stands, for the hint of an error.
func absent(
    _ name: String, searched: String, in vault: any Session, explicit scope: Scope? = nil
) -> Failure {
    let message = "no secret '\(name)' in \(searched)"
    let others = ((try? vault.secrets()) ?? []).filter { $0.name == name }
    // The strongest first, as the context would choose.
    guard let other = others.first(where: { $0.scope.word == "project" }) ?? others.first else {
        return Failure(.noSuchSecret, message)
    }
    let way =
        switch (other.scope, scope) {
        case (.team, _): "use the scope team"
        case (.project(let id), nil): "add --project \(id)"
        case (.cluster(let id), nil): "add --cluster \(id)"
        case (.project(let id), _): "use project --id \(id)"
        case (.cluster(let id), _): "use cluster --id \(id)"
        }
    return Failure(.noSuchSecret, message, hint: "exists in \(other.scope.described): \(way)")
}
