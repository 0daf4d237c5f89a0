internal import Clipboard
internal import CommandSyntax
internal import Platform
internal import Settings
internal import VaultAgent
internal import UserMessages

/// The entry point of `vault`, and of the agent and the clipboard's process, which are the same program under
/// other names.
@main
enum Main {
    static func main() {
        CurrentProcess.harden()
        CurrentProcess.fillStandardDescriptors()
        let arguments = CurrentProcess.arguments()
        if CurrentProcess.isNamed(AgentProtocol.processName) {
            // A second argument is only for the list of processes.
            guard (1...2).contains(arguments.words.count), arguments.firstMalformed == nil else {
                CurrentProcess.exit(2)
            }
            CurrentProcess.exit(AgentProcess.run(in: arguments.words[0]))
        }
        if CurrentProcess.isNamed(ClipboardProcess.name) {
            CurrentProcess.exit(ClipboardProcess.run(arguments.words))
        }
        Output.setColorChoice { Configuration.asFarAsKnown.color ?? .auto }
        // With --json, even a usage error is reported as JSON.
        var wantsJSON = asksForJSON(arguments.words[...])
        do throws(Failure) {
            try run(arguments, &wantsJSON)
        } catch {
            error.report(asJSON: wantsJSON)
            CurrentProcess.exit(error.code.rawValue)
        }
    }

    private static func run(_ arguments: CurrentProcess.Arguments, _ wantsJSON: inout Bool) throws(Failure) {
        let words = arguments.words
        if words.isEmpty {
            throw Failure(.usage, "missing command", hint: "see 'vault help'")
        }
        // Scripts and shell prompts ask for the version often, so it does not build the command table.
        if words[0] == "--version" || words[0] == "-V" {
            if words.count == 1 { return try Output.write("vault \(CommandTable.version)\n") }
            if words.count == 2, words[1] == "--json" { return try VersionCommand(json: true).run() }
        }
        let invocation: Invocation<any Command>
        do throws(UsageError) {
            invocation = try CommandTable.program.resolve(words)
        } catch {
            throw Failure(.usage, error.message, hint: error.hint.map { "\($0)" })
        }
        switch invocation {
        case .help(let text): try Output.write(text)
        case .version: try Output.write("vault \(CommandTable.version)\n")
        case .command(let command):
            // Only the words that `run` passes on may be arbitrary bytes.
            let own = words.dropLast(command.verbatimArguments)
            wantsJSON = asksForJSON(own)
            if has("--no-input", own) { Prompt.forbid() }
            if let index = arguments.firstMalformed, index < own.count {
                throw Failure(.usage, "argument \(index + 1) is not UTF-8 text")
            }
            try command.run()
        }
    }

    private static func asksForJSON(_ words: ArraySlice<String>) -> Bool { has("--json", words) }

    private static func has(_ option: String, _ words: ArraySlice<String>) -> Bool {
        words.prefix { $0 != "--" }.contains(option)
    }
}
