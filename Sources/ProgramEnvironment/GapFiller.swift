internal import Platform
package import Settings
internal import Sodium
package import UserMessages
package import VaultCore
internal import VaultFile

/// Makes the values of the required secrets that are missing or malformed: generates them, or asks a person.
package struct GapFiller {
    private let check: ContractCheck
    private let scope: Scope
    /// The newest version of each gap in the scope; nil where there is none.
    private let newest: [SecretVersion?]

    /// Takes note of what is there now, which must be of the same state of the vault as `check`.
    ///
    /// - Parameter scope: the scope that gets the values, one of the context's.
    /// - Throws: ``ExitCode/usage`` if a value in the scope would not replace a malformed one.
    package init(
        _ check: ContractCheck, in scope: Scope, of context: Context, _ vault: any Session
    ) throws(Failure) {
        (self.check, self.scope) = (check, scope)
        try GapFiller.refuseShadowed(check, by: scope, context)
        newest = try inWords(about: "the vault") { () throws(VaultError) in
            try check.gaps.map { gap throws(VaultError) in
                try vault.history(of: SecretID(gap.name, in: scope)).first
            }
        }
    }

    /// The secrets that are set.
    package var gaps: [SecretDeclaration] { check.gaps }

    /// Returns the changes that fill all gaps, for the vault as it was.
    ///
    /// - Throws: ``ExitCode/locked`` if somebody must be asked and cannot, ``ExitCode/cancelled``.
    package func changes() throws(Failure) -> Changes {
        var changes = try inWords(about: "the vault") { () throws(VaultError) in try Changes() }
        for (gap, newest) in zip(check.gaps, newest) {
            // Two people may do this at once; the second must not replace what the first made.
            try inWords(about: "the vault") { () throws(VaultError) in
                try changes.require(SecretID(gap.name, in: scope), newest: newest)
            }
            guard let generator = gap.generator else { continue }
            try set(gap, to: try allocating(generator.make()), in: &changes)
        }
        let asked = check.gaps.filter { $0.generator == nil }
        if asked.isEmpty { return changes }
        guard let terminal = try? Prompt.openTerminal() else {
            let names = asked.map(\.name).joined(separator: ", ")
            throw Failure(.locked, "\(Prompt.cannotAsk(for: names)); nothing was set")
        }
        for gap in asked { try set(gap, to: try value(of: gap, at: terminal), in: &changes) }
        return changes
    }

    private func set(
        _ gap: SecretDeclaration, to value: consuming SecretBuffer, in changes: inout Changes
    ) throws(Failure) {
        try value.withBytes { value throws(Failure) in
            try inWords(about: "the vault") { () throws(VaultError) in
                try changes.set(SecretID(gap.name, in: scope), to: value)
            }
        }
    }

    /// Throws if a value in the scope would not replace a malformed one.
    private static func refuseShadowed(
        _ check: ContractCheck, by scope: Scope, _ context: Context
    ) throws(Failure) {
        let stronger = context.scopes.prefix { $0 != scope }
        guard let item = check.malformed.first(where: { stronger.contains($0.secret.scope) }) else { return }
        throw Failure(
            .usage,
            "\(item.secret.name): \(item.problem); \(item.secret.scope.described) takes precedence over \(scope.described)",
            hint: "'vault set \(item.secret.operands)' replaces it")
    }

    /// Asks until a value is of its type.
    private func value(
        of secret: SecretDeclaration, at terminal: borrowing Terminal
    ) throws(Failure) -> SecretBuffer {
        let type = secret.type.map { " (\($0.rawValue))" } ?? ""
        let problem = check.malformed.first { $0.secret.name == secret.name }?.problem
        let end = [secret.description, problem].compactMap(\.self).joined(separator: "; ")
        try Prompt.say("\(secret.name)\(type)\(end.isEmpty ? "" : ": \(end)")", at: terminal)
        while true {
            let reason: String
            do throws(Failure) {
                let value = try typed(secret, at: terminal)
                let problem = value.withBytes {
                    $0.count == 0 ? "the value is empty" : secret.type?.problem(in: $0)
                }
                guard let problem else { return value }
                reason = problem
            } catch {
                if error.code == .cancelled { throw Failure(.cancelled, "cancelled; nothing was set") }
                guard error.code == .usage else { throw error }
                reason = error.message
            }
            try Prompt.say("vault: \(reason); try again", at: terminal)
        }
    }

    /// Reads a value once; throws ``ExitCode/usage`` for one that cannot be taken.
    private func typed(
        _ secret: SecretDeclaration, at terminal: borrowing Terminal
    ) throws(Failure) -> SecretBuffer {
        // It has several lines, which a prompt cannot take.
        if secret.type == .pem {
            let path = Locations.expandingHome(try Prompt.line(terminal, "File: "))
            do throws(Failure) {
                return try Content.file(path, atMost: Format.maxValue, else: .valueTooLong)
            } catch {
                throw Failure(.usage, error.message)
            }
        }
        let refusal = Failure(.usage, "the pasted value has several lines")
        if let value = try Prompt.value(terminal, else: refusal) { return value }
        throw Failure(.usage, "the two values differ")
    }
}
