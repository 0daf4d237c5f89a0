/// What a command line asks of a program.
public enum Invocation<Action> {
    /// To do something.
    case command(Action)
    /// To print this text.
    case help(String)
    /// To print its version.
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

    /// Looks for the command behind the options that stand before it, which are then its first ones.
    private func resolve(_ words: [String], leading: [String]) throws(UsageError) -> Invocation<Action> {
        // The two ways that most command lines begin, before any table is made.
        if leading.isEmpty, words.first == "--version" { return .version }
        if let first = words.first, !first.hasPrefix("-") {
            return try resolve(first, leading, Array(words.dropFirst()))
        }
        let version = ParameterInfo(.flag, "--version", summary: "")
        let sharedOptions = sharedOptions
        var reader = ArgumentReader(
            words, parameters: sharedOptions + [version], stopsAtFirstOperand: true)
        while let argument = try next(&reader) {
            switch argument {
            case .help:
                return .help(overview)
            case .option(sharedOptions.count, _):
                return .version
            case .option:
                continue
            case .operand(let word):
                let before = leading + words[..<(reader.position - 1)]
                return try resolve(word, before, Array(words[reader.position...]))
            }
        }
        throw UsageError("missing command")
    }

    private func next(_ reader: inout ArgumentReader) throws(UsageError) -> ArgumentReader.Argument? {
        do throws(UsageError) {
            return try reader.next()
        } catch {
            if reader.helpFollows { return .help }
            throw error
        }
    }

    private func resolve(
        _ word: String, _ leading: [String], _ words: [String]
    ) throws(UsageError) -> Invocation<Action> {
        if word == "help" { return .help(try help(on: words)) }
        if groupWords.contains(word) { return try resolve(words, leading: leading) }
        guard let verb = verb(named: word) else {
            throw .unknown("command", word, among: knownNames + ["help"])
        }
        do throws(UsageError) {
            if let action = try verb.parse(leading + words) { return .command(action) }
        } catch {
            throw error.pointing(to: "\(name) help \(verb.name)")
        }
        return .help(verb.info.help(in: name))
    }

    /// The text for `help TOPIC`, where the topic is a command, one of the topics, or nothing.
    private func help(on words: [String]) throws(UsageError) -> String {
        let words = words.drop(while: groupWords.contains)
        guard let topic = words.first, !["help", "--help", "-h"].contains(topic) else { return overview }
        guard words.count == 1 else { throw UsageError("unexpected operand after TOPIC") }
        if let verb = verb(named: topic) { return verb.info.help(in: name) }
        if let page = topics.first(where: { $0.name == topic }) {
            return TextLayout.paragraphs(page.text).joined(separator: "\n") + "\n"
        }
        throw .unknown("help topic", topic, among: knownNames + topics.map(\.name))
    }

    private func verb(named word: String) -> Verb<Action>? {
        for section in sections {
            if let verb = section.verbs.first(where: { $0.isNamed(word) }) { return verb }
        }
        return nil
    }

    /// The names that may be suggested.
    private var knownNames: [String] {
        verbs.map(\.info).filter { !$0.isHidden }.flatMap(\.names)
    }
}
