public import Platform
public import Sodium

/// An error in opening, reading or writing a vault file.
public enum VaultFileError: Error, Equatable, Sendable {
    /// The path does not exist.
    case noFile
    /// The path does not lead to a vault.
    case notAVault(NotAVaultReason)
    /// A new vault cannot be created, because the path exists.
    case alreadyExists
    /// The file is shorter than its header says, as an interrupted copy is; it was not changed.
    case incompleteCopy(count: UInt64, expected: UInt64)
    /// The header's hash is wrong, or a field has an invalid value.
    case damagedHeader
    /// The passphrase is right, but the header was tampered with: its hash matches and its MAC does not.
    case tamperedHeader
    /// The file is damaged at this offset, after the header; it was not changed.
    case damaged(at: UInt64)
    /// The file has a feature of a newer version of the format.
    case unsupported(Unsupported)
    /// The derivation parameters are out of bounds; nothing was derived.
    case refusedParameters(Argon2id.Parameters)
    /// The passphrase is wrong, or its slot was changed.
    case wrongPassphrase
    /// The recovery key is wrong, or its slot was changed.
    case wrongRecoveryKey
    /// The text is not a recovery key: its check digits are wrong.
    case mistypedRecoveryKey
    /// The vault has no recovery key.
    case noRecoveryKey
    /// Memory for Argon2id or for secrets could not be allocated.
    case outOfMemory
    /// Another process held the lock until the timeout.
    case busy
    /// The path now leads to another vault.
    case replaced
    /// The path leads to the same vault with other keys, as after a change of its passphrase.
    case keysChanged
    /// The file does not prove that it contains what this machine last saw of the vault.
    case rolledBack(Rollback)
    /// The other file has newer keys than this one, and the caller did not ask to take them over.
    case newerKeys
    /// The secret has no such version.
    case noSuchVersion
    /// No number is left for another record or another generation.
    case numbersExhausted
    /// The list of purged versions would exceed the limit of the format.
    case tooManyPurged
    /// The file was replaced during the write; the transaction is not in the file that is now at the path.
    case replacedDuringWrite
    /// The file has hard links or is a mount point; rewriting it would break them.
    case severalNames
    /// The file that a rewrite wrote does not read back with the same content; the vault was not changed.
    case rewriteDiffers(at: UInt64)
    /// The caller cancelled the work; nothing was changed.
    case cancelled
    /// A flag in the header forbids writing.
    case readOnly
    /// The transaction's frames would exceed 64 MiB; nothing was written.
    case transactionTooLarge
    /// The newest version of the name has the last time of the year 9999, so that no later one can follow.
    case timeExhausted
    /// A program without the lock overwrote or truncated the file while it was read; nothing was written.
    case changedWhileRead
    /// A secret on which the transaction depends was changed since the caller read it; nothing was written.
    case changedMeanwhile
    /// It is unknown whether the transaction is durable and in the file at the path.
    ///
    /// Either `fdatasync` failed, and the file was truncated to its previous end, or the path could not be
    /// read after the write.
    case outcomeUnknown(Errno)
    /// An earlier write failed, and the file was not reopened since.
    case previousFailure
    /// A system call failed; uncommitted changes are not in the file.
    case io(Operation, Errno)

    /// The reasons why a path does not lead to a vault.
    public enum NotAVaultReason: Equatable, Sendable {
        /// The file is empty.
        case empty
        /// The path is a directory.
        case directory
        /// The path is a pipe, a socket or a device.
        case special
        /// The file does not begin like a vault.
        case content
    }

    /// The features that this version does not support.
    public enum Unsupported: Equatable, Sendable {
        /// The version of the format.
        case format(UInt16)
        /// Flags that forbid reading.
        case flags(UInt32)
        /// A record of an unknown kind that must not be skipped.
        case record(kind: UInt8)
    }

    /// The operations that can fail with an error of the system.
    public enum Operation: String, Equatable, Sendable {
        /// Opening the vault file.
        case open
        /// Reading the vault file.
        case read
        /// Writing the vault file.
        case write
        /// Truncating the vault file.
        case truncate
        /// Locking the vault file.
        case lock
        /// Making the vault file durable.
        case sync
        /// Creating a new vault file.
        case create
        /// Giving a new vault file its name.
        case rename
        /// Saving the unfinished tail in another file.
        case save = "save the unfinished tail of"
        /// Reading or saving a checkpoint.
        case checkpoint = "remember what was seen of"
        /// Copying mode, owner and attributes to a rewritten vault file.
        case attributes = "keep the mode, owner and attributes of"
        /// Writing another file from the vault file.
        case rewrite = "write a new file for"
    }

    /// True if the error is due to the state of this machine, and not to the content of the file.
    package var isPassing: Bool {
        switch self {
        case .io, .outOfMemory, .outcomeUnknown, .cancelled: true
        default: false
        }
    }

    /// Converts an error in opening a path.
    package init(opening error: Errno) {
        self =
            switch error {
            case .noSuchFile, .notDirectory: .noFile
            case .isDirectory: .notAVault(.directory)
            case .invalidArgument, .noDevice: .notAVault(.special)
            default: .io(.open, error)
            }
    }

    package init(_ error: SodiumError) {
        switch error {
        case .outOfMemory: self = .outOfMemory
        case .unavailable: self = .io(.read, .notImplemented)
        }
    }
}

/// Evaluates a call of the system; its error is thrown as ``VaultFileError/io(_:_:)`` with `operation`.
package func during<R: ~Copyable>(
    _ operation: VaultFileError.Operation, _ call: @autoclosure () throws(Errno) -> R
) throws(VaultFileError) -> R {
    try converting(call) { VaultFileError.io(operation, $0) }
}

/// Calls `body`; its error is thrown as ``VaultFileError/io(_:_:)`` with `operation`.
package func during<R: ~Copyable>(
    _ operation: VaultFileError.Operation, _ body: () throws(Errno) -> R
) throws(VaultFileError) -> R {
    try converting(body) { VaultFileError.io(operation, $0) }
}

/// Evaluates a call of ``Sodium``; its error is thrown as the matching ``VaultFileError``.
package func guarding<R: ~Copyable>(
    _ call: @autoclosure () throws(SodiumError) -> R
) throws(VaultFileError) -> R {
    try converting(call, VaultFileError.init)
}
