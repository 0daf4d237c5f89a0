internal import CommandSyntax
internal import Diagnosis
internal import Settings
internal import UserMessages

/// The command `vault doctor`.
struct DoctorCommand: Command {
    var json = false
    var context = ContextOptions()
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "doctor", summary: "Check the installation and the files around the vault",
        discussion: """
            vault checks its configuration and the .vault.toml that applies, its directories, whether memory
            can be locked, the agent, the vault's header, what shows of damage and of an older file without
            the key, permissions and file system, the age of the last
            backup, copies and temporary files beside the vault, the git driver, and which program PATH leads
            to. Each finding comes with what to do about it. Nothing is asked, opened or changed.

            The exit code is 0 without a finding, else 10.

            With --json: {"schema":1,"ok":false,"findings":[{"check","urgent","message","remedy"},…]}.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--json", "Print JSON", &json)
        parameters.group("Context") { context.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path(tolerant: true)
        let diagnosis = Diagnosis(of: path, contextProblem: CurrentContext.known(context).problem)
        let results = diagnosis.run()
        let findings = results.flatMap(\.self)
        if json {
            let list = findings.map { finding in
                JSON.object([
                    ("check", .string(finding.check)), ("urgent", .bool(finding.isUrgent)),
                    ("message", .string(finding.message)), ("remedy", .optional(finding.remedy)),
                ])
            }
            try Output.write(JSON.document([("ok", .bool(findings.isEmpty)), ("findings", .array(list))]))
        } else if findings.isEmpty {
            if !common.quiet { try Output.write("ok: \(results.count) checks\n") }
        } else {
            for finding in findings {
                let mark = finding.isUrgent ? "urgent: " : ""
                try Output.write("\(mark)\(Output.visible(finding.message))\n")
                if let remedy = finding.remedy { try Output.write("    \(Output.visible(remedy))\n") }
            }
        }
        if !findings.isEmpty {
            let count = Words.count(UInt64(findings.count), "problem")
            throw Failure(.checkFound, "doctor found \(count)")
        }
    }
}
