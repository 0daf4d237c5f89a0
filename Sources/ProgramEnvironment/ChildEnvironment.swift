package import Platform
internal import Settings
internal import Sodium
internal import VaultFile
package import VaultCore
package import UserMessages

/// The environment of a program that `run` starts, built in guarded memory.
package struct ChildEnvironment: ~Copyable {
    private let vault: any Session
    /// The effective secrets, compared with what the project declares.
    let check: ContractCheck

    /// A variable's name in bytes: it may not be UTF-8, and `String` would equate canonically equivalent names.
    private typealias Name = [UInt8]

    /// The value of a variable.
    private enum Variable {
        /// The inherited one, by the index of the inherited variable.
        case inherited(Int)
        /// A new one, by the range of its entry in `block`.
        case own(Range<Int>, VariableSource)
    }

    private var variables: [Name: Variable] = [:]
    /// The entries `NAME=value`, each with a final NUL; includes those that a later one overrides.
    private var block: SecretBuffer
    /// The variables that the program does not get, each with the reason.
    private(set) var omitted: [PlannedVariable] = []
    /// The variables that cannot be passed in an environment, each with the reason.
    private var refused: Swift.Set<String> = []
    /// The other failures, in the order in which they were found.
    private var failures: [Failure] = []

    /// The maximum size of `NAME=value` on Linux, without the final NUL.
    private static let maxEntry = 131_071
    private static let pristineNames = ["PATH", "HOME", "USER", "TERM", "LANG", "TMPDIR"].map {
        Name($0.utf8)
    }

    /// Creates an empty environment.
    ///
    /// - Parameters:
    ///   - check: the effective secrets, which references mean, compared with what the project declares.
    ///   - hint: the command that sets what is missing.
    package init(vault: any Session, check: ContractCheck, hint: Hint) throws(Failure) {
        (self.vault, self.check) = (vault, check)
        block = try allocating(SecretBuffer(capacity: 16 * 1024))
        failures = check.failures(hint: hint)
        variables.reserveCapacity(Environment.count)
    }

    /// Adds this process's own variables, with references resolved and without passphrases.
    package mutating func inherit(pristine: Bool) throws(Failure) {
        variables.reserveCapacity(Environment.count)
        for index in 0..<Environment.count {
            let isSecret = Environment.withEntry(at: index) { PassphraseVariables.contains($0) }
            if isSecret { continue }
            let (name, reference) = Environment.withEntry(at: index) { ChildEnvironment.parse($0) }
            if pristine, !ChildEnvironment.pristineNames.contains(name) { continue }
            switch reference {
            case nil: variables[name] = .inherited(index)
            case .malformed:
                warnOfMalformed(name)
                variables[name] = .inherited(index)
            case .escaped(let text): try put(name, text.span, from: VariableSource(.inherited))
            case .secret(let secret): try put(name, reference: secret, from: .inherited)
            }
        }
    }

    /// Adds the secrets and defaults that are selected, each under the name that is declared for it.
    ///
    /// A dangerous name that is not allowed is a failure, which ``checkReady()`` throws.
    ///
    /// - Parameters:
    ///   - selected: the names; nil for all.
    ///   - reason: why the others are left out.
    package mutating func add(
        _ selected: Swift.Set<String>?, orElse reason: String, allowing allowed: [String]
    ) throws(Failure) {
        if let selected {
            for delivery in check.deliveries where !selected.contains(delivery.name) {
                omit(delivery, reason)
            }
        }
        let (chosen, displaced) = check.deliveries(selected: selected)
        for (delivery, owner) in displaced {
            omit(delivery, "'\(owner)' sets the variable")
            Output.warn(
                "'\(delivery.name)' is not passed on: '\(owner)' sets that variable in \(check.contract.path)"
            )
        }
        var passed: [Delivery] = []
        var dangerous: [Delivery] = []
        for delivery in chosen {
            if !SecretID.isVariableName(delivery.variable) {
                omit(delivery, "not the name of a variable")
                if delivery.declaration != nil {
                    Output.warn(
                        "'\(delivery.name)' is not passed on: it is not the name of a variable; 'as' in \(check.contract.path) gives it one"
                    )
                }
            } else if delivery.secret == nil, variables[Name(delivery.variable.utf8)] != nil {
                omit(delivery, "the environment has it")
            } else if !mayBePassedOn(Name(delivery.variable.utf8)) {
                omit(delivery, "it would be taken for a passphrase")
            } else if ChildEnvironment.isDangerous(delivery.variable), !allowed.contains(delivery.variable) {
                omit(delivery, "needs --allow-name \(delivery.variable)")
                dangerous.append(delivery)
            } else {
                passed.append(delivery)
            }
        }
        do throws(Failure) {
            try ChildEnvironment.refuseDangerous(dangerous, allowing: allowed)
        } catch {
            failures.append(error)
        }
        variables.reserveCapacity(variables.count + passed.count)
        try vault.withValues(of: passed) { delivery, value throws(Failure) in try put(delivery, value) }
    }

    private mutating func omit(_ delivery: Delivery, _ reason: String) {
        omitted.append(
            PlannedVariable(
                variable: delivery.variable, source: VariableSource(delivery), state: .notPassed(reason)))
    }

    private mutating func put(_ delivery: Delivery, _ value: Span<UInt8>) throws(Failure) {
        let (name, source) = (Name(delivery.variable.utf8), VariableSource(delivery))
        guard delivery.isFile else { return try put(name, value, from: source) }
        try put(name, Array(try ChildEnvironment.path(ofFileWith: value).utf8).span, from: source)
    }

    /// Sets a variable from `NAME=VALUE`, where VALUE may be a reference.
    package mutating func assign(_ assignment: String) throws(Failure) {
        try assign(Array(assignment.utf8).span, from: .env)
    }

    /// Sets the variables of a file; a value may be a reference.
    package mutating func assign(all assignments: borrowing Assignments) throws(Failure) {
        for name in assignments.names {
            guard SecretID.isVariableName(name) else {
                failures.append(Failure(.usage, "'\(name)' in --env-file is not a valid variable name"))
                continue
            }
            var entry = try allocating(SecretBuffer(capacity: 4000))
            try assignments.withValue(of: name) { value throws(Failure) in
                try inWords { () throws(SodiumError) in
                    try entry.append(Array("\(name)=".utf8).span)
                    try entry.append(value)
                }
            }
            try entry.withBytes { entry throws(Failure) in try assign(entry, from: .envFile) }
        }
    }

    /// Sets a variable to the path of a sealed memory file with the value of a secret.
    package mutating func addFile(_ variable: String, of name: String) throws(Failure) {
        guard let delivery = check.delivery(of: name) else { return noteUnresolved(variable, name, .file) }
        guard mayBePassedOn(Name(variable.utf8)) else { return }
        try vault.withValues(of: [delivery]) { delivery, value throws(Failure) in
            let path = try ChildEnvironment.path(ofFileWith: value)
            try put(Name(variable.utf8), Array(path.utf8).span, from: VariableSource(delivery, .file))
        }
    }

    /// Returns the path of a new sealed memory file.
    private static func path(ofFileWith value: Span<UInt8>) throws(Failure) -> String {
        try inWords("cannot create a memory file") { () throws(Errno) in
            let file = try MemoryFile()
            try file.write(value)
            let path = file.pathForOthers
            try file.seal()
            return path
        }
    }

    private mutating func assign(
        _ assignment: Span<UInt8>, from origin: VariableSource.Origin
    ) throws(Failure) {
        let (name, reference) = ChildEnvironment.parse(assignment)
        guard mayBePassedOn(name) else { return }
        switch reference {
        case .secret(let secret): try put(name, reference: secret, from: origin)
        case .escaped(let text): try put(name, text.span, from: VariableSource(origin))
        case nil, .malformed:
            if reference != nil { warnOfMalformed(name) }
            let value = assignment.extracting(name.count + 1..<assignment.count)
            try put(name, value, from: VariableSource(origin))
        }
    }

    /// Reports all failures; throws the most serious one, which is the last.
    ///
    /// - Parameter isSilent: true to report nothing, and to throw the exit code alone.
    package func checkReady(silently isSilent: Bool = false) throws(Failure) {
        var failures = failures
        if !refused.isEmpty {
            let list = refused.sorted().joined(separator: ", ")
            failures.append(
                Failure(
                    .notExpressible, "cannot be passed in the environment: \(list)",
                    hint: "leave them out with --except, or pass them as files with --file"))
        }
        failures.sort { ChildEnvironment.gravity($0) < ChildEnvironment.gravity($1) }
        guard let last = failures.popLast() else { return }
        if isSilent { throw Failure(silent: last.code) }
        for failure in failures { failure.report(asJSON: false) }
        throw last
    }

    private static func gravity(_ failure: Failure) -> Int {
        switch failure.code {
        case .missing: 2
        case .notExpressible: 1
        default: 0
        }
    }

    /// Replaces this process with the program; returns only if that fails.
    package borrowing func become(argumentsFrom first: Int) throws(Failure) -> Errno {
        var kept: [Int] = []
        for case .inherited(let index) in variables.values { kept.append(index) }
        kept.sort()
        if block.count == ownEntries.reduce(0, { $0 + $1.range.count }) {
            return block.withBytes { CurrentProcess.become(argumentsFrom: first, keeping: kept, adding: $0) }
        }
        let final = try compacted()
        return final.withBytes { CurrentProcess.become(argumentsFrom: first, keeping: kept, adding: $0) }
    }

    /// The names of the new variables, the largest entries first.
    package var namesBySize: [String] {
        let sizes = ownEntries.map { (size: $0.range.count, name: ChildEnvironment.text($0.name)) }
        return sizes.sorted { ($1.size, $0.name) < ($0.size, $1.name) }.map(\.name)
    }

    /// The new variables with the ranges of their entries in `block`, in no particular order.
    private var ownEntries: [(name: Name, range: Range<Int>)] {
        var entries: [(name: Name, range: Range<Int>)] = []
        for case (let name, .own(let range, _)) in variables { entries.append((name, range)) }
        return entries
    }

    /// The new variables with their sources, in no particular order.
    var ownSources: [(variable: String, source: VariableSource)] {
        var sources: [(String, VariableSource)] = []
        for case (let name, .own(_, let source)) in variables {
            sources.append((ChildEnvironment.text(name), source))
        }
        return sources
    }

    /// The secrets that the program gets, sorted by variable.
    package var secrets: [SecretID] {
        ownSources.sorted { $0.variable.utf8.lexicographicallyPrecedes($1.variable.utf8) }.compactMap {
            guard let name = $0.source.name, let scope = $0.source.scope else { return nil }
            return SecretID(name, in: scope)
        }
    }

    /// Copies the block without overridden entries.
    private borrowing func compacted() throws(Failure) -> SecretBuffer {
        let ranges = ownEntries.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
        let count = block.count
        var result = try allocating(SecretBuffer(capacity: count))
        try block.withBytes { block throws(Failure) in
            for range in ranges {
                try allocating(result.append(block.extracting(range)))
            }
        }
        return result
    }

    private mutating func put(
        _ name: Name, reference: String, from origin: VariableSource.Origin
    ) throws(Failure) {
        guard let delivery = check.delivery(of: reference) else {
            return noteUnresolved(ChildEnvironment.text(name), reference, origin)
        }
        try vault.withValues(of: [delivery]) { delivery, value throws(Failure) in
            try put(name, value, from: VariableSource(delivery, origin))
        }
    }

    private mutating func noteUnresolved(
        _ variable: String, _ reference: String, _ origin: VariableSource.Origin
    ) {
        failures.append(
            Failure(
                .missing,
                "\(variable): no secret '\(reference)' in \(check.searched); nothing was started",
                hint: "see 'vault list --all'"))
        omitted.append(
            PlannedVariable(
                variable: variable, source: VariableSource(origin, name: reference), state: .missing))
    }

    /// Appends an entry to the block, unless its value cannot be passed in an environment.
    private mutating func put(
        _ name: Name, _ value: Span<UInt8>, from source: VariableSource
    ) throws(Failure) {
        if let problem = ChildEnvironment.problem(name, value) {
            let variable = ChildEnvironment.text(name)
            refused.insert("\(source.name ?? variable) (\(problem))")
            omitted.append(PlannedVariable(variable: variable, source: source, state: .notPassed(problem)))
            return
        }
        let start = block.count
        try inWords { () throws(SodiumError) in
            try block.append(name.span)
            try block.append(UInt8(ascii: "="))
            try block.append(value)
            try block.append(0)
        }
        variables[name] = .own(start..<block.count, source)
    }

    private static func problem(_ name: Name, _ value: Span<UInt8>) -> String? {
        for index in value.indices where value[index] == 0 { return "has a NUL byte" }
        return name.count + 1 + value.count > maxEntry ? "too long" : nil
    }

    /// Returns whether a variable may be passed on; false with a warning if a vault below would take it for a passphrase or its source.
    private func mayBePassedOn(_ name: Name) -> Bool {
        guard PassphraseVariables.contains(name.span) else { return true }
        Output.warn("\(ChildEnvironment.text(name)) is not passed on: it would be taken for a passphrase")
        return false
    }

    /// Returns a name as text for a message.
    private static func text(_ name: Name) -> String { String(decoding: name, as: UTF8.self) }

    private func warnOfMalformed(_ name: Name) {
        Output.warn(
            "\(ChildEnvironment.text(name)): 'secret:' is not followed by a valid name; the variable is passed on unchanged"
        )
    }

    /// A value that refers to a secret.
    private enum Reference {
        case secret(String)
        /// `secret::TEXT`, which stands for the value `secret:TEXT`.
        case escaped([UInt8])
        case malformed
    }

    /// Splits `NAME=value`, and parses the value if it is a reference.
    private static func parse(_ entry: Span<UInt8>) -> (name: Name, reference: Reference?) {
        let name = entry.variableName
        let start = name.count + 1
        let prefix = Array("secret:".utf8)
        guard entry.count >= start + prefix.count else { return (name, nil) }
        for (offset, byte) in prefix.enumerated() where entry[start + offset] != byte { return (name, nil) }
        let rest = (start + prefix.count..<entry.count).map { entry[$0] }
        let reference = String(decoding: rest, as: UTF8.self)
        if rest.first == UInt8(ascii: ":") { return (name, .escaped(prefix + rest.dropFirst())) }
        return (name, SecretID.isValidName(reference) ? .secret(reference) : .malformed)
    }
}
