package import VaultCore

extension Failure {
    /// A syntax error in a file, in words.
    package init(
        _ error: UnreadableText, in file: String, isJSON: Bool = false,
        _ consequence: String = "nothing was imported"
    ) {
        let place = "\(file == "-" ? "standard input" : file): line \(error.line): "
        let hint: Hint? =
            switch error.reason {
            case .expands: "put the value in single quotes if it is meant literally"
            case .disagreement: "choose with --dialect posix, python, node, direnv or systemd"
            case .malformed where !isJSON:
                "see 'vault help import'; --dialect chooses how the file is read"
            default: nil
            }
        self.init(.other, place + Failure.words(error.reason, isJSON) + "; " + consequence, hint: hint)
    }

    private static func words(_ reason: UnreadableText.Reason, _ isJSON: Bool) -> String {
        switch reason {
        case .malformed: isJSON ? "not a JSON object of names and values" : "not a valid assignment"
        case .expands: "the value depends on other variables or on a command"
        case .disagreement: "programs that read such files disagree about it"
        case .invalidName: "the name is not a valid secret name"
        case .valueTooLong: "the value has more than 1,048,576 bytes (1 MiB)"
        case .notText: "not UTF-8 text"
        case .notAString: "the value is not a string"
        case .repeatedName: "the name occurs twice"
        case .outOfMemory: "not enough memory"
        }
    }
}
