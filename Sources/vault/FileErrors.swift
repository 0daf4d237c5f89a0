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
    func report(_ findings: [Log.Finding], orElse summary: String) throws(Failure) {
        guard findings.isEmpty else { throw try Failure.found(findings) }
        if !common.quiet { try Output.write(summary) }
    }
}
