public import FoundationEssentials
internal import Platform
internal import UserMessages
internal import VaultAgent
internal import VaultCore
internal import VaultFile

/// The reason why a vault did not do what was asked.
///
/// Each case calls for a different reaction; its text says what happened, to which file or secret.
public enum VaultKitError: Error, Equatable, Sendable {
    /// No agent has the vault unlocked, or it was locked meanwhile: `vault unlock` unlocks it.
    case locked(String)
    /// The passphrase is not the vault's.
    case wrongPassphrase(String)
    /// There is no vault file at the path.
    case noVault(String)
    /// There is no such secret, or no such version of it.
    case notFound(String)
    /// An argument breaks a rule: a malformed name or id, a value of more than 1 MiB, an empty passphrase.
    case invalidArgument(String)
    /// Another process held the file or the key derivation for too long; trying again is safe.
    case busy(String)
    /// The file is damaged or was tampered with, or needs a newer version of this library. It was not
    /// changed.
    case corrupt(String)
    /// The file lacks changes that this machine has seen in it, or proves no connection to them.
    case rolledBack(String)
    /// A change may or may not have been made: look before trying again.
    case outcomeUnknown(String)
    /// There is a file at the path of a new vault; it was not touched.
    case alreadyExists(String)
    /// The system refused an operation, or lacks memory; nothing was changed.
    case other(String)
}

extension VaultKitError: CustomStringConvertible, LocalizedError {
    /// The text, such as `wrong passphrase`.
    public var description: String {
        switch self {
        case .locked(let text), .wrongPassphrase(let text), .noVault(let text), .notFound(let text),
            .invalidArgument(let text), .busy(let text), .corrupt(let text), .rolledBack(let text),
            .outcomeUnknown(let text), .alreadyExists(let text), .other(let text):
            text
        }
    }

    /// The same text, which Foundation takes for `localizedDescription`.
    public var errorDescription: String? { description }
}

extension VaultKitError {
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - name: the secret that was asked for.
    init(_ error: VaultError, path: String, secret name: String?) {
        switch error {
        case .file(.outcomeUnknown), .agentLost(outcomeUnknown: true):
            self = .outcomeUnknown(Failure(error, path: path).message)
        case .file(.alreadyExists): self = .alreadyExists(Failure(error, path: path).message)
        case .noSuchSecret:
            self = .notFound(
                name.map { "no secret '\($0)' in the given scope or context" } ?? "no such secret")
        default: self.init(Failure(error, path: path))
        }
    }

    init(_ error: AgentError, path: String) { self.init(Failure(error, path: path)) }

    init(_ error: NotText) { self.init(Failure(error)) }

    /// The case that stands for the program's exit code.
    private init(_ failure: Failure) {
        let text = failure.message
        self =
            switch failure.code {
            case .locked: .locked(text)
            case .wrongPassphrase: .wrongPassphrase(text)
            case .noVault: .noVault(text)
            case .noSuchSecret: .notFound(text)
            case .usage: .invalidArgument(text)
            case .busy: .busy(text)
            case .damaged: .corrupt(text)
            case .rollback: .rolledBack(text)
            default: .other(text)
            }
    }
}
