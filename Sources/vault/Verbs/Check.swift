internal import CommandSyntax
internal import VaultFile
internal import VaultKit

/// The verb `vault check`.
struct Check: Command {
    var options = VaultOptions()

    static let syntax = Syntax(
        Check(), name: "check", summary: "Verify every byte of the file",
        discussion: """
            Every open verifies each frame; this also looks at the header's copy, at what lies between, and at bytes that a killed \
            writer left at the end. The exit code is 0 if all is well, 10 with one line for each finding, 8 if the \
            vault cannot be opened. Nothing is changed.
            """,
        parameters: [.options(VaultOptions.parameters, \.options)])

    func run() throws(Failure) {
        let vault = try options.open(.reading)
        let findings = try options.during { () throws(VaultError) in try vault.check() }
        let summary = try options.during { () throws(VaultError) in try vault.summary() }
        for finding in findings { try Output.write(Check.words(finding) + "\n") }
        guard findings.isEmpty else {
            throw Failure(
                .checkFound, "check found \(findings.count == 1 ? "1 problem" : "\(findings.count) problems")"
            )
        }
        if !options.common.quiet {
            try Output.write(
                "ok: \(summary.secrets) secrets, \(summary.versions) versions, \(summary.committedBytes) bytes\n"
            )
        }
    }

    private static func words(_ finding: Log.Finding) -> String {
        switch finding {
        case .headerCopyDiffers(let offset):
            "byte \(offset): the header's copy is damaged; a compaction would write a new one"
        case .gapNotZero(let offset):
            "byte \(offset): the space behind the header is damaged; it holds nothing"
        case .unfinishedTail(let tail):
            "byte \(tail.offset): \(tail.count) bytes belong to no complete change; the next write moves them aside"
        }
    }
}
