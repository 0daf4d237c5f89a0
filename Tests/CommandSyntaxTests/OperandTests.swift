import CommandSyntax
import Testing

@Suite struct OperandTests {
    @Test func `operands are filled in their order`() throws {
        #expect(try Put.parse("project", "N") == Put(place: .project, name: "N"))
        #expect(try Copy.syntax.parse(["a", "b"]) == .command(Copy(from: "a", to: "b")))
    }

    @Test func `an operand with a default may be left out`() throws {
        #expect(try Copy.syntax.parse(["a"]) == .command(Copy(from: "a", to: "-")))
    }

    @Test func `a missing operand is named`() {
        #expect(throws: UsageError("missing operand PLACE")) { try Put.parse() }
        #expect(throws: UsageError("missing operand FROM")) { try Copy.syntax.parse([]) }
        #expect(throws: UsageError("missing operand COMMAND")) { try Start.syntax.parse([]) }
        #expect(throws: UsageError("missing operand COMMAND")) { try Start.syntax.parse(["--"]) }
    }

    @Test func `an operand too many is refused and not repeated`() {
        #expect(throws: UsageError("unexpected operand after NAME")) { try Put.parse("team", "N", "hunter2") }
        #expect(throws: UsageError("unexpected operand: 'lock' takes none")) {
            try Lock.syntax.parse(["hunter2"])
        }
    }

    @Test func `an operand too many beside an option in its place is refused`() {
        let syntax = Syntax(
            Put(), name: "x", summary: "X",
            parameters: [
                .operand("NAME", "Name", \.name, isRequired: true),
                .option("--name", "NAME", "Name", \.name, insteadOf: "NAME"),
            ])
        #expect(throws: UsageError("unexpected operand beside '--name'")) {
            try syntax.parse(["--name=N", "v"])
        }
        #expect(throws: UsageError("missing operand NAME")) { try syntax.parse([]) }
        #expect(throws: Never.self) { try syntax.parse(["--name=N"]) }
    }

    @Test func `an operand of another form is refused and not repeated`() {
        #expect(throws: UsageError("operand PLACE must be one of team, project, cluster")) {
            try Put.parse("hunter2", "N")
        }
    }

    @Test func `optional operands give way to required ones`() throws {
        let syntax = Syntax(
            Put(), name: "x", summary: "X",
            parameters: [
                .operand("PLACE", "Place", \.place, as: .oneOf),
                .operand("NAME", "Name", \.name, isRequired: true),
            ])
        #expect(try syntax.parse(["team"]) == .command(Put(name: "team")))
        #expect(try syntax.parse(["team", "N"]) == .command(Put(place: .team, name: "N")))
        #expect(throws: UsageError("missing operand NAME")) { try syntax.parse([]) }
    }

    @Test func `a list of operands has a least and a most`() throws {
        let syntax = Syntax(
            Put(), name: "x", summary: "X",
            parameters: [
                .operands("PORT", "Ports", \.ports, as: .number(in: 1...9), atLeast: 2, atMost: 3)
            ])
        #expect(try syntax.parse(["1", "2"]) == .command(Put(ports: [1, 2])))
        #expect(try syntax.parse(["1", "2", "3"]) == .command(Put(ports: [1, 2, 3])))
        #expect(throws: UsageError("missing operand PORT")) { try syntax.parse(["1"]) }
        #expect(throws: UsageError("unexpected operand after PORT")) {
            try syntax.parse(["1", "2", "3", "4"])
        }
        #expect(throws: UsageError("operand PORT must be a number from 1 to 9")) {
            try syntax.parse(["1", "x"])
        }
    }

    @Test func `a list leaves the last word to the operand behind it`() throws {
        let syntax = Syntax(
            Put(), name: "x", summary: "X",
            parameters: [
                .operands("FROM", "Files", \.variables), .operand("TO", "File", \.output, isRequired: true),
            ])
        #expect(try syntax.parse(["a", "b", "c"]) == .command(Put(output: "c", variables: ["a", "b"])))
        #expect(try syntax.parse(["a"]) == .command(Put(output: "a")))
    }

    @Test func `a dash alone is an operand`() throws {
        #expect(try Copy.syntax.parse(["-", "-"]) == .command(Copy(from: "-", to: "-")))
    }

    @Test func `two dashes end the options`() throws {
        #expect(try Copy.syntax.parse(["--", "--force", "-h"]) == .command(Copy(from: "--force", to: "-h")))
        #expect(try Copy.syntax.parse(["a", "--", "--help"]) == .command(Copy(from: "a", to: "--help")))
        #expect(try Copy.syntax.parse(["--", "--"]) == .command(Copy(from: "--", to: "-")))
        #expect(try Copy.syntax.parse(["a", "--"]) == .command(Copy(from: "a")))
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
        #expect(try Start.syntax.parse(words) == .command(Start(words: expected)))
    }

    @Test func `options stand before the operand that ends them`() throws {
        #expect(
            try Start.syntax.parse(["--only", "A*", "-q", "--only=B", "--", "env", "-q"])
                == .command(Start(only: ["A*", "B"], words: ["env", "-q"], common: Common(quiet: true))))
    }
}
