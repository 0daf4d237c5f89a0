internal import Platform
public import VaultFile

/// The reason why a vault did not do what was asked.
public enum VaultError: Error, Equatable, Sendable {
    /// The file cannot be opened, read or written.
    case file(VaultFileError)
    /// A name is not 1 to 128 characters of `[A-Za-z_][A-Za-z0-9_.-]*`.
    case invalidName
    /// An id is not 1 to 128 characters of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    case invalidID
    /// A value has more than 1 MiB.
    case valueTooLong
    /// Metadata of a secret have more than 64 KiB.
    case metadataTooLong
    /// A passphrase is empty or has more than 1,024 bytes.
    case invalidPassphrase
    /// The secret does not exist.
    case noSuchSecret
    /// The secret exists but has no such version.
    case noSuchVersion
    /// Another process of this user derived keys for too long.
    case derivationBusy
    /// The file that a backup would replace is not a backup of this vault; it was not touched.
    case notABackup
    /// The file that a backup would replace holds more than the vault does; it was not touched.
    case newerBackup
    /// Source and target are the same file.
    case sameFile
    /// The vault was locked since the session began.
    case locked
    /// The agent ended, or did not answer in time; if it was asked for a change, the change may or may not
    /// have been made.
    case agentLost(outcomeUnknown: Bool)
}

/// Evaluates a call of the storage engine; its error is thrown as ``VaultError/file(_:)``.
func wrapping<R: ~Copyable>(
    _ call: @autoclosure () throws(VaultFileError) -> R
) throws(VaultError) -> R {
    try converting(call, VaultError.file)
}
