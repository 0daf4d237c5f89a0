internal import Platform

/// The changes that setting many secrets at once would make.
public struct Import: Equatable, Sendable {
    /// The effect on one name.
    public enum Effect: String, Equatable, Sendable {
        /// The secret is new.
        case new
        /// The secret has another value now.
        case replaced
        /// The secret has this value already; nothing is written.
        case unchanged
        /// The secret has this value already, but other metadata, which are replaced.
        case described
    }

    /// A name and the effect on it.
    public struct Entry: Equatable, Sendable {
        /// The name.
        public let name: String
        /// The effect on it.
        public let effect: Effect
    }

    /// The scope of the names.
    public let scope: Scope
    /// The entries, sorted bytewise by name.
    public let entries: [Entry]

    /// Compares `assignments` with the secrets in `scope`.
    ///
    /// - Throws: ``VaultError``, but not ``VaultError/invalidName``, since names were checked when they were
    ///   read.
    public init(
        _ assignments: borrowing Assignments, into scope: Scope, of vault: any Session
    ) throws(VaultError) {
        self.scope = scope
        try vault.refresh()
        let secrets = assignments.names.map { SecretID($0, in: scope) }
        let present = zip(secrets, try vault.contains(secrets)).filter(\.1).map(\.0)
        let described = present.filter { assignments.metadata(of: $0.name) != nil }
        let metadata = try vault.metadata(among: described)
        var effects: [String: Effect] = [:]
        try vault.withValues(of: present) { secret, old in
            assignments.withValue(of: secret.name) { new in
                let meant = assignments.metadata(of: secret.name)
                let same = meant == nil || meant == metadata[secret] ?? Metadata()
                effects[secret.name] = !old.equals(new) ? .replaced : same ? .unchanged : .described
            }
        }
        entries = secrets.map { Entry(name: $0.name, effect: effects[$0.name] ?? .new) }
    }

    /// Makes the changes durable, all or none.
    ///
    /// - Throws: as ``Session/commit(_:)``; `VaultFileError.transactionTooLarge` beyond 64 MiB.
    public func commit(_ assignments: borrowing Assignments, to vault: any Session) throws(VaultError) {
        var changes = try Changes(capacity: assignments.valueBytes)
        for entry in entries where entry.effect != .unchanged {
            let secret = SecretID(entry.name, in: scope)
            if let metadata = assignments.metadata(of: entry.name) {
                try changes.set(secret, metadata: metadata)
            }
            // A value that stays is as old as before.
            if entry.effect == .described { continue }
            try assignments.withValue(of: entry.name) { value throws(VaultError) in
                try changes.set(secret, to: value)
            }
        }
        if changes.count > 0 { try vault.commit(changes) }
    }
}
