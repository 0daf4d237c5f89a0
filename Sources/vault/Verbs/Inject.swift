internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultKit
internal import UserMessages

/// The verb `vault inject`.
struct Inject: Command {
    var input: String?
    var output: String?
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "inject", summary: "Fill secrets into a template",
        discussion: """
            Each '{{ secret:NAME }}' is replaced by the effective value of NAME, byte for byte; blanks within the braces may be left \
            out. Everything else stays as it is, other braces too, and so does what looks like a reference in a value. If a \
            name is missing, nothing is written.

              echo 'password={{ secret:DB_PASSWORD }}' | vault inject --project web
              vault inject -i app.conf.in -o app.conf
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "-i --input", "FILE", "The template; standard input if not said", &input, completing: .file)
        parameters.option(
            "-o --output", "FILE", "Write to this file, mode 0600, in place of an existing one", &output,
            completing: .file)
        options.declare(&parameters)
    }

    /// The longest template, in bytes.
    private static let maxBytes = 64 << 20

    func run() throws(Failure) {
        if let output { try Failure.refuseEmpty(output, "FILE") }
        if input == nil, InheritedDescriptor.standardInput.isTerminal {
            throw Failure(.usage, "there is no template", hint: "add -i FILE, or redirect standard input")
        }
        let template = try Content.fileOrStandardInput(
            input ?? "-", options.passphrase, atMost: Inject.maxBytes)
        let references = template.withBytes { Template.references(in: $0) }
        let current = try CurrentContext(options.context, for: .all)
        let vault = try options.openForReading()
        let effective = try options.during { () throws(VaultError) in try vault.effective(in: current.context)
        }
        try current.checkRequired(effective)
        let secrets = Dictionary(uniqueKeysWithValues: effective.map { ($0.name, $0) })
        try refuseMissing(references, secrets, current)

        var result = try inWords { () throws(SodiumError) in
            try SecretBuffer(capacity: template.count + 4096)
        }
        var end = 0
        for reference in references {
            guard let secret = secrets[reference.name] else { continue }
            let value = try options.during { () throws(VaultError) in
                try vault.value(of: secret, version: 0)
            }
            try template.withBytes { template throws(Failure) in
                try value.withBytes { value throws(Failure) in
                    try inWords { () throws(SodiumError) in
                        try result.append(template.extracting(end..<reference.place.lowerBound))
                        try result.append(value)
                    }
                }
            }
            end = reference.place.upperBound
        }
        try template.withBytes { template throws(Failure) in
            try inWords { () throws(SodiumError) in
                try result.append(template.extracting(end..<template.count))
            }
        }
        try result.withBytes { result throws(Failure) in try Output.write(result, to: output) }
    }

    private func refuseMissing(
        _ references: [Template.Reference], _ secrets: [String: SecretID], _ current: CurrentContext
    ) throws(Failure) {
        var words: [String] = []
        for reference in references where secrets[reference.name] == nil {
            let name = reference.name.isEmpty ? "no valid name" : "'\(reference.name)'"
            let word = "\(name) (line \(reference.line))"
            if !words.contains(word) { words.append(word) }
        }
        if words.isEmpty { return }
        throw Failure(
            .missing,
            "no such secret in \(current.searched): \(words.joined(separator: ", ")); nothing was written",
            hint: "see 'vault list --all'")
    }
}
