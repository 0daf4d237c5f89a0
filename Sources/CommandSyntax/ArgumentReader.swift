/// Splits a command line into options with their values, and operands.
///
/// It compares bytes, not characters: a combining mark right after `=` belongs to the value.
struct ArgumentReader {
    enum Argument: Equatable {
        /// An option, by its index among the parameters.
        case option(Int, value: String?)
        case operand(String)
        case help
    }

    private let words: [String]
    private let parameters: [ParameterInfo]
    private let stopsAtFirstOperand: Bool
    private var optionsHaveEnded = false
    /// The unread letters of a word of short options, such as the `qo` of `-fqo`.
    private var letters = Substring().utf8

    /// The index of the next word.
    private(set) var position = 0

    init(_ words: [String], parameters: [ParameterInfo], stopsAtFirstOperand: Bool) {
        (self.words, self.parameters) = (words, parameters)
        self.stopsAtFirstOperand = stopsAtFirstOperand
    }

    /// True if a later word asks for help, which takes precedence over any error.
    var helpFollows: Bool {
        for word in words[position...] {
            if Self.helpSpellings.contains(word) { return true }
            if word == "--" || stopsAtFirstOperand && !Self.isOption(word) { return false }
        }
        return false
    }

    /// Reads the next option or operand; nil at the end.
    mutating func next() throws(UsageError) -> Argument? {
        do throws(UsageError) {
            return try letters.isEmpty ? readWord() : readShortOption()
        } catch {
            if helpFollows { return .help }
            throw error
        }
    }

    /// Splits `--name=value`; the value is nil if there is no equals sign.
    static func split(_ word: String) -> (name: String, value: String?) {
        guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (word, nil) }
        return (String(word[..<equals]), String(Substring(word.utf8[equals...].dropFirst())))
    }

    private static let helpSpellings = ["--help", "-h"]

    /// A single dash is an operand: it means standard input or output.
    private static func isOption(_ word: String) -> Bool {
        word.utf8.count > 1 && word.utf8.first == UInt8(ascii: "-")
    }

    private mutating func readWord() throws(UsageError) -> Argument? {
        guard position < words.count else { return nil }
        let word = words[position]
        position += 1
        if optionsHaveEnded { return .operand(word) }
        if word == "--" {
            optionsHaveEnded = true
            return try readWord()
        }
        guard Self.isOption(word) else {
            optionsHaveEnded = stopsAtFirstOperand
            return .operand(word)
        }
        if Self.helpSpellings.contains(word) { return .help }
        if word.utf8.starts(with: "--".utf8) { return try longOption(word) }
        letters = word.utf8.dropFirst()
        return try readShortOption()
    }

    private mutating func longOption(_ word: String) throws(UsageError) -> Argument {
        let (name, attached) = Self.split(word)
        if name == "--help" { throw .takesNoValue(name) }
        guard let index = parameters.firstIndex(where: { $0.long == name }) else {
            throw .unknown("option", name, among: longNames)
        }
        return .option(index, value: try value(attached, of: parameters[index]))
    }

    private mutating func readShortOption() throws(UsageError) -> Argument {
        let spelling = "-" + (String(letters.prefix(1)) ?? "")
        letters = letters.dropFirst()
        if spelling == "-h" { return .help }
        guard let index = parameters.firstIndex(where: { $0.short == spelling }) else {
            throw unknownShortOption(spelling)
        }
        let hasEquals = letters.first == UInt8(ascii: "=")
        guard parameters[index].kind != .flag else {
            if hasEquals { throw .takesNoValue(parameters[index].name) }
            return .option(index, value: nil)
        }
        let attached = letters.isEmpty ? nil : String(Substring(letters.dropFirst(hasEquals ? 1 : 0)))
        letters = Substring().utf8
        return .option(index, value: try value(attached, of: parameters[index]))
    }

    /// Returns the value of an option: the attached one or, if the option requires a value, the next word.
    private mutating func value(
        _ attached: String?, of parameter: ParameterInfo
    ) throws(UsageError) -> String? {
        switch parameter.kind {
        case .flag:
            if attached != nil { throw .takesNoValue(parameter.name) }
            return nil
        case .optionalValue, .operand:
            return attached
        case .option:
            if let attached { return attached }
            guard position < words.count else {
                throw UsageError("option '\(parameter.name)' needs a value", kind: .incomplete)
            }
            position += 1
            return words[position - 1]
        }
    }

    /// Suggests the long option if it was typed with one dash.
    private func unknownShortOption(_ spelling: String) -> UsageError {
        let long = "-" + Self.split(words[position - 1]).name
        guard longNames.contains(long) else { return .unknown("option", spelling, among: []) }
        return UsageError("unknown option '\(spelling)'", hint: "did you mean '\(long)'?")
    }

    private var longNames: [String] { parameters.compactMap(\.long) + ["--help"] }
}

extension UsageError {
    fileprivate static func takesNoValue(_ name: String) -> UsageError {
        UsageError("option '\(name)' takes no value")
    }
}
