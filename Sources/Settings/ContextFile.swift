internal import TOML
package import VaultCore

/// The content of a `.vault.toml`: the context of its directory, and the secrets that programs there require.
package struct ContextFile: Equatable {
    package private(set) var project: String?
    package private(set) var cluster: String?
    package private(set) var require: [String] = []

    package static var name: String { ".vault.toml" }

    /// Its project and cluster.
    package var context: Context { Context(project: project, cluster: cluster) }

    /// The content in one line.
    package var summary: String {
        let ids = [project.map { "project \($0)" }, cluster.map { "cluster \($0)" }].compactMap { $0 }
        let names = require.isEmpty ? [] : ["\(require.count) required name\(require.count == 1 ? "" : "s")"]
        let parts = ids + names
        return parts.isEmpty ? "no project, no cluster" : parts.joined(separator: ", ")
    }

    /// Takes the content of a parsed file.
    ///
    /// - Throws: `TOMLError` for an unknown key, or a value that its key cannot have.
    init(_ table: TOMLTable) throws(TOMLError) {
        for entry in table.entries {
            switch entry.key {
            case "project": project = try ContextFile.id(entry)
            case "cluster": cluster = try ContextFile.id(entry)
            case "require": require = try ContextFile.names(entry)
            default: throw entry.error("unknown key '\(entry.key)'; the keys are project, cluster, require")
            }
        }
    }

    private static func id(_ entry: TOMLEntry) throws(TOMLError) -> String {
        let id = try entry.string()
        guard SecretID.isValidID(id) else { throw entry.error("'\(id)' is not a valid id") }
        return id
    }

    private static func names(_ entry: TOMLEntry) throws(TOMLError) -> [String] {
        let names = try entry.strings()
        for name in names where !SecretID.isValidName(name) {
            throw entry.error("'\(name)' is not a valid name")
        }
        return names
    }
}
