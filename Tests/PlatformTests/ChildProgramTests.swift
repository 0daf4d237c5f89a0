import Foundation
import Testing

@testable import Platform

@Suite struct `A program that is waited for` {
    private let variables = Array(0..<Environment.count)

    private func shell(_ script: String, limit: UInt64 = 20) -> ChildProgram {
        ChildProgram("/bin/sh", ["-c", script], limit: limit)
    }

    private func output(of program: ChildProgram) throws -> (Int32?, String) {
        var (buffer, text) = ([UInt8](repeating: 0, count: 100), [UInt8]())
        var span = buffer.mutableSpan
        let outcome = try program.run(keeping: variables, buffer: &span) { text.append(copying: $0) }
        return (outcome.status, String(decoding: text, as: UTF8.self))
    }

    private func isRunning(_ process: String) -> Bool {
        let words = InputFile.text(of: "/proc/\(process)/stat").split(separator: " ")
        return words.count > 2 && words[2] != "Z"
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 1 << 20])
    func `gets all of its input`(count: Int) throws {
        let input = [UInt8](repeating: 0x61, count: count)
        let outcome = try shell("test $(wc -c) = \(count)").run(giving: input.span, keeping: variables)
        #expect(outcome.status == 0 && outcome.hasReadInput)
    }

    @Test func `need not see the end of its input, nor read at once`() throws {
        let input = [UInt8](repeating: 0x61, count: 10_000)
        let background = "{ cat <&3 >/dev/null & } 3<&0; sleep 0.1"
        for script in ["head -c 10000 >/dev/null", "sleep 0.2; cat >/dev/null", background] {
            let outcome = try shell(script).run(giving: input.span, keeping: variables)
            #expect(outcome.status == 0 && outcome.hasReadInput, "\(script)")
        }
    }

    @Test(arguments: [1, 5000, 1 << 20])
    func `is known not to have read its input`(count: Int) throws {
        let input = [UInt8](repeating: 0x61, count: count)
        for script in ["exit 0", "exec <&-; exit 0", "head -c \(count / 2) >/dev/null"] {
            let outcome = try shell(script).run(giving: input.span, keeping: variables)
            #expect(outcome.status == 0 && !outcome.hasReadInput, "\(script)")
        }
        let outcome = try shell("exit 7").run(giving: input.span, keeping: variables)
        #expect(outcome.status == 7)
    }

    @Test func `is killed with all of its group when it takes too long`() throws {
        let file = NSTemporaryDirectory() + "vault-tests-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let began = Date()
        let input = [UInt8](repeating: 0x61, count: 1 << 20)
        for script in ["sleep 100", "cat >/dev/null; sleep 100", "exec <&-; sleep 100"] {
            let program = shell("sleep 100 & echo $! >\(file); \(script)", limit: 1)
            #expect(try program.run(giving: input.span, keeping: variables).status == nil)
            let child = try String(contentsOfFile: file, encoding: .utf8).dropLast()
            while isRunning(String(child)), Date().timeIntervalSince(began) < 60 { usleep(10_000) }
            #expect(!isRunning(String(child)))
        }
        #expect(Date().timeIntervalSince(began) < 60)
    }

    @Test func `has no output after its time, nor after its end, whoever keeps the pipe open`() throws {
        let began = Date()
        for script in [
            "sleep 70 & sleep 70", "setsid sleep 70 & sleep 70", "yes & sleep 70", "exec >&-; sleep 70",
        ] {
            #expect(try output(of: shell(script, limit: 1)).0 == nil, "\(script)")
        }
        #expect(try output(of: shell("echo text; setsid sleep 70 & exit 3")) == (3, "text\n"))
        #expect(Date().timeIntervalSince(began) < 60)
    }

    @Test func `leaves running what it left in the background`() throws {
        let (status, text) = try output(of: shell("sleep 70 >/dev/null & echo $!"))
        let child = String(text.dropLast())
        #expect(status == 0 && isRunning(child))
        kill(pid_t(child) ?? 0, SIGKILL)
    }
}
