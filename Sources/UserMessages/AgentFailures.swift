internal import Platform
package import VaultAgent
internal import VaultKit

extension Failure {
    /// What the agent, or the way to it, says in words.
    package init(_ error: AgentError, path: String) {
        switch error {
        case .notRunning: self.init(.locked, "\(path) is locked", hint: "unlock it with 'vault unlock'")
        case .unreachable(let error): self.init(error, "cannot reach the agent")
        case .directoryNotPrivate:
            self.init(
                .other,
                "the agent's directory \(Locations.runtimeDirectory ?? "") belongs to another user, or others can look into it",
                hint:
                    "set XDG_RUNTIME_DIR to a directory of your own with mode 700, on a file system that keeps modes"
            )
        case .foreign: self.init(.other, "the agent's socket belongs to another user; nothing was sent to it")
        case .otherVersion(let version):
            self.init(
                .other,
                "the agent speaks version \(version) of its protocol, this vault version \(AgentProtocol.version)",
                hint: "end it with 'vault lock --all', then unlock again with 'vault unlock'")
        case .lost: self.init(.other, "the agent does not answer", hint: "end it with 'vault lock --all'")
        case .malformed:
            self.init(
                .other, "the agent does not keep to its protocol", hint: "end it with 'vault lock --all'")
        case .otherFile:
            self.init(
                .other, "the agent sees another file at \(path), as it runs in another mount namespace",
                hint: "add --passphrase-file, or start an agent here with another XDG_RUNTIME_DIR")
        case .wouldLengthen:
            self.init(.usage, "only the passphrase can lengthen the time that the vault stays unlocked")
        case .cannotStart(.system(let error)): self.init(error, "cannot start the agent")
        case .cannotStart(.noSocket(let error)):
            self.init(
                error, "cannot start the agent: no socket can be made in \(Locations.runtimeDirectory ?? "")",
                hint: "set XDG_RUNTIME_DIR to a directory of yours on another file system")
        case .cannotStart(.directoryNotPrivate): self.init(AgentError.directoryNotPrivate, path: path)
        case .cannotStart(.alreadyRunning): self.init(.other, "another agent is running")
        case .vault(let error): self.init(error, path: path)
        }
    }
}
