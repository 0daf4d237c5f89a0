internal import Platform
internal import Sodium
package import VaultFile
package import VaultCore

extension VaultError: ReportableError {
    package func failure(about path: String) -> Failure {
        switch self {
        case .file(let error): error.failure(about: path)
        case .invalidName: .invalidName
        case .invalidID: .invalidID(from: "the scope")
        case .valueTooLong: .valueTooLong
        case .metadataTooLong: Failure(.usage, "the metadata have more than 65,536 bytes (64 KiB) in all")
        case .invalidPassphrase: Failure(.usage, "a passphrase must have 1 to 1,024 bytes")
        case .noSuchSecret: Failure(.noSuchSecret, "no such secret")
        case .noSuchVersion: Failure(.noSuchSecret, "no such version")
        case .derivationBusy:
            Failure(.busy, "busy: waited too long for another process of yours that derives a key")
        case .notABackup:
            Failure(.other, "\(path) exists and is not a backup of this vault; it was not touched")
        case .newerBackup:
            Failure(
                .other, "\(path) contains changes that the vault lacks; it was not touched",
                hint: "if the vault was rolled back, restore this backup; otherwise choose another name")
        case .sameFile: Failure(.usage, "\(path) is the vault itself")
        case .locked:
            Failure(.locked, "the vault was locked in the meantime", hint: "unlock it with 'vault unlock'")
        case .agentLost(let outcomeUnknown):
            outcomeUnknown
                ? Failure(
                    .other,
                    "the agent has exited or does not answer; the change may or may not have been made",
                    hint: Failure.checkFirst)
                : Failure(
                    .other, "the agent has exited or does not answer",
                    hint: "unlock again with 'vault unlock'")
        }
    }
}

extension VaultFileError: ReportableError {
    package func failure(about path: String) -> Failure {
        switch self {
        case .noFile: Failure.noFile(path)
        case .notAVault(let reason):
            Failure(
                .noVault, "\(path) \(Failure.words(reason))",
                hint: reason == .empty ? Failure.emptyHint(path) : nil)
        case .alreadyExists:
            InputFile.isEmptyFile(path)
                ? Failure(
                    .other, "\(path) is an empty file and was not touched", hint: Failure.emptyHint(path))
                : Failure(.other, "\(path) exists already and was not touched")
        case .incompleteCopy(let count, let expected):
            Failure(
                .damaged, "\(path) is an incomplete copy: \(count) bytes of at least \(expected)",
                hint: "copy it again from its source")
        case .damagedHeader: Failure(.damaged, "\(path) is damaged: its header", hint: Failure.restoreHint)
        case .tamperedHeader:
            Failure(
                .damaged,
                "\(path) was tampered with: the passphrase is right, but the header is not authentic")
        case .damaged(let offset):
            Failure(.damaged, "\(path) is damaged at byte \(offset)", hint: Failure.restoreHint)
        case .unsupported(let what):
            Failure(.damaged, "\(path) needs a newer version of vault: \(Failure.words(what))")
        case .refusedParameters(let parameters):
            Failure(
                .damaged,
                "refused: the key derivation would take \(parameters.passes) passes over \(parameters.memoryKiB) KiB of memory"
            )
        case .wrongPassphrase:
            Failure(.wrongPassphrase, "wrong passphrase", hint: Failure.wrongPassphraseHint(path))
        case .wrongRecoveryKey:
            Failure(
                .wrongPassphrase, "wrong recovery key",
                hint:
                    "passwd, rekey and recovery-key each make a new one, and the previous one no longer works"
            )
        case .mistypedRecoveryKey:
            Failure(
                .wrongPassphrase, "the recovery key is mistyped: its checksum does not match",
                hint: "it has six groups of six letters and digits; compare each with what you wrote down")
        case .noRecoveryKey: Failure(.wrongPassphrase, "\(path) has no recovery key")
        case .outOfMemory: Failure(.other, "not enough memory for the key derivation or the value")
        case .busy: Failure(.busy, "busy: waited too long for another writer of \(path)")
        case .replaced: .rollback("\(path) is now a different vault", path: path)
        case .keysChanged:
            Failure(.other, "the keys of \(path) were changed in the meantime", hint: "try again")
        case .rolledBack(let rollback): .rollback(rollback, path: path)
        case .newerKeys:
            Failure(
                .rollback,
                "the other file has newer keys, and anyone with this vault's old keys could have made it",
                hint: "if you changed the keys there yourself, add --take-keys")
        case .noSuchVersion: Failure(.noSuchSecret, "no such version")
        case .numbersExhausted:
            Failure(.other, "\(path) has no record numbers left; nothing was written")
        case .tooManyPurged:
            Failure(
                .other, "\(path) would list more than 1,048,576 purged versions; nothing was purged",
                hint: "merge this vault into a new one: its list is empty")
        case .replacedDuringWrite:
            Failure(
                .other, "\(path) was replaced during the write; the change is not in it", hint: "try again")
        case .severalNames:
            Failure(
                .other, "\(path) has hard links or is a mount point; rewriting would break them",
                hint: "remove the other links, or work on a copy")
        case .rewriteDiffers(let offset):
            Failure(
                .other,
                "the new file for \(path) does not read back as it was written, from byte \(offset) on; nothing was changed"
            )
        case .changedWhileRead:
            Failure(
                .other, "\(path) was overwritten or truncated while it was read; nothing was written",
                hint: "try again once the program that changes it is done")
        case .cancelled: Failure(.cancelled, "cancelled; nothing was changed")
        case .readOnly: Failure(.damaged, "\(path) can be written only by a newer version of vault")
        case .transactionTooLarge:
            Failure(.other, "the changes exceed 64 MiB in total; nothing was written")
        case .changedMeanwhile:
            Failure(.other, "a secret was changed in the meantime; nothing was written", hint: "try again")
        case .timeExhausted:
            Failure(
                .other,
                "the newest version of that name is dated at the end of the year 9999, and no later one can be set",
                hint: "'vault help purge' explains how to remove that version")
        case .outcomeUnknown(let error):
            Failure(
                .other, "cannot make the change durable: \(error); it may or may not have been made",
                hint: Failure.checkFirst)
        case .previousFailure: Failure(.other, "an earlier error stopped all writing")
        case .io(let operation, let error):
            Failure.ofFileSystem(operation, error, path: path)
                ?? Failure(error, "cannot \(operation.rawValue) \(path)")
        }
    }
}

extension Failure {
    package static let valueTooLong = Failure(.usage, "the value has more than 1,048,576 bytes (1 MiB)")

    fileprivate static let checkFirst: Hint = "check with 'vault list --all' before you try again"
    fileprivate static let restoreHint: Hint =
        "it was not changed; 'vault help restore' explains how to put a backup in its place, 'vault help salvage' how to save what is readable"

    fileprivate static func noFile(_ path: String) -> Failure {
        let seen = try? CheckpointReport.last(path)
        let message = "no vault at \(path)\(seen.map { " any more (last seen: \($0.text))" } ?? "")"
        if !Hint.isAbout(path) { return Failure(.noVault, message) }
        return Failure(
            .noVault, message,
            hint: seen == nil
                ? "make one with 'vault init'"
                : "mount the disk or copy the file; 'vault help restore' explains how to put a backup there")
    }

    /// The failure of an operation that the file system of `path` does not support; nil if the error has another cause.
    fileprivate static func ofFileSystem(
        _ operation: VaultFileError.Operation, _ error: Errno, path: String
    ) -> Failure? {
        let directory = Path.directory(of: path)
        switch operation {
        case .lock where error.isLackOfCall || error == .noLocks:
            return Failure(
                error,
                "the file system of \(directory) cannot lock \(path), and without a lock nothing is written",
                hint:
                    "mount it with lock support, or keep the vault on another file system and only backups here"
            )
        case .lock:
            let lockFile = Path.join(directory, ".\(Path.name(of: path)).lock")
            guard (try? Path.owner(of: lockFile)) != nil else { return nil }
            return Failure(
                error, "cannot lock \(path) with \(lockFile)",
                hint:
                    "remove it if it does not belong to the vault's owner; see 'ls -ld \(Hint.quoted(path: lockFile))'"
            )
        case .attributes where error.isLackOfCall || error == .notPermitted:
            return Failure(
                error,
                "the file system of \(directory) cannot give a new file the owner, mode and access list of \(path), without which others could get more rights",
                hint: "work as the owner of the file, or on a copy elsewhere")
        case .create
        where error == .permissionDenied && (try? PrivateDirectory.checkOwner(above: directory)) == nil:
            return Failure(
                error, "cannot create \(path): this would create a directory in another user's directory",
                hint: "create \(directory) yourself, or name another vault with --vault")
        case .create, .rename, .rewrite, .write, .truncate, .sync, .save:
            guard error.isLackOfCall else { return nil }
            return Failure(
                error,
                "cannot \(operation.rawValue) \(path): the file system of \(directory) does not support this",
                hint: "keep the vault on another file system and only backups here")
        default: return nil
        }
    }

    fileprivate static func wrongPassphraseHint(_ path: String) -> Hint {
        if let hint = CheckpointReport.otherFileHint(path) { return hint }
        let header = try? Log.readHeader(path: path, dependencies: Dependencies())
        return header?.hasRecoveryKey == true
            ? "if you forgot it, 'vault passwd --recovery' takes the recovery key and sets a new one"
            : "if you are sure that it is right, try it on a backup: 'vault help restore'"
    }

    fileprivate static func emptyHint(_ path: String) -> Hint {
        if (try? CheckpointReport.last(path)) != nil {
            return "'vault help restore' explains how to put a backup there"
        }
        return
            "an interrupted command can leave an empty file; remove it: rm \(Hint.quoted(path: path))"
    }

    fileprivate static func words(_ reason: VaultFileError.NotAVaultReason) -> String {
        switch reason {
        case .empty: "is empty, not a vault"
        case .directory: "is a directory, not a vault"
        case .special: "is not a regular file, and not a vault"
        case .content: "is not a vault"
        }
    }

    fileprivate static func words(_ what: VaultFileError.Unsupported) -> String {
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
    /// The operands that name it on a command line: `team NAME`, `project --id web NAME`.
    package var operands: String {
        scope.id.map { "\(scope.word) --id \($0) \(name)" } ?? "\(scope.word) \(name)"
    }
}

extension Failure {
    package static let invalidName = Failure(
        .usage, "invalid name",
        hint: "a name is 1 to 128 characters: a letter or _, then letters, digits, _, . or -")

    /// The error for a name that is not valid, which is not repeated.
    package static func invalid(name: String) -> Failure {
        guard name.utf8.contains(UInt8(ascii: "/")) else { return .invalidName }
        return Failure(
            .usage, "invalid name; a project or cluster is not part of it",
            hint: "write team NAME, or --project ID NAME, or --cluster ID NAME")
    }

    package static func invalidID(from origin: String) -> Failure {
        Failure(
            .usage, "invalid id in \(origin)",
            hint: "an id is 1 to 128 characters: a letter or digit, then letters, digits, _, . or -")
    }
}
