package import Platform
internal import Sodium
internal import VaultFile
package import VaultCore
package import UserMessages

/// The environment of a program that `run` starts, built in guarded memory.
package struct ChildEnvironment: ~Copyable {
    private let vault: any Session
    private let effective: [String: SecretID]
    /// The scopes that were searched, in words.
    private let searched: String

    /// A variable's name in bytes: it may not be UTF-8, and `String` would equate canonically equivalent names.
    private typealias Name = [UInt8]

    /// The value of a variable.
    private enum Variable {
        /// The inherited one, by the index of the inherited variable.
        case inherited(Int)
        /// A new one, by the range of its entry in `block`.
        case own(Range<Int>)
    }

    private var variables: [Name: Variable] = [:]
    /// The entries `NAME=value`, each with a final NUL; includes those that a later one overrides.
    private var block: SecretBuffer
    /// The variables that cannot be passed in an environment, each with the reason.
    private var refused: Swift.Set<String> = []
    /// The secrets whose values were taken, some of them perhaps more than once.
    package private(set) var taken: [SecretID] = []
    /// The other failures, in the order in which they were found.
    private var failures: [Failure] = []

    /// The maximum size of `NAME=value` on Linux, without the final NUL.
    private static let maxEntry = 131_071
    private static let pristineNames = ["PATH", "HOME", "USER", "TERM", "LANG", "TMPDIR"].map {
        Name($0.utf8)
    }

    /// Creates an empty environment with the secrets that references mean.
    ///
    /// - Parameters:
    ///   - effective: the effective secrets.
    ///   - searched: the scopes that were searched for them, in words.
    package init(
        vault: any Session, effective: [SecretID], searched: String
    ) throws(Failure) {
        self.vault = vault
        self.effective = Dictionary(uniqueKeysWithValues: effective.map { ($0.name, $0) })
        self.searched = searched
        block = try allocating(SecretBuffer(capacity: 16 * 1024))
        variables.reserveCapacity(Environment.count + effective.count)
    }

    /// Returns whether a variable changes which code programs load, or which programs they run.
    static func isDangerous(_ name: String) -> Bool {
        dangerousNames.contains(name) || name.hasPrefix("LD_") || name.hasPrefix("DYLD_")
            || name.hasPrefix("BASH_FUNC_")
            || name.hasPrefix("GIT_CONFIG") || name.hasPrefix("MALLOC_")
    }

    private static let dangerousNames: Swift.Set<String> = [
        // The shell, and the search for programs and configuration.
        "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "ZDOTDIR",
        "FPATH", "CDPATH", "GLOBIGNORE", "SHELL", "HOME", "TMPDIR", "XDG_CONFIG_HOME",
        // Interpreters and their libraries.
        "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONWARNINGS",
        "PYTHONBREAKPOINT", "PYTHONEXECUTABLE", "NODE_OPTIONS", "NODE_PATH", "PERL5LIB", "PERL5OPT",
        "PERL5DB", "RUBYLIB", "RUBYOPT", "GEM_HOME", "GEM_PATH", "LUA_INIT", "LUA_PATH", "LUA_CPATH",
        "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "MAVEN_OPTS", "CLASSPATH",
        "DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER_PATH", "PHPRC", "PHP_INI_SCAN_DIR", "R_PROFILE_USER",
        // Libraries that load others.
        "GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES", "OPENSSL_CONF", "OPENSSL_MODULES", "GTK_MODULES",
        "QT_PLUGIN_PATH",
        // Programs that other programs start.
        "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "GIT_PAGER",
        "GIT_EDITOR", "GIT_PROXY_COMMAND", "GIT_TEMPLATE_DIR", "SSH_ASKPASS", "SUDO_ASKPASS", "RSYNC_RSH",
        "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN", "BROWSER", "MAKEFLAGS", "GCC_EXEC_PREFIX",
        "RUSTC_WRAPPER", "npm_config_script_shell",
        // The vault that a child process would use.
        "VAULT_FILE",
    ]

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
            case .escaped(let text): try put(name, text.span)
            case .secret(let secret): try put(name, reference: secret)
            }
        }
    }

    /// Adds secrets under their own names.
    ///
    /// A dangerous name that is not allowed is a failure, which ``checkReady()`` throws.
    package mutating func add(_ secrets: [SecretID], allowing allowed: [String]) throws(Failure) {
        let secrets = secrets.filter {
            SecretID.isVariableName($0.name) && mayBePassedOn(Name($0.name.utf8))
        }
        do throws(Failure) {
            try ChildEnvironment.refuseDangerous(secrets.map(\.name), allowing: allowed)
        } catch {
            failures.append(error)
        }
        try putAll(secrets)
    }

    /// Throws if some of the names change how programs run and are not allowed.
    package static func refuseDangerous(
        _ names: [String], allowing allowed: [String]
    ) throws(Failure) {
        let dangerous = names.filter { isDangerous($0) && !allowed.contains($0) }
        if dangerous.isEmpty { return }
        let options = { (option: String) in dangerous.map { "\(option) \($0)" }.joined(separator: " ") }
        throw Failure(
            .usage, "these names change how programs run: \(dangerous.joined(separator: ", "))",
            hint: "add \(options("--allow-name")) if that is meant, or \(options("--except"))")
    }

    /// Records that required secrets are missing.
    package mutating func noteMissing(_ failure: Failure?) {
        if let failure { failures.append(failure) }
    }

    /// Sets a variable from `NAME=VALUE`, where VALUE may be a reference.
    package mutating func assign(_ assignment: String) throws(Failure) {
        try assign(Array(assignment.utf8).span)
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
            try entry.withBytes { entry throws(Failure) in try assign(entry) }
        }
    }

    /// Sets a variable to the path of a sealed memory file with the value of a secret.
    package mutating func addFile(_ variable: String, of name: String) throws(Failure) {
        guard let secret = effective[name] else { return noteUnresolved(variable, name) }
        guard mayBePassedOn(Name(variable.utf8)) else { return }
        let value = try value(of: secret)
        let path = try inWords("cannot create a memory file") { () throws(Errno) in
            let file = try MemoryFile()
            try value.withBytes { value throws(Errno) in try file.write(value) }
            let path = file.pathForOthers
            try file.seal()
            return path
        }
        try put(Name(variable.utf8), Array(path.utf8).span)
    }

    private mutating func assign(_ assignment: Span<UInt8>) throws(Failure) {
        let (name, reference) = ChildEnvironment.parse(assignment)
        guard mayBePassedOn(name) else { return }
        switch reference {
        case .secret(let secret): try put(name, reference: secret)
        case .escaped(let text): try put(name, text.span)
        case nil, .malformed:
            if reference != nil { warnOfMalformed(name) }
            try put(name, assignment.extracting(name.count + 1..<assignment.count))
        }
    }

    /// Reports all failures; throws the most serious one, which is the last.
    package func checkReady() throws(Failure) {
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
        for case (let name, .own(let range)) in variables { entries.append((name, range)) }
        return entries
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

    private mutating func put(_ name: Name, reference: String) throws(Failure) {
        guard let secret = effective[reference] else {
            return noteUnresolved(ChildEnvironment.text(name), reference)
        }
        try put(name, secret)
    }

    private mutating func noteUnresolved(_ variable: String, _ reference: String) {
        failures.append(
            Failure(
                .missing, "\(variable): no secret '\(reference)' in \(searched); nothing was started",
                hint: "see 'vault list --all'"))
    }

    private mutating func put(_ name: Name, _ secret: SecretID) throws(Failure) {
        let value = try value(of: secret)
        try value.withBytes { value throws(Failure) in try put(name, value, of: secret) }
    }

    /// Sets a variable for each secret, under its own name.
    private mutating func putAll(_ secrets: [SecretID]) throws(Failure) {
        var failure: Failure?
        variables.reserveCapacity(variables.count + secrets.count)
        taken += secrets
        try inWords(about: "the vault") { () throws(VaultError) in
            try vault.withValues(of: secrets) { secret, value in
                do throws(Failure) {
                    if failure == nil { try put(Name(secret.name.utf8), value, of: secret) }
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    /// Appends an entry to the block, unless its value cannot be passed in an environment.
    private mutating func put(
        _ name: Name, _ value: Span<UInt8>, of secret: SecretID? = nil
    ) throws(Failure) {
        if let problem = ChildEnvironment.problem(name, value) {
            refused.insert("\(secret?.name ?? ChildEnvironment.text(name)) (\(problem))")
            return
        }
        let start = block.count
        try inWords { () throws(SodiumError) in
            try block.append(name.span)
            try block.append(UInt8(ascii: "="))
            try block.append(value)
            try block.append(0)
        }
        variables[name] = .own(start..<block.count)
    }

    private mutating func value(of secret: SecretID) throws(Failure) -> SecretBytes {
        taken.append(secret)
        return try inWords(about: "the vault") { () throws(VaultError) in
            try vault.value(of: secret, version: 0)
        }
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
