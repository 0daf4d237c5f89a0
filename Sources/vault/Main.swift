internal import CommandSyntax
internal import Platform
internal import VaultAgent

/// From the words of the command line to an exit code.
@main
enum Main {
    static func main() {
        CurrentProcess.harden()
        CurrentProcess.fillStandardDescriptors()
        let arguments = CurrentProcess.arguments()
        if CurrentProcess.programName == AgentProtocol.processName {
            guard arguments.count == 1, let folder = arguments[0] else { CurrentProcess.exit(2) }
            CurrentProcess.exit(AgentProcess.run(in: folder))
        }
        do throws(Failure) {
            try run(arguments)
        } catch {
            error.report(asJSON: wantsJSON(arguments))
            CurrentProcess.exit(error.code.rawValue)
        }
    }

    private static func run(_ arguments: [String?]) throws(Failure) {
        if arguments.isEmpty {
            throw Failure(.usage, "missing command", hint: "see 'vault help'")
        }
        // Asked for in every shell's prompt and script: not even the table is made for it.
        if arguments == ["--version"] { return try Output.write("vault \(CommandTable.version)\n") }
        let invocation: Invocation<any Command>
        do throws(UsageError) {
            invocation = try CommandTable.program.resolve(arguments.map { $0 ?? "\u{FFFD}" })
        } catch {
            throw Failure(.usage, error.message, hint: error.hint)
        }
        switch invocation {
        case .help(let text): try Output.write(text)
        case .version: try Output.write("vault \(CommandTable.version)\n")
        case .command(let command):
            // Only the words that `run` hands on may be anything; all others are names, paths and numbers.
            let checked = arguments.dropLast(command.verbatimArguments)
            if let index = checked.firstIndex(of: nil) {
                throw Failure(.usage, "argument \(index + 1) is not UTF-8 text")
            }
            try command.run()
        }
    }

    /// Whether an error is wanted as JSON, even one about the command line itself.
    private static func wantsJSON(_ arguments: [String?]) -> Bool {
        arguments.prefix { $0 != "--" }.contains("--json")
    }
}

/// A verb with its options, ready to be done.
protocol Command: Sendable {
    /// Does it, all of it.
    func run() throws(Failure)

    /// How many words at the end of the command line it hands on without reading them.
    var verbatimArguments: Int { get }
}

extension Command {
    var verbatimArguments: Int { 0 }
}
