internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

extension VaultOptions {
    /// The vault file that is meant.
    func path() throws(Failure) -> String { try common.path() }

    /// The vault as the agent keeps it unlocked, unless a passphrase is named; else opened with a passphrase,
    /// found or asked for.
    func open(_ access: Vault.Access) throws(Failure) -> any Session {
        let path = try path()
        if !passphrase.isGiven, let session = try AgentAccess.session(for: path) { return session }
        // What is wrong with the file is said before anybody is asked for anything.
        do throws(VaultFileError) {
            _ = try Log.readHeader(path: path, surroundings: Surroundings())
        } catch {
            throw Failure(error, path: path)
        }
        let passphrase = try Passphrase.existing(passphrase)
        do throws(VaultError) {
            return try passphrase.withBytes { passphrase throws(VaultError) in
                try Vault.open(at: path, passphrase: passphrase, access: access)
            }
        } catch {
            throw Failure(error, path: path)
        }
    }

    /// Opens the vault to look something up.
    func openForReading() throws(Failure) -> any Session {
        let session = try open(.reading)
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
    func during<R: ~Copyable>(_ body: () throws(VaultError) -> R) throws(Failure) -> R {
        do throws(VaultError) {
            return try body()
        } catch {
            throw Failure(error, path: try path())
        }
    }
}

extension Notice {
    /// Prints it as a warning.
    func show() {
        switch self {
        case .unfinishedTail(let count):
            Output.warn(
                "\(count) bytes after the last complete change belong to none: a write was cut short, or the file is damaged"
            )
            Output.note("vault: hint: see 'vault check'")
        case .savedTail(let count, let path):
            Output.warn("\(count) bytes of an unfinished write were moved to \(path)")
        case .nothingRemembered(let error):
            Output.warn(
                "cannot remember what was seen of the vault, so an older file would not be noticed: \(error)")
        }
    }
}

extension CommonOptions {
    /// The vault file that is meant.
    func path() throws(Failure) -> String {
        let path = if let vault { vault } else { try defaultPath() }
        guard !path.isEmpty else { throw Failure(.usage, "option '--vault' needs a value") }
        guard Locations.isNamedInText(path) else {
            throw Failure(.other, "\(path) is in a folder whose name is not UTF-8 text")
        }
        return path
    }

    private func defaultPath() throws(Failure) -> String {
        let path: String?
        do throws(NotText) {
            path = try Locations.vaultFile()
        } catch {
            throw Failure(error)
        }
        guard let path else {
            throw Failure(.usage, "no vault file is named, and HOME is not set", hint: "add --vault FILE")
        }
        return path
    }

    /// Prints a confirmation, unless they are not wanted.
    func confirm(_ line: String) {
        if !quiet { Output.note(line) }
    }
}

extension Failure {
    /// The library's errors in words.
    init(_ error: VaultError, path: String) {
        switch error {
        case .file(let error): self.init(error, path: path)
        case .invalidName: self = .invalidName
        case .invalidID: self = .invalidID(from: "the scope")
        case .valueTooLong: self = .valueTooLong
        case .invalidPassphrase: self.init(.usage, "a passphrase has 1 to 1,024 bytes")
        case .noSuchSecret: self.init(.noSuchSecret, "no such secret")
        case .noSuchVersion: self.init(.noSuchSecret, "no such version")
        case .derivationBusy:
            self.init(.busy, "busy: another process of yours has been deriving a key for too long")
        case .notABackup:
            self.init(.other, "\(path) exists and is no backup of this vault; it was not touched")
        case .newerBackup:
            self.init(
                .other, "\(path) holds more than the vault does; it was not touched",
                hint: "if the vault went back, restore it; else choose another name")
        case .sameFile: self.init(.usage, "\(path) is the vault itself")
        case .locked:
            self.init(.locked, "the vault was locked meanwhile", hint: "unlock it with 'vault unlock'")
        case .agentLost(let outcomeUnknown):
            let message = "the agent ended or does not answer"
            self.init(
                .other, outcomeUnknown ? message + "; whether the change was made is not known" : message,
                hint: outcomeUnknown ? Failure.lookFirst : "unlock again with 'vault unlock'")
        }
    }

    static let valueTooLong = Failure(.usage, "the value has more than 1,048,576 bytes (1 MiB)")

    /// The engine's errors in words.
    init(_ error: VaultFileError, path: String) {
        switch error {
        case .noFile: self.init(.noVault, "no vault at \(path)", hint: "make one with 'vault init'")
        case .notAVault(let foreign): self.init(.noVault, "\(path) \(Failure.words(foreign))")
        case .alreadyExists: self.init(.other, "\(path) exists already and was not touched")
        case .incompleteCopy(let count, let expected):
            self.init(
                .damaged, "\(path) is an incomplete copy: \(count) bytes of at least \(expected)",
                hint: "copy it again from where it came from")
        case .damagedHeader: self.init(.damaged, "\(path) is damaged: its header", hint: Failure.restoreHint)
        case .tamperedHeader:
            self.init(
                .damaged,
                "\(path) was tampered with: the passphrase is right, but the header is not the vault's")
        case .damaged(let offset):
            self.init(.damaged, "\(path) is damaged at byte \(offset)", hint: Failure.restoreHint)
        case .unsupported(let what):
            self.init(.damaged, "\(path) needs a newer version of vault: \(Failure.words(what))")
        case .refusedParameters(let parameters):
            self.init(
                .damaged,
                "refused: the key derivation would take \(parameters.passes) passes over \(parameters.memoryKiB) KiB of memory"
            )
        case .wrongPassphrase:
            self.init(
                .wrongPassphrase, "wrong passphrase",
                hint: "if you are sure of it, the slot that it opens may be damaged or changed: try a backup")
        case .outOfMemory: self.init(.other, "not enough memory for the key derivation or the value")
        case .busy: self.init(.busy, "busy: waited too long for another writer of \(path)")
        case .replaced: self = .rollback("another vault lies at \(path) now", path: path)
        case .keysChanged: self.init(.other, "the keys of \(path) were changed meanwhile", hint: "try again")
        case .rolledBack:
            self = .rollback(
                "\(path) is older than what this machine last saw of it, went another way since, or lost its end",
                path: path)
        case .replacedDuringWrite:
            self.init(
                .other, "\(path) was replaced during the write; the change is not in it", hint: "try again")
        case .severalNames:
            self.init(
                .other,
                "\(path) has other names (hard links), or is mounted there; a rewrite would part them",
                hint: "remove the other names, or work on a copy")
        case .rewriteDiffers(let offset):
            self.init(
                .other, "what was written anew from \(path) differs at byte \(offset); it was not changed")
        case .cancelled: self.init(.cancelled, "cancelled; nothing was changed")
        case .readOnly: self.init(.damaged, "\(path) needs a newer version of vault to be written")
        case .transactionTooLarge:
            self.init(.other, "the changes have more than 64 MiB together; nothing was written")
        case .timeExhausted:
            self.init(.other, "the newest version of that name is at the end of the year 9999")
        case .outcomeUnknown(let error):
            self.init(
                .other, "cannot make the change durable: \(error); whether it was made is not known",
                hint: Failure.lookFirst)
        case .previousFailure: self.init(.other, "an earlier error stopped all writing")
        case .io(let operation, let error): self.init(error, "cannot \(operation.rawValue) \(path)")
        }
    }

    private static let lookFirst = "look with 'vault get' or 'vault list' before you try again"
    private static let restoreHint =
        "it was not changed; restore a backup, or see what 'vault salvage' can save"

    private static func words(_ foreign: VaultFileError.Foreign) -> String {
        switch foreign {
        case .empty: "is empty, not a vault"
        case .folder: "is a folder, not a vault"
        case .special: "is no regular file, and not a vault"
        case .content: "is not a vault"
        }
    }

    private static func words(_ what: VaultFileError.Unsupported) -> String {
        switch what {
        case .format(let number): "format \(number)"
        case .flags(let bits): "flags \(String(bits, radix: 16))"
        case .record(let kind): "a record of kind \(kind)"
        }
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
