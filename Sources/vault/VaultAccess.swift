internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import Settings
internal import UserMessages

extension VaultOptions {
    /// Returns the path of the vault file.
    func path() throws(Failure) -> String { try common.path() }

    /// Opens the vault through the agent if it is unlocked and no passphrase is given, else with a passphrase.
    ///
    /// - Parameter secret: the secret whose newest value will be read first, if known.
    func open(_ access: StorageAccess, expecting secret: SecretID? = nil) throws(Failure) -> any Session {
        let path = try path()
        if !passphrase.isGiven, let session = try AgentAccess.session(for: path, expecting: secret) {
            return session
        }
        // An unusable file is reported before any prompt.
        _ = try FileOptions.header(of: path)
        if try AutoUnlock.run(common, passphrase),
            let session = try AgentAccess.session(for: path, expecting: secret)
        {
            return session
        }
        return try Passphrase.unlock(path, passphrase, afterTyping: { AutoUnlock.suggest(common) }) {
            passphrase throws(Failure) in
            try inWords(about: path) { () throws(VaultError) in
                try passphrase.withBytes { passphrase throws(VaultError) in
                    try LocalSession.open(at: path, passphrase: passphrase, access: access)
                }
            }
        }.result
    }

    /// Opens the vault for reading, and prints notices.
    ///
    /// - Parameter secret: the secret whose newest value will be read first, if known.
    func openForReading(expecting secret: SecretID? = nil) throws(Failure) -> any Session {
        let session = try open(.reading, expecting: secret)
        for notice in session.takeNotices() { notice.show() }
        return session
    }

    /// Opens the vault for writing, calls `body`, and prints notices.
    func change<R: ~Copyable>(_ body: (any Session) throws(Failure) -> R) throws(Failure) -> R {
        let session = try open(.writing)
        for notice in session.takeNotices() {
            // The write moves the tail aside, which has a notice of its own.
            if case .unfinishedTail = notice { continue }
            notice.show()
        }
        let result = try body(session)
        for notice in session.takeNotices() { notice.show() }
        return result
    }

    /// Evaluates a call and puts its error into words.
    ///
    /// - Parameter secret: the only secret that the call changes.
    func during<R: ~Copyable>(
        changing secret: SecretID? = nil, _ call: @autoclosure () throws(VaultError) -> R
    ) throws(Failure) -> R {
        try during(changing: secret) { () throws(VaultError) in try call() }
    }

    /// Calls `body` and puts its error into words.
    ///
    /// - Parameter secret: the only secret that `body` changes.
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

extension Session {
    /// Calls `body`, again if another process has changed the vault meanwhile, so that all it read is of one state.
    func inOneState<R: ~Copyable>(
        _ options: VaultOptions, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        let path = try options.path()
        return try inOneState({ Failure($0, path: path) }, body)
    }

    /// Returns the names in a scope after it was read again; throws if there are none.
    func existingNames(in scope: Scope, _ options: VaultOptions) throws(Failure) -> [String] {
        let names = try options.during { () throws(VaultError) in
            try refresh()
            return try self.names(in: scope)
        }
        if names.isEmpty { throw Failure(.noSuchSecret, "no secrets in \(scope.described)") }
        return names
    }
}

extension CommonOptions {
    /// Returns the path of the vault file.
    ///
    /// - Parameter isTolerant: true to ignore what is wrong with the user's configuration.
    func path(tolerant isTolerant: Bool = false) throws(Failure) -> String {
        let path = if let vault { vault } else { try defaultPath(tolerant: isTolerant) }
        // The variable may be set for this one command only.
        if vault != nil || Environment.withValue("VAULT_FILE", { !$0.isEmpty }) == true { Hint.name(path) }
        guard !path.isEmpty else { throw Failure(.usage, "option '--vault' needs a value") }
        guard Locations.isNamedInText(path) else {
            throw Failure(.other, "\(path) is in a directory whose name is not UTF-8 text")
        }
        return path
    }

    private func defaultPath(tolerant isTolerant: Bool) throws(Failure) -> String {
        let path: String?
        let isNamed = Environment.withValue("VAULT_FILE", { !$0.isEmpty }) == true
        if !isNamed {
            let configuration = isTolerant ? .asFarAsKnown : try Configuration.required()
            if let vault = configuration.vault {
                Hint.setDefault(vault)
                return vault
            }
        }
        do throws(NotText) { path = try Locations.vaultFile() } catch { throw Failure(error) }
        guard let path else {
            throw Failure(
                .usage, "no vault file is named, and you have no home directory",
                hint: "add --vault FILE, or set HOME")
        }
        return path
    }

    /// Prints a confirmation unless `--quiet` is given.
    ///
    /// - Parameter original: the string that scripts of Gradient expect.
    func confirm(_ line: String, original: @autoclosure () -> String? = nil) {
        if quiet { return }
        if let original = original(), CommandTable.isCalledAsGradient { return Output.note(original) }
        Output.note(line)
    }
}

/// Returns the error for a missing secret, with a hint to another scope that has the name, or to `undo` if it was deleted, or else to
/// a name that is like it.
///
/// - Parameters:
///   - scopes: those that were searched.
///   - typed: the words of the command line that the hint's words replace; nil if these can be added.
///   - isSource: true if the options `--from` and `--from-id` choose the scope.
func absent(
    _ name: String, in scopes: [Scope], of vault: any Session, replacing typed: String? = nil,
    isSource: Bool = false
) -> Failure {
    let searched = scopes.map(\.described).joined(separator: ", ")
    var message = "no secret '\(name)' in \(searched)"
    let deleted = scopes.map { SecretID(name, in: $0) }.first { secret in
        guard let history = try? vault.history(of: secret), let newest = history.first else { return false }
        message += "; it was deleted from \(secret.scope.described) on \(UTCTimestamp.format(newest.time))"
        return history.count > 1
    }
    let secrets = (try? vault.secrets()) ?? []
    if let hint = SecretID.hintToOther(name, among: secrets, replacing: typed, isSource: isSource) {
        return Failure(.noSuchSecret, message, hint: hint)
    }
    if let deleted {
        return Failure(.noSuchSecret, message, hint: "'vault undo \(deleted.operands)' brings it back")
    }
    // The limit keeps a large vault cheap.
    let known = secrets.prefix(20_000).map(\.name)
    let meant = Suggestion.nearestName(to: name, among: known)
    return Failure(.noSuchSecret, message, hint: meant.map { "did you mean '\($0)'?" })
}

extension SecretID {
    /// Returns the hint to a scope that has a secret of the name; nil if none has.
    static func hintToOther(
        _ name: String, among secrets: [SecretID], replacing typed: String?, isSource: Bool = false
    ) -> Hint? {
        let others = secrets.filter { $0.name == name }
        // In the order of precedence, as in a context.
        let words = ["project", "cluster", "team"]
        let other = words.lazy.compactMap { word in others.first { $0.scope.word == word } }.first
        guard let scope = other?.scope else { return nil }
        let replaced = typed.map { " instead of \($0)" } ?? ""
        return "exists in \(scope.described): add \(scope.option(isSource: isSource))\(replaced)"
    }
}

extension Scope {
    /// The words of a command line that choose it, in short.
    fileprivate func option(isSource: Bool) -> String {
        switch (self, isSource) {
        case (.team, true): "--from team"
        case (.project(let id), true): "--from project --from-id \(id)"
        case (.cluster(let id), true): "--from cluster --from-id \(id)"
        case (.team, false): "team"
        case (.project(let id), false): "--project \(id)"
        case (.cluster(let id), false): "--cluster \(id)"
        }
    }
}
