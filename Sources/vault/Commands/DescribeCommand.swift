internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The command `vault describe`.
struct DescribeCommand: Command {
    var target = SecretSelector()
    var metadata = MetadataOptions()
    var fields: [String] = []
    var removed: [String] = []
    var version: Int?
    var json = false
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "describe", usage: "[SCOPE [--id ID]] NAME",
        summary: "Show or change what a secret is for",
        discussion: """
            Without options, what is known of the secret is shown: its metadata, and the age of its value. With
            options, its metadata are changed, and its value and the age of that stay. Metadata are encrypted
            like values, but 'vault describe' and 'vault list --long' show them: they are no place for secrets.

            --host and --tag add to the lists, and --remove takes from them: 'tag=ci', 'host=*.example.com',
            'field=owner', 'tags', 'hosts', 'fields', or 'all' metadata. An empty text removes a description
            or user name. 'vault undo' undoes the last change, one of metadata too; 'vault history --metadata'
            lists earlier ones, which --version shows.

            An expired secret is still given out, with a warning; 'vault run --strict' refuses it. 'vault list
            --due' lists what has expired, or has one value for longer than --rotate-every says.

              vault describe team API_TOKEN --description 'CI deploys' --expires 2027-01-31
              vault describe API_TOKEN --tag ci --rotate-every 90d --field owner=ops

            With --json: {"schema":1, "name", "scope", "id", "description", "username", "hosts", "tags",
            "fields", "set", "expires", "expired", "rotate_every_seconds", "due"}; what is not known is null.
            """,
        advice: SecretSelector.advice)

    mutating func declare(_ parameters: inout Parameters) {
        target.declare(&parameters, name: .required)
        metadata.declare(&parameters)
        parameters.repeatable("--field", "K=V", "Further text with a name", &fields)
        parameters.repeatable(
            "--remove", "WHAT", "Remove tag=T, host=H, field=K, or all", &removed)
        parameters.option(
            "--version", "N", "Show the metadata N versions back", &version, as: .number(in: 0...(.max)))
        parameters.flag("--json", "Print JSON", &json)
        options.declare(&parameters)
    }

    func run() throws(Failure) {
        guard metadata.areGiven || !fields.isEmpty || !removed.isEmpty else { return try show() }
        if json || version != nil {
            throw Failure(.usage, "\(json ? "--json" : "--version") cannot be combined with a change")
        }
        try metadata.check()
        let fields = try parsedFields()
        let removals = try removed.map { text throws(Failure) in try Removal(text) }
        let secret = try target.secretToChange(options)
        try options.change { vault throws(Failure) in
            do throws(VaultError) {
                try vault.editMetadata(of: secret) { edited in
                    for removal in removals { removal.apply(to: &edited) }
                    metadata.apply(to: &edited)
                    for field in fields { edited.set(field.name, to: field.text) }
                }
            } catch .noSuchSecret {
                throw absent(secret, in: vault, replacing: target.typedScope(options, isChanged: true))
            } catch {
                throw Failure(error, path: try options.path())
            }
        }
        options.common.confirm("Described \(secret.located)\(metadata.understood)")
    }

    private func show() throws(Failure) {
        let candidates = try target.secretsToRead(options)
        let vault = try options.openForReading()
        let secret = try candidates.first(options, in: vault)
        guard var described = try options.during(vault.described([secret])).first else {
            throw absent(secret, in: vault, replacing: target.typedScope(options))
        }
        if let version, version > 0 {
            let history = try options.during(vault.history(of: secret, .metadata))
            guard version < history.count else {
                throw Failure(
                    .noSuchSecret, "the metadata of \(secret.located) have no version \(version)",
                    hint: "see 'vault history --metadata \(secret.operands)'")
            }
            described.metadata =
                try options.during(vault.metadata(of: secret, version: version)) ?? Metadata()
        }
        options.noteEmptyScopes(before: secret.scope, of: candidates.secrets.map(\.scope), in: vault)
        let now = SystemClock.wallMilliseconds()
        if json { return try Output.write(JSON.document(secret.fields + described.fields(now: now))) }
        let lines = ["\(secret.name) in \(secret.scope.described)"] + described.lines(now: now)
        try Output.write(lines.joined(separator: "\n") + "\n")
    }

    private func parsedFields() throws(Failure) -> [Metadata.Field] {
        try fields.map { text throws(Failure) in
            guard let (name, text) = DescribeCommand.assignment(text), Metadata.isValidTag(name),
                Metadata.isValidText(text)
            else {
                throw Failure(.usage, "--field takes K=V, where K is letters, digits, '_', '.' and '-'")
            }
            return Metadata.Field(name: name, text: text)
        }
    }

    private static func assignment(_ text: String) -> (String, String)? {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    /// What `--remove` takes away.
    private enum Removal {
        case host(String)
        case tag(String)
        case field(String)
        case hosts, tags, fields, all

        init(_ text: String) throws(Failure) {
            switch (text, assignment(text)) {
            case ("hosts", _): self = .hosts
            case ("tags", _): self = .tags
            case ("fields", _): self = .fields
            case ("all", _): self = .all
            case (_, ("host", let host)?): self = .host(host)
            case (_, ("tag", let tag)?): self = .tag(tag)
            case (_, ("field", let name)?): self = .field(name)
            default:
                throw Failure(
                    .usage, "--remove takes tag=T, host=H, field=K, tags, hosts, fields or all",
                    hint:
                        "--description '', --username '', --expires never and --rotate-every never remove those"
                )
            }
        }

        func apply(to metadata: inout Metadata) {
            switch self {
            case .host(let host): metadata.hosts.removeAll { $0 == host }
            case .tag(let tag): metadata.tags.removeAll { $0 == tag }
            case .field(let name): metadata.set(name, to: nil)
            case .hosts: metadata.hosts = []
            case .tags: metadata.tags = []
            case .fields: metadata.fields = []
            case .all: metadata = Metadata()
            }
        }
    }
}
