internal import Platform
internal import Sodium
internal import VaultCore
internal import UserMessages

/// A change to the metadata of a secret, as a body asks for it: web-interface.md, section 3.
struct MetadataChange {
    /// An empty text removes it.
    private let description, username: String?
    private let hosts, tags: [String]?
    private let expires, rotateEvery: Moment?
    private let fields: [(name: String, value: String)]?

    /// The fields of a body that change something.
    static let names = ["description", "username", "hosts", "tags", "expires", "rotate_every", "fields"]

    /// Reads the fields of a body.
    ///
    /// - Parameter now: the present time, in milliseconds since 1970.
    /// - Throws: the first rule that one of them breaks.
    init(_ body: borrowing Assignments, now: UInt64) throws(Refusal) {
        description = body.text(of: "description")
        username = body.text(of: "username")
        hosts = body.text(of: "hosts").map(MetadataChange.words)
        tags = body.text(of: "tags").map(MetadataChange.words)
        fields = try body.text(of: "fields").map { text throws(Refusal) in
            try Query.pairs(Array(text.utf8)[...])
        }
        expires = try MetadataChange.moment(
            body.text(of: "expires"),
            "expires takes a time such as 2027-01-31, a duration such as 90d, or never"
        ) { Moment.parse($0, now: now) }
        rotateEvery = try MetadataChange.moment(
            body.text(of: "rotate_every"), "rotate_every takes a duration such as 90d, or never"
        ) { Moment.parsePeriod($0) }
        try check()
    }

    private func check() throws(Refusal) {
        if let description, !Metadata.isValidText(description) {
            throw Refusal(400, "description takes at most 4,096 bytes of text, without NUL")
        }
        if let username, !username.isEmpty, !Metadata.isValidUsername(username) {
            throw Refusal(400, "username takes a line of at most 255 bytes, without control characters")
        }
        for host in hosts ?? [] where !Metadata.isValidHost(host) {
            throw Refusal(
                400,
                "invalid host\(named(host)): a host such as *.example.com or localhost:5432, without a path")
        }
        for tag in tags ?? [] where !Metadata.isValidTag(tag) {
            throw Refusal(
                400,
                "invalid tag\(named(tag)): 1 to 128 characters: a letter or digit, then letters, digits, _, . or -"
            )
        }
        var names: Set<String> = []
        for field in fields ?? [] {
            guard Metadata.isValidTag(field.name) else {
                throw Refusal(
                    400,
                    """
                    invalid name\(named(field.name)) of a field: 1 to 128 characters: a letter or digit, then letters, digits, \
                    _, . or -
                    """)
            }
            guard Metadata.isValidText(field.value) else {
                throw Refusal(400, "field '\(field.name)' takes at most 4,096 bytes of text, without NUL")
            }
            guard names.insert(field.name).inserted else {
                throw Refusal(400, "field '\(field.name)' is given twice")
            }
        }
    }

    /// Returns a text in quotation marks; nothing if it is too long to be repeated.
    private func named(_ text: String) -> String { text.utf8.count > 128 ? "" : " '\(text)'" }

    /// Makes the change; what the body does not have stays.
    func apply(to metadata: inout Metadata) {
        if let description { metadata.description = description.isEmpty ? nil : description }
        if let username { metadata.username = username.isEmpty ? nil : username }
        if let hosts { metadata.hosts = hosts }
        if let tags { metadata.tags = tags }
        if let expires { metadata.expires = expires.milliseconds }
        if let rotateEvery { metadata.rotateEvery = rotateEvery.milliseconds }
        guard let fields else { return }
        metadata.fields = []
        for field in fields { metadata.set(field.name, to: field.value) }
    }

    /// Returns the words of a list, each once.
    private static func words(_ text: String) -> [String] {
        var seen: Set<String> = []
        return text.split { $0 == " " || $0 == "," }.map(String.init).filter { seen.insert($0).inserted }
    }

    private static func moment(
        _ text: String?, _ rule: String, _ parse: (String) -> Moment?
    ) throws(Refusal) -> Moment? {
        guard let text else { return nil }
        guard let moment = text.isEmpty ? .never : parse(text) else { throw Refusal(400, rule) }
        return moment
    }
}

extension Assignments {
    /// The text of `name`; nil if there is none.
    borrowing func text(of name: String) -> String? {
        guard count(of: name) != nil else { return nil }
        return withValue(of: name) { value in
            String(decoding: value.indices.map { value[$0] }, as: UTF8.self)
        }
    }
}

extension Metadata {
    /// A word that differs whenever the metadata do.
    func revision() throws(Refusal) -> String {
        try converting({ () throws(SodiumError) in
            try BLAKE2b.hash(json.span, count: 16).hexadecimal
        }) { Refusal(Failure($0)) }
    }
}
