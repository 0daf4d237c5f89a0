internal import Platform
internal import Sodium
package import VaultFile
package import VaultKit

extension Failure {
    /// The library's errors in words.
    package init(_ error: VaultError, path: String) {
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

    package static let valueTooLong = Failure(.usage, "the value has more than 1,048,576 bytes (1 MiB)")

    /// The engine's errors in words.
    package init(_ error: VaultFileError, path: String) {
        switch error {
        case .noFile:
            let seen = try? CheckpointReport.last(path)
            self.init(
                .noVault, "no vault at \(path)\(seen.map { " any more (last seen: \($0.text))" } ?? "")",
                hint: !Hint.isAbout(path)
                    ? nil
                    : seen == nil
                        ? "make one with 'vault init'"
                        : "mount the disk or copy the file; 'vault help restore' says how to put a backup there"
            )
        case .notAVault(let foreign):
            self.init(
                .noVault, "\(path) \(Failure.words(foreign))",
                hint: foreign == .empty ? Failure.emptyHint(path) : nil)
        case .alreadyExists:
            // A directory has a size, too, and opening what is no file may have effects.
            if InputFile.isEmptyFile(path) {
                self.init(
                    .other, "\(path) is an empty file and was not touched", hint: Failure.emptyHint(path))
            } else {
                self.init(.other, "\(path) exists already and was not touched")
            }
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
                hint: Failure.hintOfWrongPassphrase(path))
        case .wrongRecoveryKey:
            self.init(
                .wrongPassphrase, "wrong recovery key",
                hint:
                    "passwd, rekey and recovery-key each make a new one, and the previous one no longer works"
            )
        case .mistypedRecoveryKey:
            self.init(
                .wrongPassphrase, "the recovery key is mistyped: its check does not hold",
                hint: "it has six groups of six letters and digits; compare each with the paper")
        case .noRecoveryKey: self.init(.wrongPassphrase, "\(path) has no recovery key")
        case .outOfMemory: self.init(.other, "not enough memory for the key derivation or the value")
        case .busy: self.init(.busy, "busy: waited too long for another writer of \(path)")
        case .replaced: self = .rollback("another vault lies at \(path) now", path: path)
        case .keysChanged: self.init(.other, "the keys of \(path) were changed meanwhile", hint: "try again")
        case .rolledBack(let rollback): self = .rollback(rollback, path: path)
        case .newerKeys:
            self.init(
                .rollback,
                "the other file has newer keys; whoever has this vault's old keys can make such a file, so they are not taken unasked",
                hint: "if the keys were changed there by you, add --take-keys")
        case .noSuchVersion: self.init(.noSuchSecret, "no such version")
        case .numbersExhausted:
            self.init(.other, "\(path) has no numbers left for more records; nothing was written")
        case .tooManyPurged:
            self.init(
                .other, "\(path) would list more than 1,048,576 purged versions; nothing was purged",
                hint: "a new vault into which this one is merged has an empty list")
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
            self.init(
                .other,
                "the newest version of that name is at the end of the year 9999, and no later one can be set",
                hint: "'vault help purge' says how to remove that version")
        case .outcomeUnknown(let error):
            self.init(
                .other, "cannot make the change durable: \(error); whether it was made is not known",
                hint: Failure.lookFirst)
        case .previousFailure: self.init(.other, "an earlier error stopped all writing")
        case .io(let operation, let error):
            self =
                Failure.ofFileSystem(operation, error, path: path)
                ?? Failure(error, "cannot \(operation.rawValue) \(path)")
        }
    }

    /// What the file system of `path` lacks, if an error says that.
    private static func ofFileSystem(
        _ operation: VaultFileError.Operation, _ error: Errno, path: String
    ) -> Failure? {
        let directory = Path.directory(of: path)
        switch operation {
        case .lock where error.isLackOfCall || error == .noLocks:
            return Failure(
                error,
                "the file system of \(directory) cannot lock \(path), and without a lock nothing is written",
                hint: "mount it with locks, or keep the vault on another one and put backups here")
        case .lock:
            let lockFile = Path.join(directory, ".\(Path.name(of: path)).lock")
            guard (try? Path.owner(of: lockFile)) != nil else { return nil }
            return Failure(
                error, "cannot lock \(path) by \(lockFile)",
                hint:
                    "remove it if it is not a file of the vault's owner; see 'ls -ld \(Hint.quoted(path: lockFile))'"
            )
        case .attributes where error.isLackOfCall || error == .notPermitted:
            return Failure(
                error,
                "the file system of \(directory) cannot give a new file the owner, mode and access list of \(path), and others must not get more rights",
                hint: "work as the owner of the file, or on a copy elsewhere")
        case .create
        where error == .permissionDenied && (try? PrivateDirectory.checkOwner(above: directory)) == nil:
            return Failure(
                error, "cannot create \(path): a directory would be made in one of another user",
                hint: "make \(directory) yourself, or name another vault with --vault")
        case .create, .rename, .rewrite, .write, .truncate, .sync, .save:
            guard error.isLackOfCall else { return nil }
            return Failure(
                error,
                "cannot \(operation.rawValue) \(path): the file system of \(directory) lacks what that takes",
                hint: "keep the vault on another one and put backups here")
        default: return nil
        }
    }

    private static func hintOfWrongPassphrase(_ path: String) -> Hint {
        if let hint = CheckpointReport.hintOfOthers(path) { return hint }
        let header = try? Log.readHeader(path: path, dependencies: Dependencies())
        return header?.hasRecoveryKey == true
            ? "if it is forgotten, 'vault passwd --recovery' takes the recovery key and sets a new one"
            : "if you are sure that it is right, try it on a backup: 'vault help restore'"
    }

    private static func emptyHint(_ path: String) -> Hint {
        if (try? CheckpointReport.last(path)) != nil {
            return "'vault help restore' says how to put a backup there"
        }
        return
            "a command that was interrupted can leave it, and nothing is in it: rm \(Hint.quoted(path: path))"
    }

    private static let lookFirst: Hint = "look with 'vault list --all' before you try again"
    private static let restoreHint: Hint =
        "it was not changed; 'vault help restore' says how to put a backup in its place, 'vault help salvage' how to save what can be read"

    private static func words(_ foreign: VaultFileError.NotAVaultReason) -> String {
        switch foreign {
        case .empty: "is empty, not a vault"
        case .directory: "is a directory, not a vault"
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

extension Scope {
    /// `team`, `project web`, `cluster gpu-1`.
    package var described: String { id.map { "\(word) \($0)" } ?? word }
}

extension SecretID {
    /// What names it on a command line: `team NAME`, `project --id web NAME`.
    package var operands: String {
        scope.id.map { "\(scope.word) --id \($0) \(name)" } ?? "\(scope.word) \(name)"
    }
}

extension Failure {
    package static let invalidName = Failure(
        .usage, "invalid name",
        hint: "a name is 1 to 128 characters: a letter or _, then letters, digits, _, . or -")

    package static func invalidID(from origin: String) -> Failure {
        Failure(
            .usage, "invalid id in \(origin)",
            hint: "an id is 1 to 128 characters: a letter or digit, then letters, digits, _, . or -")
    }
}
