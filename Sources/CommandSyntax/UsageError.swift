/// A mistake on the command line, in words for the person who typed it.
///
/// Neither text repeats the value of an option or an operand, so that a secret in the wrong place does not end up in a log.
public struct UsageError: Error, Equatable, Sendable {
    /// The mistake, in lower case and without a full stop.
    public var message: String
    /// The remedy, if there is one.
    public var hint: String?
    /// The kind of mistake, by which a command can give a better hint.
    public var kind: Kind

    /// The kinds of mistakes that a command can explain.
    public enum Kind: Equatable, Sendable {
        /// There are more operands than the command takes.
        case tooManyOperands
        /// An operand is none of the words that it can be.
        case noChoice
        /// An operand, or the value of an option, is missing.
        case incomplete
        /// Anything else.
        case other
    }

    /// Creates an error.
    public init(_ message: String, hint: String? = nil, kind: Kind = .other) {
        self.message = message
        self.hint = hint
        self.kind = kind
    }

    /// An unknown word of some kind; the hint suggests the closest known one.
    static func unknown(_ kind: String, _ word: String, among known: [String]) -> UsageError {
        let quoted = isPlain(word) ? "unknown \(kind) '\(word)'" : "unknown \(kind)"
        let hint = Suggestion.nearest(to: word, among: known).map { "did you mean '\($0)'?" }
        return UsageError(quoted, hint: hint)
    }

    /// Returns the same error with a pointer to the help if it has no hint.
    func pointing(to help: String) -> UsageError {
        UsageError(message, hint: hint ?? "see '\(help)'", kind: kind)
    }

    /// Returns whether a word can be shown.
    ///
    /// A longer one, or one with other characters, is not a misspelt name; it may be a secret or control the terminal.
    private static func isPlain(_ word: String) -> Bool {
        let body = word.utf8.drop { $0 == UInt8(ascii: "-") }
        return (1...40).contains(body.count)
            && body.allSatisfy { byte in
                let character = Character(Unicode.Scalar(byte))
                return "-_".contains(character)
                    || character.isASCII && (character.isLetter || character.isNumber)
            }
    }
}
