/// The meaning of a command line.
public enum Invocation<Action> {
    /// Run a command.
    case command(Action)
    /// Print this help text.
    case help(String)
    /// Print the program's version.
    case version
}

extension Invocation: Equatable where Action: Equatable {}
extension Invocation: Sendable where Action: Sendable {}

extension Program {
    /// Reads the words that follow the program's name.
    public func resolve(_ words: [String]) throws(UsageError) -> Invocation<Action> {
        do throws(UsageError) {
            return try resolve(words, leading: [])
        } catch {
            throw error.pointing(to: "\(name) help")
        }
    }

    /// Returns the group word before the command; nil if there is none.
    public func groupWord(in words: [String]) -> String? {
        guard words.contains(where: groupWords.contains) else { return nil }
        var reader = ArgumentReader(words, parameters: sharedOptions, stopsAtFirstOperand: true)
        while let argument = try? reader.next() {
            if case .operand(let word) = argument { return groupWords.contains(word) ? word : nil }
        }
        return nil
    }

    /// Finds the command after leading options, which become the command's first options.
    private func resolve(
        _ words: [String], leading: [String], in group: String? = nil
    ) throws(UsageError) -> Invocation<Action> {
        // Most command lines begin in one of these two ways, for which the shared options are not needed.
        if leading.isEmpty, words.first == "--version" || words.first == "-V" { return .version }
        if let first = words.first, first.utf8.first != UInt8(ascii: "-") {
            return try resolve(first, leading, Array(words.dropFirst()), in: group)
        }
        let version = ParameterInfo(.flag, "-V --version", summary: "")
        let sharedOptions = sharedOptions
        var reader = ArgumentReader(
            words, parameters: sharedOptions + [version], stopsAtFirstOperand: true)
        while let argument = try reader.next() {
            switch argument {
            case .help:
                return .help(overview(of: group))
            case .option(sharedOptions.count, _):
                return .version
            case .option:
                continue
            case .operand(let word):
                let before = leading + words[..<(reader.position - 1)]
                return try resolve(word, before, Array(words[reader.position...]), in: group)
            }
        }
        throw UsageError("missing command")
    }

    private func resolve(
        _ word: String, _ leading: [String], _ words: [String], in group: String?
    ) throws(UsageError) -> Invocation<Action> {
        if word == "help" { return .help(try help(on: (group.map { [$0] } ?? []) + words)) }
        if groupWords.contains(word) { return try resolve(words, leading: leading, in: word) }
        guard let verb = verb(named: word) else {
            var error = UsageError.unknown("command", word, among: knownNames(near: word) + ["help"])
            if let meant = synonym(word) { error.hint = "did you mean '\(meant)'?" }
            throw error
        }
        do throws(UsageError) {
            if let action = try verb.parse(leading + words) { return .command(action) }
        } catch {
            var error = error
            error.hint = verb.info.advice(error.kind, words) ?? error.hint
            throw error.pointing(to: "\(name) help \(verb.name)")
        }
        return .help(verb.info.shortHelp(in: name))
    }

    /// Returns the text of `help` for a command or topic, or the overview without one.
    private func help(on words: [String]) throws(UsageError) -> String {
        let group = words.prefix(while: groupWords.contains).last
        let words = words.drop(while: groupWords.contains)
        guard let topic = words.first, !["help", "--help", "-h"].contains(topic) else {
            return overview(of: group)
        }
        guard words.count == 1 else { throw UsageError("unexpected operand after TOPIC") }
        if let verb = verb(named: topic) { return verb.info.help(in: name) }
        if topic == "all" || topic == "--all", !everyday.isEmpty { return overview(of: group, isWhole: true) }
        if let page = topics.first(where: { $0.name == topic }) {
            return TextLayout.paragraphs(page.text).joined(separator: "\n") + "\n"
        }
        throw .unknown("help topic", topic, among: knownNames(near: topic) + topics.map(\.name))
    }

    private func verb(named word: String) -> Verb<Action>? {
        for section in sections {
            for verb in section.verbs where verb.isNamed(word) { return verb }
        }
        return nil
    }

    /// Returns the names that a suggestion for `word` can use.
    ///
    /// An alias is among them only if a single letter is wrong, so that no other word leads to `unset`, which deletes.
    private func knownNames(near word: String) -> [String] {
        let typed = Array(word.utf8.prefix(40))
        return verbs.map(\.info).filter { !$0.isHidden }.flatMap { info in
            [info.name]
                + info.aliases.filter { Suggestion.distance(from: typed, to: Array($0.utf8)) <= 1 }
        }
    }
}
