import Foundation
import Testing

@Suite struct LibraryTests {
    @Test(.timeLimit(.minutes(10)))
    func `the library's example in its page builds and does what it says`() throws {
        let sandbox = try Sandbox()
        let passphrase = try sandbox.write("passphrase", Array("correct horse battery staple".utf8))
        try #require(
            try sandbox.run("init", "--kdf-memory", "64", "--passphrase-file", passphrase).outcome == .exit(0)
        )
        let environment = ProcessInfo.processInfo.environment.merging([
            "XDG_RUNTIME_DIR": sandbox.root + "/run"
        ]) { $1 }
        let output = sandbox.root + "/example"
        let child = try Child(
            [Sandbox.package + "/Tests/Library/run.sh", sandbox.vault].map { Array($0.utf8) },
            environment: environment,
            directory: sandbox.directory, output: output, errors: output)
        let outcome = child.wait(seconds: 500)
        #expect(String(decoding: try Sandbox.read(output), as: UTF8.self) == "project has 5 bytes\n")
        #expect(outcome == .exit(0))
        #expect(
            try sandbox.run("get", "API_KEY", "--project", "web", "--passphrase-file", passphrase).text
                == "k-123")
    }
}
