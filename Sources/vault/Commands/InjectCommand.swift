internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import Settings
internal import Sodium
internal import VaultCore
internal import UserMessages

/// The command `vault inject`.
struct InjectCommand: Command {
    var input: String?
    var output: String?
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "inject", summary: "Fill secrets into a template",
        discussion: """
            Each '{{ secret:NAME }}' is replaced by the effective value of NAME, byte for byte; the spaces
            inside the braces are optional. Everything else is copied unchanged, including other braces and
            anything in a value that looks like a reference. If a name is missing, nothing is written, unless
            .vault.toml declares a default for it, which is written in its place: see 'vault help toml'.

              echo 'password={{ secret:DB_PASSWORD }}' | vault inject --project web
              vault inject -i app.conf.in -o app.conf
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "-i --input", "FILE", "The template (default: standard input)", &input, completing: .file)
        parameters.option(
            "-o --output", "FILE", "Write to this file with mode 0600, replacing an existing one", &output,
            completing: .file)
        options.declare(&parameters)
    }

    /// The size of the largest template, in bytes.
    private static let maxSize = 64 << 20

    func run() throws(Failure) {
        if let output { try Failure.refuseEmpty(output, "FILE") }
        if input == nil, InheritedDescriptor.standardInput.isTerminal {
            throw Failure(.usage, "there is no template", hint: "add -i FILE, or redirect standard input")
        }
        let template = try Content.fileOrStandardInput(
            input ?? "-", isTaken: options.passphrase.isStandardInput, atMost: InjectCommand.maxSize)
        let references = template.withBytes { Template.references(in: $0) }
        let current = try CurrentContext(options.context, for: .all)
        let vault = try options.openForReading()
        let result = try vault.inOneState(options) { () throws(Failure) in
            try filled(template, references, from: vault, in: current)
        }
        try result.withBytes { result throws(Failure) in try Output.write(result, to: output) }
    }

    /// Returns the template with the effective values in it.
    private func filled(
        _ template: borrowing SecretBuffer, _ references: [Template.Reference], from vault: any Session,
        in current: CurrentContext
    ) throws(Failure) -> SecretBuffer {
        let check = try options.check(current, in: vault)
        try check.requireKept(hint: current.missingHint)
        try refuseMissing(references, check)

        try options.noteExpired(among: references.compactMap { check[$0.name] }, in: vault)
        var result = try allocating(SecretBuffer(capacity: template.count + 4096))
        var end = 0
        for reference in references {
            guard let delivery = check.delivery(of: reference.name) else { continue }
            try vault.withValues(of: [delivery]) { _, value throws(Failure) in
                try inWords { () throws(SodiumError) in
                    try template.withBytes { template throws(SodiumError) in
                        try result.append(template.extracting(end..<reference.place.lowerBound))
                    }
                    try result.append(value)
                }
            }
            end = reference.place.upperBound
        }
        try inWords { () throws(SodiumError) in
            try template.withBytes { template throws(SodiumError) in
                try result.append(template.extracting(end..<template.count))
            }
        }
        return result
    }

    private func refuseMissing(
        _ references: [Template.Reference], _ check: ContractCheck
    ) throws(Failure) {
        var missing: [String] = []
        for reference in references where check.delivery(of: reference.name) == nil {
            let name = reference.name.isEmpty ? "no valid name" : "'\(reference.name)'"
            let description = "\(name) (line \(reference.line))"
            if !missing.contains(description) { missing.append(description) }
        }
        if missing.isEmpty { return }
        throw Failure(
            .missing,
            "no such secret in \(check.searched): \(missing.joined(separator: ", ")); nothing was written",
            hint: "see 'vault list --all'")
    }
}
