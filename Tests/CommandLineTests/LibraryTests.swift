import Foundation
import Testing

@Suite struct LibraryTests {
    @Test(.timeLimit(.minutes(10)))
    func `the library's documents and its sample server build and do what they say`() throws {
        let sandbox = try Sandbox()
        let passphrase = try sandbox.write("passphrase", Array("correct horse battery staple".utf8))
        for words in [
            ["init", "--kdf-memory", "64"], ["unlock"],
            ["set", "project", "--id", "greeter", "API_TOKEN", "--value", "letmein"],
        ] {
            let result = try sandbox.program(
                [sandbox.root + "/bin/vault"] + words + ["--passphrase-file", passphrase])
            try #require(result.outcome == .exit(0), "\(result)")
        }
        let environment = ProcessInfo.processInfo.environment.merging([
            "XDG_RUNTIME_DIR": sandbox.root + "/run", "XDG_STATE_HOME": sandbox.root + "/state",
        ]) { $1 }
        let (output, errors) = (sandbox.root + "/output", sandbox.root + "/errors")
        let child = try Child(
            [
                Sandbox.package + "/Tests/Library/run.sh", sandbox.vault, "letmein",
                sandbox.root + "/bin/vault", passphrase,
            ].map { Array($0.utf8) },
            environment: environment, directory: sandbox.directory, output: output, errors: errors)
        let outcome = child.wait(seconds: 500)
        #expect(
            String(decoding: try Sandbox.read(output), as: UTF8.self) == """
                API_KEY has 5 bytes
                for web
                DB_PASSWORD: 7 bytes
                TLS_KEY: 2 bytes
                no secret 'MISSING' in the given scope or context
                3 versions
                the server answers 200 401 503 200 503 200

                """)
        let text = String(decoding: try Sandbox.read(errors), as: UTF8.self)
        #expect(outcome == .exit(0), "\(text)")
        #expect(
            try sandbox.run("get", "API_KEY", "--project", "web", "--passphrase-file", passphrase).text
                == "k-123")
    }
}
