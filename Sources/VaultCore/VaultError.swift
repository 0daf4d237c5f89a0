public import VaultFile

/// Why something that was asked of a vault was not done.
public enum VaultError: Error, Equatable, Sendable {
    /// The file cannot be opened, read or written.
    case file(VaultFileError)
    /// A name is not 1 to 128 characters of `[A-Za-z_][A-Za-z0-9_.-]*`.
    case invalidName
    /// An id is not 1 to 128 characters of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    case invalidID
    /// A value has more than 1 MiB.
    case valueTooLong
    /// A passphrase is empty or has more than 1,024 bytes.
    case invalidPassphrase
    /// The secret does not exist.
    case noSuchSecret
    /// The secret exists but has no such version.
    case noSuchVersion
    /// Another process of this user derived keys for too long.
    case derivationBusy
    /// What a copy should replace is no backup of this vault; it was not touched.
    case notABackup
    /// What a backup should replace holds more than the vault does; it was not touched.
    case newerBackup
    /// Source and target are the same file.
    case sameFile
    /// The vault was locked since the session began.
    case locked
    /// The agent ended, or did not answer in time; if it was asked to make a change, nobody knows whether it
    /// did.
    case agentLost(outcomeUnknown: Bool)
}

/// Calls `body`, turning the engine's errors into this module's.
func reading<R: ~Copyable>(_ body: () throws(VaultFileError) -> R) throws(VaultError) -> R {
    do throws(VaultFileError) {
        return try body()
    } catch {
        throw .file(error)
    }
}
