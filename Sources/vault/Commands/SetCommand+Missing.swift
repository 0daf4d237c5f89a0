internal import Platform
internal import ProgramEnvironment
internal import Settings
internal import Sodium
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// What `set` does about the secrets that the project declares.
extension SetCommand {
    /// Sets all that is required and missing, or malformed, in one commit.
    ///
    /// - Parameter source: the option that names a source of a value, if any.
    func setMissing(beside source: String?) throws(Failure) {
        let others = [source, raw ? "--raw" : nil, allowEmpty ? "--allow-empty" : nil]
        if let other = others.compactMap(\.self).first {
            throw Failure(.usage, "--missing cannot be combined with \(other)")
        }
        let scope = try target.scopeAlone("--missing", options)
        var current = try CurrentContext(options.context, for: .all)
        current.include(scope)
        let gaps = try options.change { vault throws(Failure) in
            options.noteNewScope(scope, in: vault)
            let check = try options.check(current, in: vault)
            try SetCommand.refuseShadowed(check, by: scope, current)
            if !check.gaps.isEmpty { try fill(check, in: scope, of: vault) }
            return check.gaps
        }
        if gaps.isEmpty {
            options.common.confirm("No secret is missing in \(current.searched)")
        }
        for gap in gaps {
            let end = gap.generator == nil ? "" : " (generated)"
            options.common.confirm("Set \(SecretID(gap.name, in: scope).located)\(end)")
        }
    }

    /// Throws if a value in `scope` would not replace a malformed one.
    private static func refuseShadowed(
        _ check: ContractCheck, by scope: Scope, _ current: CurrentContext
    ) throws(Failure) {
        let stronger = current.context.scopes.prefix { $0 != scope }
        guard let item = check.malformed.first(where: { stronger.contains($0.secret.scope) }) else { return }
        throw Failure(
            .usage,
            "\(item.secret.name): \(item.problem); \(item.secret.scope.described) takes precedence over \(scope.described)",
            hint: "'vault set \(item.secret.operands)' replaces it")
    }

    private func fill(
        _ check: ContractCheck, in scope: Scope, of vault: any Session
    ) throws(Failure) {
        var changes = try options.during(Changes())
        for gap in check.gaps {
            let secret = SecretID(gap.name, in: scope)
            // Two people may do this at once; the second must not replace what the first made.
            try options.during { () throws(VaultError) in
                try changes.require(secret, newest: vault.history(of: secret).first)
            }
            guard let generator = gap.generator else { continue }
            let value = try allocating(generator.make())
            try value.withBytes { value throws(Failure) in
                try options.during(changes.set(secret, to: value))
            }
        }
        let asked = check.gaps.filter { $0.generator == nil }
        if !asked.isEmpty {
            guard let terminal = try? Prompt.openTerminal() else {
                let names = asked.map(\.name).joined(separator: ", ")
                throw Failure(.locked, "\(Prompt.cannotAsk(for: names)); nothing was set")
            }
            for gap in asked {
                let problem = check.malformed.first { $0.secret.name == gap.name }?.problem
                let value = try ask(for: gap, problem, at: terminal)
                try value.withBytes { value throws(Failure) in
                    try options.during(changes.set(SecretID(gap.name, in: scope), to: value))
                }
            }
        }
        try options.during(vault.commit(changes))
    }

    /// Asks until the value is of its type.
    private func ask(
        for secret: SecretDeclaration, _ problem: String?, at terminal: borrowing Terminal
    ) throws(Failure) -> SecretBuffer {
        let type = secret.type.map { " (\($0.rawValue))" } ?? ""
        let end = [secret.description, problem].compactMap(\.self).joined(separator: "; ")
        try Prompt.say("\(secret.name)\(type)\(end.isEmpty ? "" : ": \(end)")", at: terminal)
        while true {
            let reason: String
            do throws(Failure) {
                let value = try typedValue(secret, at: terminal)
                guard let problem = value.withBytes({ SetCommand.problem(in: $0, secret) }) else {
                    return value
                }
                reason = problem
            } catch {
                guard error.code == .usage else {
                    throw error.code == .cancelled
                        ? Failure(.cancelled, "cancelled; nothing was set") : error
                }
                reason = error.message
            }
            try Prompt.say("vault: \(reason); try again", at: terminal)
        }
    }

    private static func problem(in value: Span<UInt8>, _ secret: SecretDeclaration) -> String? {
        value.count == 0 ? "the value is empty" : secret.type?.problem(in: value)
    }

    /// Reads a value once; throws ``ExitCode/usage`` for one that cannot be taken.
    private func typedValue(
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
        if let value = try askTwice(terminal, Format.maxValue + 1, else: refusal) { return value }
        throw Failure(.usage, "the two values differ")
    }

    /// Warns that a value is not of the type that the project declares.
    func warnOfType(_ name: String, _ value: Span<UInt8>) {
        let contract = CurrentContext.known(options.context).contract
        guard let problem = contract[name]?.type?.problem(in: value) else { return }
        Output.warn("\(name): \(problem); with \(contract.path), 'vault run' refuses it")
    }
}
