internal import CommandSyntax
internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultAgent
internal import VaultFile
internal import VaultKit
internal import UserMessages

/// Where the passphrase of another file comes from if it is not the vault's.
struct OtherPassphraseOptions: Sendable {
    var descriptor: Int?
    var file: String?
    var command: String?

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--other-passphrase-fd", "N", "Read the other file's passphrase from this file descriptor",
            &descriptor, as: .number(in: 0...65535))
        parameters.option(
            "--other-passphrase-file", "FILE", "Read the other file's passphrase from this file", &file,
            completing: .file)
        parameters.option(
            "--other-passphrase-command", "CMD",
            "Take what this shell command prints as the other file's passphrase", &command,
            completing: .command)
    }

    /// What to do if the other file has another passphrase.
    static let hint: Hint =
        "give --other-passphrase-file, --other-passphrase-command or --other-passphrase-fd"

    var asPassphrase: PassphraseOptions? {
        if descriptor == nil, file == nil, command == nil { return nil }
        return PassphraseOptions(descriptor: descriptor, file: file, command: command)
    }
}

/// What verbs that work on whole files take.
struct FileOptions: Sendable {
    var common = CommonOptions()
    var passphrase = PassphraseOptions()

    mutating func declare(_ parameters: inout Parameters) {
        parameters.group("Passphrase") { passphrase.declare(&$0) }
        parameters.group("Common options") { common.declare(&$0) }
    }

    /// Somebody with the key of the vault at `path`: the agent, if it has it and no passphrase is named; else this process.
    func worker(for path: String) throws(Failure) -> any JobRunner {
        if !passphrase.isGiven, let worker = try AgentAccess.worker(for: path) { return worker }
        return try keyHolder(of: path, passphrase)
    }

    /// Calls `body` with somebody who has the key of the file at `file`, which need not be the vault's own.
    ///
    /// - Parameters:
    ///   - other: where the file's passphrase is if it is not the vault's.
    ///   - isDamaged: whether to make the best of a damaged header.
    func withKey<R>(
        of file: String, _ other: OtherPassphraseOptions = OtherPassphraseOptions(), isDamaged: Bool = false,
        _ body: (any JobRunner) throws(VaultError) -> R
    ) throws(Failure) -> Result<R, VaultError> {
        if !passphrase.isGiven, other.asPassphrase == nil, let result = try withAgentsKey(of: file, body) {
            guard case .failure(.file(.keysChanged)) = result else { return result }
        }
        let holder = try keyHolder(of: file, other.asPassphrase ?? passphrase, isDamaged: isDamaged)
        do throws(VaultError) {
            return .success(try body(holder))
        } catch {
            return .failure(error)
        }
    }

    /// Calls `body` with an agent that has the file at `file`, or the vault, unlocked.
    ///
    /// - Returns: what came of it, `VaultFileError.keysChanged` if neither has the file's key; nil if both are locked.
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

    private func keyHolder(
        of path: String, _ source: PassphraseOptions, isDamaged: Bool = false
    ) throws(Failure) -> LocalJobRunner {
        // What is wrong with the file is said before anybody is asked for anything.
        if !isDamaged { _ = try FileOptions.header(of: path, isOperand: path != (try? common.path())) }
        return try Passphrase.unlock(path, source) { passphrase throws(Failure) in
            try LocalJobRunner.of(path, passphrase, isDamaged: isDamaged)
        }.result
    }

    /// The header of the file at `path`.
    ///
    /// - Parameter isOperand: whether it is another file than the vault, and should be there.
    static func header(of path: String, isOperand: Bool = false) throws(Failure) -> Header {
        do throws(VaultFileError) {
            return try Log.readHeader(path: path, dependencies: Dependencies())
        } catch .noFile where isOperand {
            throw Failure(.noVault, "no vault at \(path)")
        } catch {
            throw Failure(error, path: path)
        }
    }

    /// Calls `body` with somebody who tells a person at a terminal how far long work is.
    func showingProgress<R, E>(_ doing: String, _ body: (ProgressHandler) throws(E) -> R) throws(E) -> R {
        let line = ProgressLine(doing, isShown: !common.quiet)
        defer { line.clear() }
        return try body(line.progress)
    }
}

/// A line on a terminal's standard error that says how far long work is, once it takes more than a second.
final class ProgressLine: Sendable {
    private let doing: String
    private let isShown: Bool
    private let start = SystemClock.monotonicNanoseconds()
    private let shown = Mutex<UInt64?>(nil)

    init(_ doing: String, isShown: Bool) {
        self.doing = doing
        self.isShown = isShown && InheritedDescriptor.standardError.isTerminal
    }

    /// Takes the line away again.
    func clear() {
        if shown.withLock({ $0 }) != nil { print("\r\u{1B}[K") }
    }

    /// What the work reports to.
    var progress: ProgressHandler {
        ProgressHandler { [self] done, total in
            show(total == 0 ? 0 : 100 * done / total)
            return true
        }
    }

    private func show(_ percent: UInt64) {
        guard isShown, SystemClock.monotonicNanoseconds() - start > 1_000_000_000 else { return }
        let isNews = shown.withLock { shown in
            defer { shown = percent }
            return shown != percent
        }
        if isNews { print("\r\u{1B}[Kvault: \(doing), \(min(percent, 100)) %") }
    }

    private func print(_ text: String) {
        try? InheritedDescriptor.standardError.writeAll(Array(text.utf8).span)
    }
}

extension JobRunner {
    /// Says what it noticed of the vault at `path`, and whether anything can be remembered of that.
    ///
    /// - Parameter merged: the path of a copy whose changes the vault has now.
    func showNotices(of path: String, merged: String? = nil) {
        Notice.ofMemory(of: path)?.show()
        for notice in takeNotices() {
            if case .newerElsewhere(let path, _) = notice, path == merged { continue }
            notice.show()
        }
    }
}

extension Verification {
    /// One line that says what was found sound.
    var summary: String {
        "ok: \(Words.count(secrets, "secret")), \(Words.count(versions, "version")), \(point.end) bytes\n"
    }

    /// What a person tells vaults and their states apart by.
    var description: String {
        let last = newest == 0 ? "" : ", last changed \(UTCTimestamp.format(newest))"
        return "vault \(point.vaultID.shortText), generation \(point.generation), \(content)\(last)"
    }

    /// Says that the file at `path` has something still that was purged elsewhere.
    func warnOfHidden(in path: String) {
        if hidden == 0 { return }
        Output.warn("\(path) has \(Words.count(hidden, "purged version")) still, which are in no history")
        Output.hint("'vault compact --keep all' removes them from the file")
    }

    /// How much the file holds.
    var content: String { "\(Words.count(secrets, "secret")) in \(Words.count(versions, "version"))" }
}

extension Failure {
    /// A full check that found something, each finding on a line of standard output.
    static func found(_ findings: [Log.Finding]) throws(Failure) -> Failure {
        for finding in findings { try Output.write(words(finding) + "\n") }
        return Failure(.checkFound, "check found \(Words.count(UInt64(findings.count), "problem"))")
    }

    private static func words(_ finding: Log.Finding) -> String {
        switch finding {
        case .headerCopyDiffers(let offset):
            "byte \(offset): the header's copy is damaged; 'vault help salvage' says how to write a sound one"
        case .gapNotZero(let offset):
            "byte \(offset): the space behind the header is damaged; it holds nothing, and salvage leaves it out"
        case .noFrames(let offset, let count):
            "byte \(offset): \(count) bytes hold no whole frame: damaged, or an unfinished write"
        case .unfinishedTail(let tail):
            "byte \(tail.offset): \(tail.count) bytes belong to no complete change; the next write moves them aside"
        }
    }

    /// Makes sure that an operand that shall name a file names one.
    static func refuseEmpty(_ file: String, _ operand: String) throws(Failure) {
        if file.isEmpty { throw Failure(.usage, "operand \(operand) must be a file's name") }
    }
}
