internal import Platform
package import VaultAgent
internal import VaultCore

extension AgentError: ReportableError {
    package func failure(about path: String) -> Failure {
        switch self {
        case .notRunning: Failure(.locked, "\(path) is locked", hint: "unlock it with 'vault unlock'")
        case .unreachable(let error): Failure(error, "cannot reach the agent")
        case .directoryNotPrivate:
            Failure(
                .other,
                "the agent's directory \(Locations.runtimeDirectory ?? "") belongs to another user or is accessible to others",
                hint:
                    "set XDG_RUNTIME_DIR to a directory of yours with mode 700, on a file system that supports modes"
            )
        case .foreign: Failure(.other, "the agent's socket belongs to another user; nothing was sent to it")
        case .otherVersion(let version):
            Failure(
                .other,
                "the agent speaks version \(version) of the protocol, this vault speaks version \(AgentProtocol.version)",
                hint: "end it with 'vault lock --all', then unlock again with 'vault unlock'")
        case .lost: Failure(.other, "the agent does not answer", hint: "end it with 'vault lock --all'")
        case .malformed:
            Failure(
                .other, "the agent violates its protocol", hint: "end it with 'vault lock --all'")
        case .otherFile:
            Failure(
                .other, "the agent sees a different file at \(path): it runs in another mount namespace",
                hint: "add --passphrase-file, or start an agent here with another XDG_RUNTIME_DIR")
        case .wouldLengthen:
            Failure(.usage, "only the passphrase can lengthen the time that the vault stays unlocked")
        case .cannotStart(.system(let error)): Failure(error, "cannot start the agent")
        case .cannotStart(.noSocket(let error)):
            Failure(
                error,
                "cannot start the agent: cannot create a socket in \(Locations.runtimeDirectory ?? "")",
                hint: "set XDG_RUNTIME_DIR to a directory of yours on another file system")
        case .cannotStart(.directoryNotPrivate): AgentError.directoryNotPrivate.failure(about: path)
        case .cannotStart(.alreadyRunning): Failure(.other, "another agent is running")
        case .vault(let error): error.failure(about: path)
        }
    }
}
