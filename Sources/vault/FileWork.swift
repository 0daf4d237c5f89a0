internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import Sodium
internal import VaultAgent
internal import VaultFile
internal import VaultCore
internal import UserMessages

/// The options of verbs that work on whole files.
struct FileOptions: Sendable {
    var common = CommonOptions()
    var passphrase = PassphraseOptions()

    mutating func declare(_ parameters: inout Parameters) {
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    /// Returns a runner with the key of the vault at `path`: the agent if it has the key and no passphrase is given, else this process.
    func worker(for path: String) throws(Failure) -> any JobRunner {
        if !passphrase.isGiven, let worker = try AgentAccess.worker(for: path) { return worker }
        if try AutoUnlock.run(common, passphrase), let worker = try AgentAccess.worker(for: path) {
            return worker
        }
        return try localRunner(for: path, passphrase)
    }

    /// Calls `body` with a runner that has the key of `file`, which may differ from the vault's key.
    ///
    /// - Parameters:
    ///   - other: the source of the file's passphrase if it is not the vault's.
    ///   - isDamaged: whether to tolerate a damaged header.
    func withKey<R>(
        of file: String, _ other: PassphraseOptions = PassphraseOptions(.other), isDamaged: Bool = false,
        _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> Result<R, VaultError> {
        if !passphrase.isGiven, !other.isGiven, let result = try withAgentsKey(of: file, body) {
            guard case .failure(.file(.keysChanged)) = result else { return result }
        }
        let runner = try localRunner(for: file, other.isGiven ? other : passphrase, isDamaged: isDamaged)
        return Result { () throws(VaultError) in try body(runner) }
    }

    /// Calls `body` with the agent, if it has `file` or the vault unlocked.
    ///
    /// - Returns: the outcome, which is `VaultFileError.keysChanged` if neither has the file's key; nil if both are locked.
    func withAgentsKey<R>(
        of file: String, _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> Result<R, VaultError>? {
        var result: Result<R, VaultError>?
        for path in [file, try? common.path()].compactMap(\.self) {
            guard let worker = try AgentAccess.worker(for: path) else { continue }
            do throws(VaultError) {
                return .success(try body(worker))
            } catch .file(.keysChanged) {
                result = .failure(.file(.keysChanged))
            } catch .locked {
                continue
            } catch {
                return .failure(error)
            }
        }
        return result
    }

    private func localRunner(
        for path: String, _ source: PassphraseOptions, isDamaged: Bool = false
    ) throws(Failure) -> LocalJobRunner {
        // An unusable file is reported before any prompt.
        if !isDamaged { _ = try FileOptions.header(of: path, isOperand: path != (try? common.path())) }
        return try Passphrase.unlock(path, source) { passphrase throws(Failure) in
            try LocalJobRunner.of(path, passphrase, isDamaged: isDamaged)
        }.result
    }

    /// Reads the header of the file at `path`.
    ///
    /// - Parameter isOperand: whether the file is an operand, so that no hint about the vault applies if it is missing.
    static func header(of path: String, isOperand: Bool = false) throws(Failure) -> Header {
        do throws(VaultFileError) {
            return try Log.readHeader(path: path, dependencies: Dependencies())
        } catch .noFile where isOperand {
            throw Failure(.noVault, "no vault at \(path)")
        } catch {
            throw Failure(error, path: path)
        }
    }

    /// Calls `body` with a handler that shows the progress of long work on the terminal.
    func showingProgress<R, E>(_ doing: String, _ body: (ProgressHandler) throws(E) -> R) throws(E) -> R {
        let line = ProgressLine(doing, isShown: !common.quiet)
        defer { line.clear() }
        return try body(line.progress)
    }
}

extension JobRunner {
    /// Prints the notices about the vault at `path`, and a warning if no checkpoint can be saved for it.
    ///
    /// - Parameter merged: the path of a copy that was merged into the vault, about which no notice is needed.
    func showNotices(of path: String, merged: String? = nil) {
        Notice.ofMemory(of: path)?.show()
        for notice in takeNotices() {
            if case .newerElsewhere(let path, _) = notice, path == merged { continue }
            notice.show()
        }
    }
}

extension Failure {
    /// Prints the findings of a full check on standard output, a line each, and returns the failure to throw.
    ///
    /// - Parameter isPrinted: true if they are printed already.
    static func found(_ findings: [Log.Finding], isPrinted: Bool = false) throws(Failure) -> Failure {
        if !isPrinted {
            for finding in findings { try Output.write("byte \(finding.offset): \(finding.words)\n") }
        }
        return Failure(.checkFound, "check found \(Words.count(UInt64(findings.count), "problem"))")
    }
}
