internal import CommandSyntax
internal import Platform
internal import Sodium
internal import VaultKit
internal import UserMessages

/// The verb `vault run`.
struct Run: Command {
    var words: [String] = []
    var filter = NameFilter()
    var pristine = false
    var noAll = false
    var variables: [String] = []
    var variableFiles: [String] = []
    var memoryFiles: [String] = []
    var allowedNames: [String] = []
    var options = VaultOptions()

    static let info = CommandInfo(
        name: "run", aliases: ["exec"], usage: "[--] CMD [ARG…]",
        summary: "Run a program with the secrets in its environment",
        discussion: """
            vault replaces itself by CMD, so the terminal, the signals and the exit code are CMD's own. Options end \
            at the first operand.

            The environment, where later beats earlier: the inherited one; every effective secret whose name is a valid \
            variable name; --env-file; --env. In the inherited variables, in --env-file and in --env, a whole value 'secret:NAME' \
            becomes the effective value of NAME; 'secret::TEXT' becomes 'secret:TEXT'. --file sets a variable to the path of a file \
            that lies in memory alone and has the value, of any length. All that stands in the way is told at once, and nothing \
            is started. Variables that hold a passphrase, or say where \
            one is (VAULT_…PASSPHRASE…), are never handed on, wherever they come from.

            Names that change how programs load code (LD_*, PATH, BASH_ENV, …) need --allow-name.

              vault run -- npm start
              vault run --file TLS_KEY_FILE=TLS_KEY -- nginx
              vault run --project web --no-all --env TOKEN=secret:API_TOKEN -- ./deploy

            The exit code is CMD's own, once it was started. Before that it is 126 if CMD cannot be executed, 127 if it is not found, 125 where \
            other commands end with 1, and else what 'vault help exit-codes' says.
            """,
        stopsAtFirstOperand: true)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.operands("CMD", "The program and its arguments", &words, atLeast: 1, completing: .command)
        filter.declare(&parameters)
        parameters.flag(
            "--pristine", "Of the inherited variables keep PATH, HOME, USER, TERM, LANG and TMPDIR alone",
            &pristine)
        parameters.flag("--no-all", "Hand on no secrets but those that are referred to", &noAll)
        parameters.repeatable("--env", "K=V", "Set a variable", &variables)
        parameters.repeatable(
            "--env-file", "FILE", "Set the variables of this file, read as import reads dotenv",
            &variableFiles, completing: .file)
        parameters.repeatable(
            "--file", "K=NAME", "Set a variable to the path of a memory file with the value of NAME",
            &memoryFiles)
        parameters.repeatable(
            "--allow-name", "K", "Let a secret set this variable, whatever it does", &allowedNames)
        options.declare(&parameters)
    }

    var verbatimArguments: Int { words.count }

    func run() throws(Failure) {
        do throws(Failure) {
            try start()
        } catch {
            var failure = error
            if failure.code == .other { failure.code = .runFailed }
            throw failure
        }
    }

    private func start() throws(Failure) {
        for variable in variables where !Run.isAssignment(variable) {
            throw Failure(.usage, "--env takes NAME=VALUE")
        }
        try checkMemoryFiles()
        let current = try CurrentContext(options.context, for: .all)
        let files = try readVariableFiles()
        let vault = try options.openForReading()
        let effective = try options.during { () throws(VaultError) in try vault.effective(in: current.context)
        }
        var environment = try ChildEnvironment(vault: vault, effective: effective, searched: current.searched)
        environment.noteMissing(current.missing(in: effective))
        try environment.inherit(pristine: pristine)
        if !noAll { try environment.add(effective.filter(filter.wants), allowing: allowedNames) }
        for file in files { try environment.assign(all: file.assignments) }
        for variable in variables { try environment.assign(variable) }
        for file in memoryFiles {
            let parts = file.split(separator: "=", maxSplits: 1).map(String.init)
            try environment.addFile(parts[0], of: parts[1])
        }
        try environment.checkReady()

        let first = CurrentProcess.arguments().words.count - words.count
        let error = try environment.become(argumentsFrom: first)
        switch error {
        case .noSuchFile, .notDirectory: throw Failure(.notFound, "\(words[0]): not found")
        case .tooLong:
            let names = environment.namesBySize
            let list = names.isEmpty ? "" : ", all together: " + names.joined(separator: ", ")
            throw Failure(
                .notExpressible, "the environment is too long for the system" + list,
                hint: "use --only or --except")
        // The word for the exit code stands in full: an error of the system has the same one.
        default: throw Failure(ExitCode.notExecutable, "\(words[0]): \(error)")
        }
    }

    /// Each sets a variable of its own.
    private func checkMemoryFiles() throws(Failure) {
        var taken = Swift.Set(variables.map { String($0.prefix { $0 != "=" }) })
        for file in memoryFiles {
            let parts = file.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            guard parts.count == 2, SecretID.isVariableName(parts[0]), SecretID.isValidName(parts[1]) else {
                throw Failure(.usage, "--file takes VARIABLE=NAME")
            }
            guard taken.insert(parts[0]).inserted else {
                throw Failure(.usage, "the variable \(parts[0]) is set twice")
            }
        }
    }

    /// The files of `--env-file`; a class each, since a list cannot hold what cannot be copied.
    private func readVariableFiles() throws(Failure) -> [VariableFile] {
        var files: [VariableFile] = []
        for path in variableFiles { files.append(try VariableFile(path, options.passphrase)) }
        return files
    }

    private static func isAssignment(_ text: String) -> Bool {
        guard let equals = text.firstIndex(of: "=") else { return false }
        return SecretID.isVariableName(text[..<equals])
    }
}

/// What `--env-file` named.
private final class VariableFile {
    let assignments: Assignments

    init(_ path: String, _ passphrase: PassphraseOptions) throws(Failure) {
        let text = try Content.fileOrStandardInput(path, passphrase, atMost: 64 << 20)
        do throws(UnreadableText) {
            assignments = try text.withBytes { text throws(UnreadableText) in
                try Assignments.read(text, as: .dotenv(nil))
            }
        } catch {
            throw Failure(error, in: path, "nothing was started")
        }
    }
}
