package import Settings
internal import Sodium
package import UserMessages
internal import VaultCore

/// A `.env.example`: the variables that the programs of a project need, with their defaults and without secrets.
package enum ExampleFile {
    /// Returns the content.
    package static func text(of contract: Contract) throws(Failure) -> String {
        var parts = ["# Written by 'vault export --schema' from \(ContextFile.name)\n"]
        for secret in contract.declarations { parts.append(try entry(for: secret)) }
        return parts.joined(separator: "\n")
    }

    private static func entry(for secret: SecretDeclaration) throws(Failure) -> String {
        var comments = (secret.description ?? "").split(whereSeparator: \.isNewline).map(String.init)
        comments.append(secret.traits.joined(separator: ", "))
        if secret.variable != secret.name || !SecretID.isVariableName(secret.name) {
            comments.append("secret \(secret.name)")
        }
        var line = "\(secret.variable)=\n"
        if !SecretID.isVariableName(secret.variable) {
            comments.append("not passed in the environment: set 'as'")
            line = ""
        } else if let value = secret.defaultValue {
            if let quoted = try assignment(secret.variable, value) {
                line = quoted
            } else {
                comments.append("its default cannot be written here")
            }
        }
        return comments.map { "# \(Output.visible($0))\n" }.joined() + line
    }

    /// Returns the line for a default; nil if programs that read such files would disagree about it.
    private static func assignment(_ variable: String, _ value: String) throws(Failure) -> String? {
        try inWords { () throws(SodiumError) in
            var export = try Export(as: .dotenv(nil))
            try export.add(variable, Array(value.utf8).span)
            if !export.refused.isEmpty { return nil }
            return export.withText { text in
                String(decoding: text.indices.map { text[$0] }, as: UTF8.self)
            }
        }
    }
}
