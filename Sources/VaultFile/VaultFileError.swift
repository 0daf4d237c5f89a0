public import Platform
public import Sodium

/// Why a vault file cannot be opened, read or written.
public enum VaultFileError: Error, Equatable, Sendable {
    /// There is no file at the path.
    case noFile
    /// What lies at the path is no vault.
    case notAVault(NotAVaultReason)
    /// A new vault would replace a file.
    case alreadyExists
    /// The file ends before what its header promises: an interrupted copy.
    ///
    /// It was not touched.
    case incompleteCopy(count: UInt64, expected: UInt64)
    /// The header's sum or a rule of its fields is broken.
    case damagedHeader
    /// The passphrase is right, but the header was changed by somebody who repaired its sum.
    case tamperedHeader
    /// What follows the header is damaged at this offset.
    ///
    /// It was not touched.
    case damaged(at: UInt64)
    /// A newer program wrote it.
    case unsupported(Unsupported)
    /// The header asks for a derivation outside the bounds; nothing was derived.
    case refusedParameters(Argon2id.Parameters)
    /// The passphrase does not belong to the slot, or the slot was changed.
    case wrongPassphrase
    /// The recovery key does not belong to the slot, or the slot was changed.
    case wrongRecoveryKey
    /// What was typed is no recovery key: its check does not hold.
    case mistypedRecoveryKey
    /// The vault has no recovery key.
    case noRecoveryKey
    /// Argon2id or guarded memory did not get its memory.
    case outOfMemory
    /// Somebody else held the lock for too long.
    case busy
    /// Another vault lies at the path now.
    case replaced
    /// The same vault lies at the path, but with other keys: its passphrase was changed.
    case keysChanged
    /// The file does not prove that it contains what this machine saw of it last.
    case rolledBack(Rollback)
    /// The other file has keys that follow those of this one, and nobody said to take them.
    case newerKeys
    /// The secret has no such version.
    case noSuchVersion
    /// The vault has no numbers left for another record, or another generation.
    case numbersExhausted
    /// The list of purged versions would become longer than a file may have it.
    case tooManyPurged
    /// The file was replaced while the transaction was written; it is not in the file that lies there now.
    case replacedDuringWrite
    /// The file has several names (hard links), or is mounted there; a rewrite would part them.
    case severalNames
    /// What a rewrite wrote does not read back as what it was made from.
    ///
    /// The vault was not touched.
    case rewriteDiffers(at: UInt64)
    /// Whoever asked for long work did not want it any more; nothing was changed.
    case cancelled
    /// The format's read-only flags forbid writing.
    case readOnly
    /// The transaction has more than 64 MiB of frames.
    ///
    /// Nothing was written.
    case transactionTooLarge
    /// The name's newest version is at the end of the year 9999; no later time can be stamped.
    case timeExhausted
    /// `fdatasync` failed, and the file was cut back; or the system did not let anybody see whether the file has its name
    /// still.
    ///
    /// Whether the transaction is durable, and at the path, is not known.
    case outcomeUnknown(Errno)
    /// An earlier error made this writer stop for good.
    case previousFailure
    /// The system refused an operation.
    ///
    /// Uncommitted changes are not in the file.
    case io(Operation, Errno)

    /// What a file that is no vault is.
    public enum NotAVaultReason: Equatable, Sendable {
        /// It has no bytes.
        case empty
        /// It is a directory.
        case directory
        /// It is a pipe, a socket or a device.
        case special
        /// Its first bytes are not a vault's.
        case content
    }

    /// What this version does not understand.
    public enum Unsupported: Equatable, Sendable {
        /// The number of the format.
        case format(UInt16)
        /// Flags that forbid reading.
        case flags(UInt32)
        /// A kind of record that must not be skipped.
        case record(kind: UInt8)
    }

    /// What was being done when the system refused.
    public enum Operation: String, Equatable, Sendable {
        /// Opening the vault file.
        case open
        /// Reading it.
        case read
        /// Writing it.
        case write
        /// Cutting it.
        case truncate
        /// Locking it.
        case lock
        /// Making it durable.
        case sync
        /// Making a new file.
        case create
        /// Giving it its name.
        case rename
        /// Saving the unfinished tail beside it.
        case save = "save the unfinished tail of"
        /// Remembering what was seen of it.
        case checkpoint = "remember what was seen of"
        /// Giving a new file the old one's mode, owner and attributes.
        case attributes = "keep the mode, owner and attributes of"
        /// Writing another file from it.
        case rewrite = "write a new file for"
    }

    /// Whether it says something of this machine at this moment, and nothing of the file.
    package var isPassing: Bool {
        switch self {
        case .io, .outOfMemory, .outcomeUnknown, .cancelled: true
        default: false
        }
    }

    /// Why the file at a path could not be opened.
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

/// Calls `body`, naming the operation in the error that it may throw.
package func during<R: ~Copyable>(
    _ operation: VaultFileError.Operation, _ body: () throws(Errno) -> R
) throws(VaultFileError) -> R {
    do throws(Errno) {
        return try body()
    } catch {
        throw .io(operation, error)
    }
}

/// Calls `body`, turning the errors of ``Sodium`` into this module's.
package func guarding<R: ~Copyable>(_ body: () throws(SodiumError) -> R) throws(VaultFileError) -> R {
    do throws(SodiumError) {
        return try body()
    } catch {
        throw VaultFileError(error)
    }
}
