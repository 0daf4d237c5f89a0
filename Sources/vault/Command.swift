internal import CommandSyntax
internal import UserMessages

/// A verb with its options and operands, ready to run.
protocol Command: ParsedCommand {
    /// Runs the command.
    func run() throws(Failure)

    /// How many words at the end of the command line are passed on to another program unread.
    var verbatimArguments: Int { get }
}

extension Command {
    var verbatimArguments: Int { 0 }
}
