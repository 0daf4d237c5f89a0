import Foundation
import Testing

/// Tests of many concurrent processes.
@Suite(.serialized) struct ConcurrencyTests {
    @Test(.timeLimit(.minutes(10)))
    func `of 200 sets at once none is lost, and readers never fail`() throws {
        let sandbox = try Sandbox()
        #expect(try sandbox.run("init", "--kdf-memory", "64").outcome == .exit(0))
        let vault = Array((sandbox.root + "/bin/vault").utf8)
        let start = { (number: Int, words: [String]) in
            try Child(
                [vault] + words.map { Array($0.utf8) }, environment: sandbox.environment,
                directory: sandbox.directory,
                input: sandbox.write("value-\(number)", Array("value \(number)".utf8)),
                output: sandbox.root + "/\(number).out", errors: sandbox.root + "/\(number).err")
        }
        let writers = try (0..<200).map { try start($0, ["set", "team", "N\($0)"]) }
        var outcomes: [Child.Outcome?] = Array(repeating: nil, count: writers.count)
        var reads = 0
        while outcomes.contains(nil) {
            // A read queues with the writers to derive a key, and may time out.
            let read = try sandbox.run(reads.isMultiple(of: 2) ? "check" : "list")
            #expect(read.outcome == .exit(0) || read.outcome == .exit(7), "\(read)")
            reads += 1
            for (index, writer) in writers.enumerated() where outcomes[index] == nil {
                var status: Int32 = 0
                guard waitpid(writer.id, &status, WNOHANG) == writer.id else { continue }
                outcomes[index] = status & 0x7F == 0 ? .exit(status >> 8) : .signal(status & 0x7F)
            }
        }
        let acknowledged = writers.indices.filter { outcomes[$0] == .exit(0) }
        for index in writers.indices where outcomes[index] != .exit(0) {
            let said = try String(contentsOfFile: sandbox.root + "/\(index).err", encoding: .utf8)
            #expect(outcomes[index] == .exit(7), "\(said)")
        }
        #expect(reads > 0)
        #expect(!acknowledged.isEmpty)
        let names = Set(try sandbox.run("list").text.split(separator: "\n").map(String.init))
        #expect(names.isSuperset(of: acknowledged.map { "N\($0)" }))
        #expect(names.count == acknowledged.count, "one that was refused is there all the same")
        #expect(try sandbox.run("check").outcome == .exit(0))
        for index in acknowledged.prefix(3) {
            #expect(try sandbox.run("get", "N\(index)").text == "value \(index)")
        }
    }

    @Test func `of two inits at once one makes the vault`() throws {
        let sandbox = try Sandbox()
        let script =
            "for i in 1 2 3 4; do { vault init -q --kdf-memory 64; echo $? >>codes; } & done; wait; sort codes"
        #expect(try sandbox.program(["/bin/sh", "-c", script]).text == "0\n1\n1\n1\n")
        #expect(try sandbox.run("check").outcome == .exit(0))
    }

    /// Each round sets a value while another command changes the same secret, and counts it as lost unless it is current somewhere.
    @Test(arguments: [
        (
            "vault move R --from team --to project --to-id p -q",
            "vault get team R; vault get project --id p R"
        ),
        (
            "vault move --all --from team --to project --to-id p -q",
            "vault get team R; vault get project --id p R"
        ),
        ("vault undo team R -q", "vault get team R"),
        ("vault undo team --all -q", "vault get team R"),
    ])
    func `what reads before it writes overrides no set that was acknowledged in between`(
        _ command: String, _ reads: String
    ) throws {
        let sandbox = try Sandbox()
        let script = """
            export VAULT_PASSPHRASE='correct horse'; vault init -q --kdf-memory 64; vault unlock -q
            for name in A B C D; do printf x | vault set team $name -q; done
            for i in $(seq 30); do
                vault delete project --id p R -q 2>/dev/null
                printf "old $i" | vault set team R -q; printf "older $i" | vault set team R -q
                printf "new $i" | vault set team R -q & \(command) 2>/dev/null; wait $!
                # What the command read is the new value, or the new value came after it.
                history=$(vault history team R | head -2 | cut -f3 | tr -d '\\n')
                case "$({ \(reads); } 2>/dev/null)" in
                *"new $i"*) echo kept;;
                *) vault get team R --version 1 2>/dev/null | grep -q "new $i" && [ "$history" = setset ] \
                    && echo undone || echo "lost $i";;
                esac
            done | sort | uniq -c
            vault lock -q
            """
        let end = try sandbox.program(["/bin/sh", "-c", script])
        #expect(!end.text.contains("lost"), "\(end)")
        #expect(end.text.contains("kept") || end.text.contains("undone"))
    }
}
