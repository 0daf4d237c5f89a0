internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import Settings
internal import UserMessages

/// The command `vault trust`.
struct TrustCommand: Command {
    var directory: String?
    var revoke = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "trust", summary: "Trust a .vault.toml as it is now",
        discussion: """
            A .vault.toml determines which secrets a program gets, and one that comes with a repository was
            written by someone else. So vault does not use it until you trust it: look at it first. If the
            file changes or its directory is moved, it must be trusted again; at a terminal, other commands
            ask.

            Without DIR, the file is the one that other commands would use: the nearest one in this directory
            or above. A file that others can write, or that is malformed, cannot be trusted.

            Trusted files are recorded in ${XDG_STATE_HOME:-~/.local/state}/vault/trusted.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("DIR", "The directory that contains it", &directory, completing: .file)
        parameters.flag("--revoke", "Stop trusting it", &revoke)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        if directory?.isEmpty == true { throw Failure(.usage, "operand DIR must be a directory's name") }
        if revoke { return try revokeTrust() }
        let file: NearestContextFile?
        do throws(Failure) {
            file = try find()
        } catch {
            // The hint names an option that this command does not have.
            throw Failure(
                error.code, error.message, hint: error.hint == NearestContextFile.noContext ? nil : error.hint
            )
        }
        guard let file else {
            let place = directory ?? "this directory or above"
            throw Failure(.other, "there is no \(ContextFile.name) in \(place)")
        }
        try file.trust()
        common.confirm("Trusted \(file.path): \(file.file.summary)")
        // While the vault is locked, a later command says it.
        guard let path = try? common.path(), let session = AgentAccess.quietSession(for: path) else { return }
        VaultOptions(common: common).noteEmptyScopes(among: file.file.context.scopes, in: session)
    }

    private func find() throws(Failure) -> NearestContextFile? {
        guard let directory else { return try NearestContextFile.find() }
        let canonical: String
        do throws(Errno) {
            canonical = try Path.resolvingLinks(TrustCommand.directory(of: directory))
        } catch {
            throw Failure(error, "cannot find \(directory)")
        }
        return try NearestContextFile.read(in: canonical)
    }

    /// Revokes trust in the file, whatever it contains now and even if it no longer exists.
    private func revokeTrust() throws(Failure) {
        let store = try TrustStore.required()
        let path = Path.join(try revokedDirectory(), ContextFile.name)
        let wasTrusted: Bool
        do throws(Errno) {
            wasTrusted = try store.revoke(path)
        } catch {
            throw Failure(error, "cannot revoke trust in \(path): \(store.directory)")
        }
        common.confirm(wasTrusted ? "No longer trusted: \(path)" : "Was not trusted: \(path)")
    }

    private func revokedDirectory() throws(Failure) -> String {
        if let directory { return Locations.realPath(of: TrustCommand.directory(of: directory)) }
        let directories = try NearestContextFile.directories()
        let nearest = directories.first { (try? Path.owner(of: Path.join($0, ContextFile.name))) != nil }
        guard let directory = nearest ?? directories.first else {
            throw Failure(.other, "the current directory no longer exists")
        }
        return directory
    }

    /// Returns the directory of a `.vault.toml`; as with direnv, the operand may be the file itself.
    private static func directory(of path: String) -> String {
        Path.name(of: path) == ContextFile.name ? Path.directory(of: path) : path
    }
}
