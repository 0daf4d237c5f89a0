import Foundation
import Testing

/// A shell session: commands with their output and exit codes.
///
/// ```
/// # a comment
/// $ vault get NOPE
/// err> vault: error: no secret 'NOPE' in team
/// code> 9
/// ```
///
/// Lines after a command are its standard output; `err> ` marks a line of standard error, `code> ` an exit code other than 0, `> ` a
/// further line of the command. `[..]` matches anything within a line.
///
/// All commands run in one shell, with no terminal and nothing on standard input. `new-vault [FILE]` puts an empty vault
/// there, with the passphrase `correct horse`; `forge` is Python with the modules of `Tests/PythonReader`, which write what `vault`
/// does not. Times and the temporary directories (`~`, `/directory`) are replaced before the
/// comparison; blank lines do not count.
struct Transcript: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether standard output and standard error are merged and exit codes are omitted, as in a README.
    let isMerged: Bool
    private(set) var steps: [Step] = []

    /// One command.
    struct Step: Sendable {
        /// The document that contains it, unless that is the transcript.
        var page = ""
        let line: Int
        var command: String
        var output: [String] = []
        var errors: [String] = []
        var code = "0"

        var place: String { page.isEmpty ? "line \(line)" : "\(page), line \(line)" }
    }

    var testDescription: String { name }

    /// All files of the directory `Transcripts`.
    static let all: [Transcript] = {
        let directory = Sandbox.package + "/Tests/CommandLineTests/Transcripts"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".txt") }.sorted().map { name in
            let text = (try? String(contentsOfFile: directory + "/" + name, encoding: .utf8)) ?? ""
            return Transcript(String(name.dropLast(4)), text)
        }
    }()

    init(_ name: String, _ text: String) {
        self.name = name
        isMerged = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let isQuiet = steps.last.map { $0.output.isEmpty && $0.errors.isEmpty } ?? true
            if line.isEmpty || line.hasPrefix("# ") { continue }
            if let command = line.dropping("$ ") {
                steps.append(Step(line: index + 1, command: command))
            } else if steps.isEmpty {
                continue
            } else if isQuiet, let more = line.dropping("> ") {
                steps[steps.count - 1].command += "\n" + more
            } else if let error = line.dropping("err> ") ?? line.dropping("err>") {
                steps[steps.count - 1].errors.append(error)
            } else if let code = line.dropping("code> ") {
                steps[steps.count - 1].code = code
            } else {
                steps[steps.count - 1].output.append(String(line))
            }
        }
    }

    /// All fenced blocks marked `console` in pages, in order, as one session that begins in the first page.
    init(_ pages: [Page]) {
        name = "documents"
        isMerged = true
        for page in pages {
            var isInside = false
            for (index, line) in page.text.split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated()
            {
                if line.hasPrefix("```") {
                    isInside = line == "```console"
                } else if isInside, let command = line.dropping("$ ") {
                    steps.append(Step(page: page.name, line: index + 1, command: command))
                } else if isInside, !steps.isEmpty {
                    steps[steps.count - 1].output.append(String(line))
                }
            }
        }
    }

    /// Runs all commands and returns the differences from the expected output.
    func differences() throws -> [String] {
        let sandbox = try Sandbox()
        let results = sandbox.root + "/results"
        try FileManager.default.createDirectory(atPath: results, withIntermediateDirectories: false)
        // Each command sees the state, and $?, that the previous one left.
        var script = ""
        for (index, step) in steps.enumerated() {
            let errors = isMerged ? "&1" : "\(results)/\(index).err"
            script += "{\n\(step.command)\n} >\(results)/\(index).out 2>\(errors)\n"
            script += "echo $? >\(results)/\(index).code; (exit $(cat \(results)/\(index).code))\n"
        }
        let path = sandbox.root + "/script"
        try script.write(toFile: path, atomically: false, encoding: .utf8)
        let child = try Child(
            ["/bin/sh", path].map { Array($0.utf8) }, environment: sandbox.plainEnvironment,
            directory: sandbox.directory,
            output: results + "/output", errors: results + "/errors")
        let outcome = child.wait(seconds: 120)

        var differences: [String] = []
        for (index, step) in steps.enumerated() {
            let lines = { (part: String) -> [String] in
                guard let bytes = try? Sandbox.read("\(results)/\(index).\(part)") else { return [] }
                return normalised(String(decoding: bytes, as: UTF8.self), sandbox)
            }
            guard let code = lines("code").first else {
                let said =
                    (try? Sandbox.read(results + "/errors")).map { String(decoding: $0, as: UTF8.self) } ?? ""
                differences.append(
                    "line \(step.line): $ \(step.command)\nthe session ended here: \(outcome) \(said)")
                break
            }
            let actual = shown(lines("out"), isMerged ? [] : lines("err"), isMerged ? step.code : code)
            let written = { (lines: [String]) in normalised(lines.map { $0 + "\n" }.joined(), sandbox) }
            let expected = shown(written(step.output), written(step.errors), step.code)
            if !matches(expected, actual) {
                differences.append(
                    (["\(step.place): $ \(step.command)", "--- expected"] + expected + ["--- actual"]
                        + actual)
                        .joined(separator: "\n"))
            }
        }
        return differences
    }

    private func shown(_ output: [String], _ errors: [String], _ code: String) -> [String] {
        output.filter { isMerged || !$0.isEmpty } + errors.map { "err> " + $0 }
            + (code == "0" ? [] : ["code> " + code])
    }

    /// The lines of `text`, without the parts that differ in each run.
    private func normalised(_ text: String, _ sandbox: Sandbox) -> [String] {
        var lines = text.replacingOccurrences(of: sandbox.home, with: "~")
            .replacingOccurrences(of: sandbox.directory, with: "/directory")
            .replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/, with: "TIME")
            .replacing(/\d{8}T\d{6}Z(-\d+)?/, with: "TIME")
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    private func matches(_ expected: [String], _ actual: [String]) -> Bool {
        expected.count == actual.count
            && zip(expected, actual).allSatisfy { Transcript.matches($0.components(separatedBy: "[..]"), $1) }
    }

    /// Whether `line` consists of `parts` in order, with anything between them.
    private static func matches(_ parts: [String], _ line: String) -> Bool {
        guard parts.count > 1 else { return parts == [line] }
        guard line.hasPrefix(parts[0]) else { return false }
        var rest = Substring(line).dropFirst(parts[0].count)
        for part in parts[1..<parts.count - 1] where !part.isEmpty {
            guard let range = rest.range(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return rest.hasSuffix(parts[parts.count - 1])
    }
}

extension Substring {
    /// The rest after `prefix`; nil if the text does not begin with it.
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
