internal import CommandSyntax
internal import Platform
internal import VaultCore
internal import UserMessages

/// The options that say what a secret is for.
struct MetadataOptions: Sendable {
    var description: String?
    var username: String?
    var hosts: [String] = []
    var tags: [String] = []
    var expires: Moment?
    var rotateEvery: Moment?

    mutating func declare(_ parameters: inout Parameters) {
        let now = SystemClock.wallMilliseconds()
        parameters.option(
            "--description", "TEXT", "What the secret is for", &description,
            as: ValueFormat("at most 4,096 bytes of text") { Metadata.isValidText($0) ? $0 : nil })
        parameters.option(
            "--username", "NAME", "The account that it belongs to", &username,
            as: ValueFormat("a line of at most 255 bytes") {
                $0.isEmpty || Metadata.isValidUsername($0) ? $0 : nil
            })
        parameters.repeatable("--host", "HOST", "A host that accepts it: *.example.com", &hosts)
        parameters.repeatable(
            "--tag", "TAG", "A word to find it by", &tags, completing: .dynamic("tags"))
        parameters.option(
            "--expires", "WHEN", "When it expires: 2027-01-31, 90d or never", &expires,
            as: ValueFormat("a time such as 2027-01-31, a duration such as 90d, or never") {
                Moment.parse($0, now: now)
            })
        parameters.option(
            "--rotate-every", "TIME", "How long to use one value: 90d or never", &rotateEvery,
            as: ValueFormat("a duration such as 90d, or never") { Moment.parsePeriod($0) })
    }

    /// True if any is given.
    var areGiven: Bool { firstGiven != nil }

    /// The first that is given; nil if none is.
    var firstGiven: String? {
        let options = [
            ("--description", description != nil), ("--username", username != nil),
            ("--host", !hosts.isEmpty), ("--tag", !tags.isEmpty), ("--expires", expires != nil),
            ("--rotate-every", rotateEvery != nil),
        ]
        return options.first(where: \.1)?.0
    }

    /// The dates as they were understood, after a colon; empty if none was given.
    var understood: String { Moment.words(expires: expires, rotateEvery: rotateEvery) }

    /// Throws if an element of a list breaks a rule.
    func check() throws(Failure) {
        for host in hosts where !Metadata.isValidHost(host) {
            throw Failure(
                .usage, "--host takes a host such as *.example.com or localhost:5432, without a path")
        }
        for tag in tags where !Metadata.isValidTag(tag) {
            throw Failure(.usage, "--tag takes letters, digits, '_', '.' and '-', at most 128")
        }
    }

    /// Makes the changes that the options ask for; an empty text removes one, lists get what they lack.
    func apply(to metadata: inout Metadata) {
        if let description { metadata.description = description.isEmpty ? nil : description }
        if let username { metadata.username = username.isEmpty ? nil : username }
        for host in hosts where !metadata.hosts.contains(host) { metadata.hosts.append(host) }
        for tag in tags where !metadata.tags.contains(tag) { metadata.tags.append(tag) }
        if let expires { metadata.expires = expires.milliseconds }
        if let rotateEvery { metadata.rotateEvery = rotateEvery.milliseconds }
    }
}

extension VaultOptions {
    /// Warns if a secret has expired.
    func noteExpired(_ secret: SecretID, in vault: any Session) {
        // Metadata are no reason why a secret could not be used, so what fails here is told by what reads the value.
        guard let metadata = (try? vault.metadata(of: secret)) ?? nil else { return }
        if let expiry = metadata.expiry { Output.warn("\(secret.located) \(expiry)") }
    }

    /// Warns of secrets that have expired, each with its time.
    ///
    /// - Parameters:
    ///   - all: the secrets in the order of the warnings; only needed if anything has metadata.
    ///   - isStrict: true to throw ``ExitCode/missing`` instead.
    func noteExpired(
        among all: @autoclosure () -> [SecretID], in vault: any Session, refusing isStrict: Bool = false
    ) throws(Failure) {
        let metadata: [SecretID: Metadata]
        let secrets: [SecretID]
        do throws(VaultError) {
            if try vault.secrets(with: .metadata).isEmpty { return }
            secrets = all()
            metadata = try vault.metadata(among: secrets)
        } catch {
            // What cannot be told is no reason to withhold a secret, unless that was asked for.
            if isStrict { throw Failure(error, path: try path()) }
            return
        }
        var seen: Set<SecretID> = []
        let words = secrets.filter { seen.insert($0).inserted }.compactMap { secret in
            metadata[secret]?.expiry.map { "\(secret.located) \($0)" }
        }
        if words.isEmpty { return }
        if isStrict { throw Failure(.missing, "\(words.joined(separator: ", ")); nothing was started") }
        for word in words.prefix(5) { Output.warn(word) }
        if words.count > 5 {
            Output.warn("\(words.count - 5) more have expired")
            Output.hint("'vault list --expired' lists all")
        }
    }
}
