import CommandSyntax
import Testing

@Suite struct HelpTests {
    @Test func `help for a command shows all there is`() {
        #expect(
            Put.completeInfo.help(in: "tool") == """
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

    @Test func `help that is longer than a screen is short after the option, and says where the rest is`()
        throws
    {
        #expect(
            try Action.program.resolve(["put", "--help"])
                == .help(
                    """
                    Usage: tool put [options] PLACE [NAME]

                    Put something somewhere.

                    The first paragraph is long enough that it has to be broken over more than one
                    single line of the help.

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

                    'tool help put' says more, also about the options that many commands have.

                    """))
    }

    @Test func `a command without parameters has help`() {
        #expect(
            Lock.completeInfo.help(in: "tool") == """
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

                Help topics:
                  codes          The exit codes

                Options:
                  -h, --help     Print this help
                      --version  Print the version

                'tool help COMMAND' explains a command.

                """)
    }

    @Test func `long summaries are wrapped and long labels stand alone`() {
        struct Sample: ParsedCommand {
            static let words = Array(repeating: "word", count: 40).joined(separator: " ")
            var value = Put()
            static let info = CommandInfo(name: "x", usage: "A\nB", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.option("--an-option-with-a-very-long-name", "VALUE", Self.words, &value.value)
                parameters.flag("--force", Self.words, &value.force)
            }
        }
        let lines = Sample.completeInfo.help(in: "tool").split(
            separator: "\n", omittingEmptySubsequences: false)
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
        #expect(Put.completeInfo.usage == ["PLACE [NAME]"])
        #expect(Start.completeInfo.usage == ["[--] COMMAND [ARGUMENT...]"])
        struct List: ParsedCommand {
            var value = Start()
            static let info = CommandInfo(name: "x", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.operands("FILE", "Files", &value.words)
            }
        }
        #expect(List.completeInfo.usage == ["[FILE...]"])
        struct None: ParsedCommand {
            var value = Lock()
            static let info = CommandInfo(name: "x", usage: "", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {}
        }
        #expect(None.completeInfo.help(in: "tool").hasPrefix("Usage: tool x [options]\n\nX.\n"))
    }

    @Test func `the table carries what completions need`() {
        let parameters = Put.completeInfo.parameters
        func completion(_ name: String) -> Completion? { parameters.first { $0.name == name }?.completion }
        #expect(completion("PLACE") == .choices(["team", "project", "cluster"]))
        #expect(completion("--output") == .file)
        #expect(completion("--vault") == .file)
        #expect(completion("--value") == Completion.none)
        #expect(parameters.first { $0.name == "--quiet" }?.group == "Common options")
        #expect(parameters.first { $0.name == "--env" }?.isRepeatable == true)
        #expect(parameters.first { $0.name == "--generate" }?.kind == .optionalValue)
        #expect(parameters.first { $0.name == "NAME" }?.kind == .operand(atLeast: 0, atMost: 1))
    }
}
