@testable import CommandSyntax
@testable import vault

/// The fuzz target for the words of a command line, with the program's own command table.
public enum ArgumentsTarget: FuzzTarget {
    /// `arguments`.
    public static let name = "arguments"

    /// Parses `input`, with one word per line, as the program does, and as the shells do for completions.
    public static func run(_ input: [UInt8]) {
        let words = input.split(separator: 10, omittingEmptySubsequences: false).map { word in
            // A word may contain a line end, which this byte stands for.
            String(decoding: word.map { $0 == 0x1F ? 10 : $0 }, as: UTF8.self)
        }
        checkReading(words)
        checkCompletions(words)
    }

    private static func checkReading(_ words: [String]) {
        do throws(UsageError) {
            switch try CommandTable.program.resolve(words) {
            case .command(let command):
                let count = command.verbatimArguments
                require((0...words.count).contains(count), "\(count) of \(words.count) words are handed on")
            case .help(let text):
                require(text.hasSuffix("\n") && isShown(text), "help is text")
            case .version: break
            }
        } catch {
            for text in [error.message, error.hint ?? "x"] {
                require(!text.isEmpty && text.utf8.count < 400 && !text.contains("\n"), "one line: \(text)")
                require(isShown(text), "an error shows no control characters: \(text)")
                for word in words where !word.isEmpty && !isPlain(word) {
                    require(!text.contains("'\(word)'"), "an error does not repeat \(word): \(text)")
                }
            }
            checkSecrecy(words, error.message + (error.hint ?? ""))
        }
    }

    /// Checks that a value after `=` is never shown.
    private static func checkSecrecy(_ words: [String], _ text: String) {
        let marker = "hunter2"
        let isElsewhere = words.contains { word in
            String(word.prefix { $0 != "=" }).contains(marker)
        }
        if !isElsewhere { require(!text.contains(marker), "a value is not shown: \(text)") }
    }

    private static func isShown(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && $0.value != 127 }
    }

    private static func isPlain(_ word: String) -> Bool {
        word.utf8.allSatisfy { byte in
            let scalar = Unicode.Scalar(byte)
            return scalar.properties.isAlphabetic && scalar.isASCII || ("0"..."9").contains(scalar)
                || scalar == "-" || scalar == "_"
        }
    }

    private static func checkCompletions(_ words: [String]) {
        let found = CommandTable.program.completions(of: words)
        for word in found.words {
            require(word.text.utf8.starts(with: found.typed.utf8), "\(word.text) completes \(found.typed)")
            require(isShown(word.text) && isShown(word.summary), "a completion is text")
        }
        guard let first = found.words.first else { return }
        // A shell that takes the completion asks again.
        let taken = words.dropLast() + [found.lead + first.text]
        let again = CommandTable.program.completions(of: Array(taken))
        require(
            again.words.contains { $0.text == first.text } || found.words.count > 40,
            "\(taken) is a completion still")
        checkReading(Array(taken))
        _ = CommandTable.program.completions(of: taken + [""])
    }

    /// Seed inputs, by name.
    public static let seeds: [(name: String, input: [UInt8])] = {
        let lines: [(String, [String])] = [
            ("empty", [""]), ("version", ["--version"]), ("help", ["help", "set"]),
            ("set", ["secrets", "set", "team", "A", "--generate=40", "--quiet"]),
            ("get", ["--vault", "f", "get", "A", "--project", "web", "--json"]),
            ("run", ["run", "--only", "A*", "--", "sh", "-c", "echo $A"]),
            ("import", ["import", "project", "--id=web", "--format", "dotenv", "--dialect", "node", "-"]),
            ("export", ["export", "--format=json", "-o", "-"]),
            ("compact", ["compact", "--keep", "30d", "--vault=x"]),
            ("complete", ["complete", "--", "get", "--pro"]), ("status", ["status", "--json", "-q"]),
            ("copy", ["cp", "team", "A", "project", "B", "--to-id=x"]),
            ("history", ["history", "cluster", "A", "--id", "gpu-1"]),
            ("backup", ["backup", "out.vault", "--force"]), ("unlock", ["unlock", "--for", "8h", "-h"]),
            ("misspelt", ["sett", "--naem=hunter2"]),
            ("odd", ["-\u{301}x", "--é=\u{1B}[31m", "-", "--", "-q"]),
            ("wrong-value", ["get", "A", "--version=hunter2", "--passphrase-fd=x"]),
        ]
        return lines.map { ($0.0, Array($0.1.joined(separator: "\n").utf8)) }
    }()
}
