/// What is wrong with a command line, in words for the person who typed it.
///
/// Neither text repeats an option's value or a command's operand: somebody who gets the order of words wrong
/// would find a secret in a log.
public struct UsageError: Error, Equatable, Sendable {
    /// What is wrong: lower case, no full stop.
    public var message: String
    /// What can be done about it.
    public var hint: String?

    /// An error with its message, and a hint where there is something to do.
    public init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    /// An unknown word of some kind, with the nearest of those that are known.
    static func unknown(_ kind: String, _ word: String, among known: [String]) -> UsageError {
        let quoted = isPlain(word) ? "unknown \(kind) '\(word)'" : "unknown \(kind)"
        let hint = Suggestion.nearest(to: word, among: known).map { "did you mean '\($0)'?" }
        return UsageError(quoted, hint: hint)
    }

    /// The same error, with a pointer to the help where there is no better hint.
    func pointing(to help: String) -> UsageError {
        UsageError(message, hint: hint ?? "see '\(help)'")
    }

    /// Whether a word can be shown: what is long or has other characters is no misspelt name, and might be a
    /// secret or a sequence that changes the terminal.
    private static func isPlain(_ word: String) -> Bool {
        let body = word.utf8.drop { $0 == UInt8(ascii: "-") }
        return (1...40).contains(body.count)
            && body.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
