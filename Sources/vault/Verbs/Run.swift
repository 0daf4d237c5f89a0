internal import CommandSyntax
internal import Platform
internal import VaultKit

/// The verb `vault run`.
struct Run: Command {
    var words: [String] = []
    var filter = NameFilter()
    var pristine = false
    var noAll = false
    var variables: [String] = []
    var allowedNames: [String] = []
    var options = VaultOptions()

    static let syntax = Syntax(
        Run(), name: "run", aliases: ["exec"], usage: "[--] CMD [ARG…]",
        summary: "Run a program with the secrets in its environment",
        discussion: """
            vault replaces itself by CMD, so the terminal, the signals and the exit code are CMD's own. Options end \
            at the first operand.

            The environment, where later beats earlier: the inherited one; every effective secret whose name is a valid \
            variable name; --env. In the inherited variables and in --env, a whole value 'secret:NAME' becomes the \
            effective value of NAME; 'secret::TEXT' becomes 'secret:TEXT'. If a reference cannot be resolved, nothing is \
            started. Variables that hold a passphrase, or say where \
            one is (VAULT_…PASSPHRASE…), are never handed on, wherever they come from.

            Names that change how programs load code (LD_*, PATH, BASH_ENV, …) need --allow-name.

              vault run -- npm start
              vault run --project web --no-all --env TOKEN=secret:API_TOKEN -- ./deploy

            The exit code is 126 if CMD cannot be executed, 127 if it is not found, 125 for other failures of vault \
            itself; else it is CMD's own.
            """,
        stopsAtFirstOperand: true,
        parameters: [
            .operands("CMD", "The program and its arguments", \.words, atLeast: 1, completing: .command),
            .shared(NameFilter.parameters, \.filter),
            .flag(
                "--pristine", "Of the inherited variables keep PATH, HOME, USER, TERM, LANG and TMPDIR alone",
                \.pristine),
            .flag("--no-all", "Hand on no secrets but those that are referred to", \.noAll),
            .repeatable("--env", "K=V", "Set a variable", \.variables),
            .repeatable(
                "--allow-name", "K", "Let a secret set this variable, whatever it does", \.allowedNames),
            .options(VaultOptions.parameters, \.options),
        ])

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
        let current = try CurrentContext(options.context)
        let vault = try options.openForReading()
        let effective = try options.during { () throws(VaultError) in try vault.effective(in: current.context)
        }
        try current.checkRequired(effective)
        var environment = try ChildEnvironment(vault: vault, effective: effective, searched: current.searched)
        try environment.inherit(pristine: pristine)
        if !noAll { try environment.add(effective.filter(filter.wants), allowing: allowedNames) }
        for variable in variables { try environment.assign(variable) }
        try environment.checkFits()

        let first = CurrentProcess.arguments().words.count - words.count
        let error = environment.become(argumentsFrom: first)
        switch error {
        case .noSuchFile, .notFolder: throw Failure(.notFound, "\(words[0]): not found")
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

    private static func isAssignment(_ text: String) -> Bool {
        guard let equals = text.firstIndex(of: "=") else { return false }
        return Secret.isVariableName(text[..<equals])
    }
}
