/// Splits a command line into options, their values and operands.
///
/// It compares bytes, not characters: a combining mark right after `=` belongs to the value.
struct ArgumentReader {
    enum Argument: Equatable {
        /// An option, by its place among the parameters.
        case option(Int, value: String?)
        case operand(String)
        case help
    }

    private let words: [String]
    private let parameters: [ParameterInfo]
    private let stopsAtFirstOperand: Bool
    private var optionsHaveEnded = false
    /// What is left of a word of short options, such as the `qo` of `-fqo`.
    private var cluster: Substring.UTF8View = Substring().utf8

    /// The place of the next word.
    private(set) var position = 0

    init(_ words: [String], parameters: [ParameterInfo], stopsAtFirstOperand: Bool) {
        self.words = words
        self.parameters = parameters
        self.stopsAtFirstOperand = stopsAtFirstOperand
    }

    /// Whether help is asked for further on, which then goes before any complaint.
    var helpFollows: Bool {
        for word in words[position...] {
            if Self.helpSpellings.contains(word) { return true }
            if word == "--" || stopsAtFirstOperand && !Self.isOption(word) { return false }
        }
        return false
    }

    /// The next option or operand, or nil at the end.
    mutating func next() throws(UsageError) -> Argument? {
        if !cluster.isEmpty { return try nextInCluster() }
        guard position < words.count else { return nil }
        let word = words[position]
        position += 1
        if optionsHaveEnded { return .operand(word) }
        if word == "--" {
            optionsHaveEnded = true
            return try next()
        }
        guard Self.isOption(word) else {
            optionsHaveEnded = stopsAtFirstOperand
            return .operand(word)
        }
        if Self.helpSpellings.contains(word) { return .help }
        if word.utf8.starts(with: "--".utf8) { return try longOption(word) }
        cluster = word.utf8.dropFirst()
        return try nextInCluster()
    }

    private static let helpSpellings = ["--help", "-h"]

    /// A dash alone is an operand: it means standard input or output.
    private static func isOption(_ word: String) -> Bool {
        word.utf8.count > 1 && word.utf8.first == UInt8(ascii: "-")
    }

    private mutating func longOption(_ word: String) throws(UsageError) -> Argument {
        let equals = word.utf8.firstIndex(of: UInt8(ascii: "="))
        let name = String(word[..<(equals ?? word.endIndex)])
        let value = equals.map { String(Substring(word.utf8[$0...].dropFirst())) }
        if name == "--help" { throw .takesNoValue(name) }
        guard let index = parameters.firstIndex(where: { $0.long == name }) else {
            throw .unknown("option", name, among: longNames)
        }
        return .option(index, value: try self.value(value, of: parameters[index]))
    }

    private mutating func nextInCluster() throws(UsageError) -> Argument {
        let letters = cluster
        let spelling = "-" + (String(letters.prefix(1)) ?? "")
        let rest = letters.dropFirst()
        cluster = rest
        if spelling == "-h" { return .help }
        guard let index = parameters.firstIndex(where: { $0.short == spelling }) else {
            throw unknownShortOption(spelling)
        }
        guard parameters[index].kind != .flag else {
            if rest.first == UInt8(ascii: "=") { throw .takesNoValue(parameters[index].name) }
            return .option(index, value: nil)
        }
        cluster = Substring().utf8
        let attached = rest.first == UInt8(ascii: "=") ? rest.dropFirst() : rest
        let value = rest.isEmpty ? nil : String(Substring(attached))
        return .option(index, value: try self.value(value, of: parameters[index]))
    }

    /// The value of an option: the attached one, else, where it needs one, the next word, whatever that is.
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
                throw UsageError("option '\(parameter.name)' needs a value")
            }
            position += 1
            return words[position - 1]
        }
    }

    /// A long option with one dash too few is told apart from a wrong letter.
    private func unknownShortOption(_ spelling: String) -> UsageError {
        let whole = "-" + words[position - 1].prefix { $0 != "=" }
        guard longNames.contains(whole) else { return .unknown("option", spelling, among: []) }
        return UsageError("unknown option '\(spelling)'", hint: "did you mean '\(whole)'?")
    }

    private var longNames: [String] { parameters.compactMap(\.long) + ["--help"] }
}

extension UsageError {
    fileprivate static func takesNoValue(_ name: String) -> UsageError {
        UsageError("option '\(name)' takes no value")
    }
}
