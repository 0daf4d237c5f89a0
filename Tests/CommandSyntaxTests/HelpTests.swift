import CommandSyntax
import Testing

@Suite struct HelpTests {
    @Test func `help for a command shows all there is`() {
        #expect(
            Put.syntax.outline.help(in: "tool") == """
                Usage: tool put [options] PLACE [NAME]

                Put something somewhere.

                The first paragraph is long enough that it has to be broken over more than one
                single line of the help.

                    an example, kept as it is

                The second paragraph.

                Aliases: store

                Operands:
                  PLACE                    Where to put it
                  NAME                     Its name

                Options:
                      --name NAME          Its name
                      --value V            Its value
                  -l, --level N            How far up it goes
                      --generate[=LENGTH]  Make up a value
                  -f, --force              Do it anyway
                      --no-all             Leave some out
                  -o, --output FILE        Where to write
                  -e, --env K=V            Set a variable (repeatable)
                      --port N             Open a port (repeatable)

                Common options:
                      --vault FILE         Use this vault
                  -q, --quiet              Say less
                  -h, --help               Print this help

                """)
    }

    @Test func `a command without parameters has help`() {
        #expect(
            Lock.syntax.outline.help(in: "tool") == """
                Usage: tool lock [options]

                Lock it.

                Options:
                  -h, --help  Print this help

                """)
    }

    @Test func `the overview shows the commands that are not hidden`() {
        #expect(
            Action.program.overview == """
                Usage: tool COMMAND [options]

                A tool for tests.

                Things:
                  put            Put something somewhere
                  copy           Copy a file

                Others:
                  start          Start a command
                  lock           Lock it

                Topics of help:
                  codes          The exit codes

                Options:
                  -h, --help     Print this help
                      --version  Print the version

                'tool help COMMAND' tells more about a command.

                """)
    }

    @Test func `long summaries are wrapped and long labels stand alone`() {
        let words = Array(repeating: "word", count: 40).joined(separator: " ")
        let syntax = Syntax(
            Put(), name: "x", usage: "A\nB", summary: "X",
            parameters: [
                .option("--an-option-with-a-very-long-name", "VALUE", words, \.value),
                .flag("--force", words, \.force),
            ])
        let lines = syntax.outline.help(in: "tool").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines.starts(with: [
                "Usage: tool x [options] A", "       tool x [options] B", "", "X.", "", "Options:",
            ]))
        #expect(lines.contains("      --an-option-with-a-very-long-name VALUE"))
        #expect(lines.allSatisfy { $0.count <= 80 && $0.last != " " })
        #expect(lines.contains { $0.hasPrefix("      --force  word word") })
        #expect(lines.contains { $0.hasPrefix("               word word") })
    }

    @Test func `usage is made from the operands when none is given`() {
        #expect(Put.syntax.outline.usage == ["PLACE [NAME]"])
        #expect(Start.syntax.outline.usage == ["[--] COMMAND [ARGUMENT...]"])
        let list = Syntax(Start(), name: "x", summary: "X", parameters: [.operands("FILE", "Files", \.words)])
        #expect(list.outline.usage == ["[FILE...]"])
        let none = Syntax(Lock(), name: "x", usage: "", summary: "X", parameters: [])
        #expect(none.outline.help(in: "tool").hasPrefix("Usage: tool x [options]\n\nX.\n"))
    }

    @Test func `the table carries what completions need`() {
        let outlines = Put.syntax.outline.parameters
        func completion(_ name: String) -> Completion? { outlines.first { $0.name == name }?.completion }
        #expect(completion("PLACE") == .choices(["team", "project", "cluster"]))
        #expect(completion("--output") == .file)
        #expect(completion("--vault") == .file)
        #expect(completion("--value") == Completion.none)
        #expect(outlines.first { $0.name == "--quiet" }?.group == "Common options")
        #expect(outlines.first { $0.name == "--level" }?.expected == "a number from 0 to 9")
        #expect(outlines.first { $0.name == "--env" }?.isRepeatable == true)
        #expect(outlines.first { $0.name == "--generate" }?.kind == .optionalValue)
        #expect(outlines.first { $0.name == "NAME" }?.kind == .operand(atLeast: 0, atMost: 1))
    }
}
