internal import Platform
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// Evaluates a call, and reports its error as one about the file at `path`.
func reportingErrors<R: ~Copyable>(
    about path: String, _ call: @autoclosure () throws(VaultError) -> R
) throws(Failure) -> R {
    try converting(call) { Failure($0, path: path) }
}

extension VaultError {
    /// Indicates whether the error is about the file that was to be written, not the one that was read.
    var isAboutTarget: Bool {
        switch self {
        case .notABackup, .newerBackup, .sameFile, .file(.alreadyExists), .file(.io(.rewrite, _)),
            .file(.io(.rename, _)), .file(.io(.create, _)), .file(.rewriteDiffers), .file(.outcomeUnknown):
            true
        default: false
        }
    }
}

extension FileOptions {
    /// Prints `summary`, unless quiet, or fails with the findings of a check.
    ///
    /// - Parameter fields: what JSON says beside the findings; nil prints text.
    func report(
        _ findings: [Log.Finding], orElse summary: String, asJSON fields: [(String, JSON)]?
    ) throws(Failure) {
        if let fields {
            let list = JSON.array(findings.map { .object($0.fields) })
            try Output.write(
                JSON.document([("ok", .bool(findings.isEmpty))] + fields + [("findings", list)]))
        } else if findings.isEmpty, !common.quiet {
            try Output.write(summary)
        }
        if !findings.isEmpty { throw try Failure.found(findings, isPrinted: fields != nil) }
    }
}
