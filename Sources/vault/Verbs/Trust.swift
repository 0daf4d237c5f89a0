internal import CommandSyntax
internal import Platform
internal import VaultKit
internal import UserMessages

/// The verb `vault trust`.
struct Trust: Command {
    var directory: String?
    var revoke = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "trust", summary: "Trust a .vault.toml as it is now",
        discussion: """
            A .vault.toml says which secrets a program gets, and one that came with a repository was written by somebody else. So \
            nothing is taken from it before you trust it: look at it first. If it changes, or is moved with its directory, that has to be done \
            again; at a terminal, other commands ask.

            Without DIR it is the file that other commands would take: the nearest one in this directory or above. One that others can \
            write, or that is damaged, cannot be trusted.

            What is trusted is kept in ${XDG_STATE_HOME:-~/.local/state}/vault/trusted.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operand("DIR", "The directory that holds it", &directory, completing: .file)
        parameters.flag("--revoke", "Trust it no longer", &revoke)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        if directory?.isEmpty == true { throw Failure(.usage, "operand DIR must be a directory's name") }
        if revoke { return try revokeTrust() }
        let file: NearestContextFile?
        do throws(Failure) {
            file = try find()
        } catch {
            // The option that leaves the file alone is one of other commands.
            throw Failure(
                error.code, error.message, hint: error.hint == NearestContextFile.noContext ? nil : error.hint
            )
        }
        guard let found = file else {
            let place = directory ?? "this directory or above"
            throw Failure(.other, "there is no \(ContextFile.name) in \(place)")
        }
        try found.trust()
        common.confirm("Trusted \(found.path): \(found.file.summary)")
    }

    private func find() throws(Failure) -> NearestContextFile? {
        guard let directory else { return try NearestContextFile.find() }
        let canonical: String
        do throws(Errno) {
            canonical = try Path.resolvingLinks(Trust.holder(directory))
        } catch {
            throw Failure(error, "cannot find \(directory)")
        }
        return try NearestContextFile.read(in: canonical)
    }

    /// Whatever the file is like now, and whether there still is one.
    private func revokeTrust() throws(Failure) {
        let store = try TrustStore.required()
        let path = Path.join(try revokedDirectory(), ContextFile.name)
        let wasTrusted: Bool
        do throws(Errno) {
            wasTrusted = try store.revoke(path)
        } catch {
            throw Failure(error, "cannot forget that \(path) is trusted: \(store.directory)")
        }
        common.confirm(wasTrusted ? "No longer trusted: \(path)" : "Was not trusted: \(path)")
    }

    private func revokedDirectory() throws(Failure) -> String {
        if let directory { return Locations.realPath(of: Trust.holder(directory)) }
        let directories = try NearestContextFile.directories()
        let nearest = directories.first { (try? Path.owner(of: Path.join($0, ContextFile.name))) != nil }
        guard let directory = nearest ?? directories.first else {
            throw Failure(.other, "this directory is not there any more")
        }
        return directory
    }

    /// As with direnv, the file itself may be named.
    private static func holder(_ path: String) -> String {
        Path.name(of: path) == ContextFile.name ? Path.directory(of: path) : path
    }
}
