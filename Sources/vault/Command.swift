internal import CommandSyntax
internal import UserMessages

/// A verb with its options, ready to be done.
protocol Command: ParsedCommand {
    /// Does it, all of it.
    func run() throws(Failure)

    /// How many words at the end of the command line it hands on without reading them.
    var verbatimArguments: Int { get }
}

extension Command {
    var verbatimArguments: Int { 0 }
}
