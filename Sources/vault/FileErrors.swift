internal import VaultFile
internal import VaultCore
internal import UserMessages

/// Evaluates `body`, reporting its errors as errors about the file at `path`.
func reportingErrors<R: ~Copyable>(
    about path: String, _ body: @autoclosure () throws(VaultError) -> R
) throws(Failure) -> R {
    do throws(VaultError) {
        return try body()
    } catch {
        throw Failure(error, path: path)
    }
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
