internal import TOML
package import VaultCore

/// The content of a `.vault.toml`: the context of its directory, and the secrets that programs there need.
package struct ContextFile: Equatable {
    package private(set) var project: String?
    package private(set) var cluster: String?
    package private(set) var contract = Contract()

    package static var name: String { ".vault.toml" }

    /// Its project and cluster.
    package var context: Context { Context(project: project, cluster: cluster) }

    /// The content in one line.
    package var summary: String {
        let ids = [project.map { "project \($0)" }, cluster.map { "cluster \($0)" }].compactMap { $0 }
        let names = [
            (contract.listed.count, "required name"), (contract.declaredCount, "declared secret"),
        ].filter { $0.0 > 0 }.map { "\($0) \($1)\($0 == 1 ? "" : "s")" }
        let parts = ids + names
        return parts.isEmpty ? "no project, no cluster" : parts.joined(separator: ", ")
    }

    /// Takes the content of a parsed file.
    ///
    /// - Throws: `TOMLError` for an unknown key, or a value that its key cannot have.
    init(_ table: TOMLTable) throws(TOMLError) {
        var (require, secrets): (TOMLEntry?, TOMLEntry?)
        for entry in table.entries {
            switch entry.key {
            case "project": project = try ContextFile.id(entry)
            case "cluster": cluster = try ContextFile.id(entry)
            case "require": require = entry
            case "secrets": secrets = entry
            default:
                throw entry.error(
                    "unknown key '\(entry.key)'; the keys are project, cluster, require, secrets")
            }
        }
        contract = try Contract(require: require, secrets: secrets)
    }

    private static func id(_ entry: TOMLEntry) throws(TOMLError) -> String {
        let id = try entry.string()
        guard SecretID.isValidID(id) else { throw entry.error("'\(id)' is not a valid id") }
        return id
    }
}
