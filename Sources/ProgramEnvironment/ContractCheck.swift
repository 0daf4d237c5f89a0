package import Settings
package import UserMessages
package import VaultCore

/// The effective secrets of a context, compared with what the project declares.
package struct ContractCheck {
    package let contract: Contract
    /// The scopes in which the secrets were searched, in words.
    package let searched: String
    /// The required secrets that no scope has, in the order of their declarations.
    package let missing: [SecretDeclaration]
    /// The secrets whose values are not of their types, sorted by name.
    package let malformed: [Malformed]

    /// What a program can get: the effective secrets, and the defaults of those that are missing, sorted by name.
    package let deliveries: [Delivery]

    private let effective: [SecretID]

    /// A secret whose value is not of its type.
    package struct Malformed {
        package let secret: SecretID
        /// Why it is not, without anything of the value.
        package let problem: String
    }

    /// Compares the values of the secrets that have a type.
    ///
    /// - Parameters:
    ///   - effective: the effective secrets, sorted by name.
    ///   - searched: the scopes that were searched for them, in words.
    package init(
        _ contract: Contract, effective: [SecretID], searched: String, in vault: any Session
    ) throws(Failure) {
        (self.contract, self.effective, self.searched) = (contract, effective, searched)
        guard !contract.isEmpty else {
            (missing, malformed) = ([], [])
            deliveries = effective.map { Delivery(name: $0.name, secret: $0, declaration: nil) }
            return
        }
        var found: [Malformed] = []
        let typed = effective.filter { contract[$0.name]?.type != nil }
        try inWords(about: "the vault") { () throws(VaultError) in
            try vault.withValues(of: typed) { secret, value in
                guard let problem = contract[secret.name]?.type?.problem(in: value) else { return }
                found.append(Malformed(secret: secret, problem: problem))
            }
        }
        malformed = found
        let absent = contract.declarations.filter { effective.named($0.name) == nil }
        missing = absent.filter(\.isRequired)
        let present = effective.map { Delivery(name: $0.name, secret: $0, declaration: contract[$0.name]) }
        let presets = absent.filter { $0.defaultValue != nil }.map {
            Delivery(name: $0.name, secret: nil, declaration: $0)
        }
        deliveries = (present + presets).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Returns the effective secret of a name; nil if there is none.
    package subscript(name: String) -> SecretID? { effective.named(name) }

    /// Returns what a program gets for a name; nil if there is neither a secret nor a default.
    package func delivery(of name: String) -> Delivery? {
        let (secret, declaration) = (self[name], contract[name])
        guard secret != nil || declaration?.defaultValue != nil else { return nil }
        return Delivery(name: name, secret: secret, declaration: declaration)
    }

    /// Returns what a program gets of the selected names, and the names whose variables others of them set.
    ///
    /// - Parameter selected: the names; nil for all.
    package func deliveries(
        selected: Set<String>?
    ) -> (passed: [Delivery], displaced: [(delivery: Delivery, by: String)]) {
        let chosen = selected.map { names in deliveries.filter { names.contains($0.name) } } ?? deliveries
        if contract.isEmpty { return (chosen, []) }
        let renamed = chosen.filter { $0.variable != $0.name }
        let owners = Dictionary(renamed.map { ($0.variable, $0.name) }) { first, _ in first }
        let isDisplaced = { (delivery: Delivery) in
            delivery.variable == delivery.name && owners[delivery.name] != nil
        }
        return (
            chosen.filter { !isDisplaced($0) },
            chosen.filter(isDisplaced).map { ($0, owners[$0.name] ?? "") }
        )
    }

    /// What is wrong, one failure each.
    ///
    /// - Parameter hint: the command that sets what is missing or malformed.
    package func failures(hint: Hint) -> [Failure] {
        var messages = malformed.map { item in
            "\(item.secret.name): \(item.problem) (\(item.secret.scope.described))"
        }
        if !missing.isEmpty {
            let names = missing.map { secret in
                secret.description.map { "\(secret.name) (\($0))" } ?? secret.name
            }
            messages.append(
                "required by \(contract.path) but missing in \(searched): \(names.joined(separator: ", "))")
        }
        return messages.enumerated().map { index, message in
            Failure(.missing, message, hint: index == messages.count - 1 ? hint : nil)
        }
    }

    /// The required secrets that are missing, and the malformed ones, in the order of their declarations.
    package var gaps: [SecretDeclaration] {
        let names = Set(missing.map(\.name) + malformed.map(\.secret.name))
        return contract.declarations.filter { names.contains($0.name) }
    }

    /// Throws if anything is wrong, after it reported all of it but the last.
    package func requireKept(hint: Hint) throws(Failure) {
        var failures = failures(hint: hint)
        guard let last = failures.popLast() else { return }
        for failure in failures { failure.report(asJSON: false) }
        throw last
    }
}

extension [SecretID] {
    /// Returns the secret of a name in a list that is sorted by name; nil if there is none.
    fileprivate func named(_ name: String) -> SecretID? {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < endIndex && self[low].name == name ? self[low] : nil
    }
}

/// A value that a program gets, and the variable that gets it.
package struct Delivery {
    /// The name of the secret.
    package let name: String
    /// The secret that supplies the value; nil for the default.
    package let secret: SecretID?
    package let declaration: SecretDeclaration?

    package var variable: String { declaration?.variable ?? name }

    /// True if the variable gets the path of a file with the value.
    package var isFile: Bool { declaration?.isFile ?? false }

    /// The bytes of the default; empty for a secret.
    package var preset: [UInt8] { secret == nil ? Array((declaration?.defaultValue ?? "").utf8) : [] }
}

extension Session {
    /// Calls `body` with the value of each delivery, in their order.
    package func withValues(
        of deliveries: [Delivery], _ body: (Delivery, Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        // The vault is asked once for all secrets up to the next default.
        var rest = deliveries[...]
        while let next = rest.first {
            let secrets = rest.prefix { $0.secret != nil }
            if secrets.isEmpty { try body(next, next.preset.span) }
            try withSecrets(of: secrets, body)
            rest = rest.dropFirst(max(secrets.count, 1))
        }
    }

    private func withSecrets(
        of deliveries: ArraySlice<Delivery>, _ body: (Delivery, Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        if deliveries.isEmpty { return }
        var failure: Failure?
        // The values come in the order of the secrets.
        var rest = deliveries
        try inWords(about: "the vault") { () throws(VaultError) in
            try withValues(of: deliveries.compactMap(\.secret)) { secret, value in
                while let next = rest.first, next.secret != secret { rest.removeFirst() }
                guard failure == nil, let delivery = rest.popFirst() else { return }
                do throws(Failure) {
                    try body(delivery, value)
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }
}
