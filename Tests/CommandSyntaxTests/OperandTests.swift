import CommandSyntax
import Testing

@Suite struct OperandTests {
    @Test func `operands are filled in their order`() throws {
        #expect(try Put.parse("project", "N") == Put(place: .project, name: "N"))
        #expect(try Copy.parse(["a", "b"]) == Copy(from: "a", to: "b"))
    }

    @Test func `an operand with a default may be left out`() throws {
        #expect(try Copy.parse(["a"]) == Copy(from: "a", to: "-"))
    }

    @Test func `a missing operand is named`() {
        #expect(throws: UsageError("missing operand PLACE", kind: .incomplete)) { try Put.parse() }
        #expect(throws: UsageError("missing operand FROM", kind: .incomplete)) { try Copy.parse([]) }
        #expect(throws: UsageError("missing operand COMMAND", kind: .incomplete)) { try Start.parse([]) }
        #expect(throws: UsageError("missing operand COMMAND", kind: .incomplete)) { try Start.parse(["--"]) }
    }

    @Test func `an operand too many is refused and not repeated`() {
        #expect(throws: UsageError("unexpected operand after NAME", kind: .tooManyOperands)) {
            try Put.parse("team", "N", "hunter2")
        }
        #expect(throws: UsageError("unexpected operand: 'lock' takes none", kind: .tooManyOperands)) {
            try Lock.parse(["hunter2"])
        }
    }

    @Test func `an operand too many beside an option in its place is refused`() {
        struct Sample: ParsedCommand {
            var value = Put()
            static let info = CommandInfo(name: "x", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.operand("NAME", "Name", &value.name, isRequired: true)
                parameters.option("--name", "NAME", "Name", &value.name, insteadOf: "NAME")
            }
        }
        #expect(throws: UsageError("unexpected operand beside '--name'", kind: .tooManyOperands)) {
            try Sample.parse(["--name=N", "v"])
        }
        #expect(throws: UsageError("missing operand NAME", kind: .incomplete)) { try Sample.parse([]) }
        #expect(throws: Never.self) { try Sample.parse(["--name=N"]) }
    }

    @Test func `an operand of another form is refused and not repeated`() {
        #expect(throws: UsageError("operand PLACE must be one of team, project, cluster", kind: .noChoice)) {
            try Put.parse("hunter2", "N")
        }
    }

    @Test func `optional operands give way to required ones`() throws {
        struct Sample: ParsedCommand {
            var value = Put()
            static let info = CommandInfo(name: "x", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.operand("PLACE", "Place", &value.place, as: .oneOf)
                parameters.operand("NAME", "Name", &value.name, isRequired: true)
            }
        }
        #expect(try Sample.parse(["team"])?.value == Put(name: "team"))
        #expect(try Sample.parse(["team", "N"])?.value == Put(place: .team, name: "N"))
        #expect(throws: UsageError("missing operand NAME", kind: .incomplete)) { try Sample.parse([]) }
    }

    @Test func `a list of operands has a least and a most`() throws {
        struct Sample: ParsedCommand {
            var value = Put()
            static let info = CommandInfo(name: "x", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.operands("PORT", "Ports", &value.ports, atLeast: 2, atMost: 3)
            }
        }
        #expect(try Sample.parse(["1", "2"])?.value == Put(ports: ["1", "2"]))
        #expect(try Sample.parse(["1", "2", "3"])?.value == Put(ports: ["1", "2", "3"]))
        #expect(throws: UsageError("missing operand PORT", kind: .incomplete)) { try Sample.parse(["1"]) }
        #expect(throws: UsageError("unexpected operand after PORT", kind: .tooManyOperands)) {
            try Sample.parse(["1", "2", "3", "4"])
        }
    }

    @Test func `a list leaves the last word to the operand behind it`() throws {
        struct Sample: ParsedCommand {
            var value = Put()
            static let info = CommandInfo(name: "x", summary: "X")
            mutating func declare(_ parameters: inout Parameters) {
                parameters.operands("FROM", "Files", &value.variables)
                parameters.operand("TO", "File", &value.output, isRequired: true)
            }
        }
        #expect(try Sample.parse(["a", "b", "c"])?.value == Put(output: "c", variables: ["a", "b"]))
        #expect(try Sample.parse(["a"])?.value == Put(output: "a"))
    }

    @Test func `a dash alone is an operand`() throws {
        #expect(try Copy.parse(["-", "-"]) == Copy(from: "-", to: "-"))
    }

    @Test func `two dashes end the options`() throws {
        #expect(try Copy.parse(["--", "--force", "-h"]) == Copy(from: "--force", to: "-h"))
        #expect(try Copy.parse(["a", "--", "--help"]) == Copy(from: "a", to: "--help"))
        #expect(try Copy.parse(["--", "--"]) == Copy(from: "--", to: "-"))
        #expect(try Copy.parse(["a", "--"]) == Copy(from: "a"))
    }

    @Test(arguments: [
        (["npm", "start", "--port", "3"], ["npm", "start", "--port", "3"]),
        (["--", "npm", "--help"], ["npm", "--help"]),
        (["npm", "--", "x"], ["npm", "--", "x"]),
        (["--", "--", "x"], ["--", "x"]),
        (["npm", "-h"], ["npm", "-h"]),
        (["npm", "--only", "x", "--bogus"], ["npm", "--only", "x", "--bogus"]),
        (["-", "-q"], ["-", "-q"]),
        (["", "-q"], ["", "-q"]),
    ])
    func `the first operand may end the options`(words: [String], expected: [String]) throws {
        #expect(try Start.parse(words) == Start(words: expected))
    }

    @Test func `options stand before the operand that ends them`() throws {
        #expect(
            try Start.parse(["--only", "A*", "-q", "--only=B", "--", "env", "-q"])
                == Start(only: ["A*", "B"], words: ["env", "-q"], common: Common(quiet: true)))
    }
}
