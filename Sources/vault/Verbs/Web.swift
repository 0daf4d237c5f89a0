internal import CommandSyntax
internal import Platform
internal import VaultKit
internal import UserMessages

/// The verb `vault web`.
struct Web: Command {
    var port = 0
    var keyFile: String?
    var idle: UInt64?
    var noOpen = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "web", summary: "Show the vault's secrets on a page in the browser",
        discussion: """
            Prints an address of this machine that works once, and on a desktop opens it: a page for the team, each project and each \
            cluster, where secrets are added, edited and deleted. A value is shown only when asked for. The vault must be unlocked. \
            The page ends with Ctrl-C, when the vault is locked, or when it was not used for 15 minutes.

            With --api-key-file, programs that send what the file holds as X-API-Key can list, set and delete, but not read; among them \
            the client of Paperspace Gradient:

              vault web --port 8200 --api-key-file KEY &
              PAPERSPACE_CONFIG_HOST=http://127.0.0.1:8200 PAPERSPACE_API_KEY=$(cat KEY) gradient secrets list team

            Only programs of the same user are answered.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--port", "N", "Listen on this port of 127.0.0.1; else on a free one", &port,
            as: .number(in: 0...65535))
        parameters.option(
            "--api-key-file", "FILE", "Take what this file holds as the key of programs", &keyFile,
            completing: .file)
        parameters.option(
            "--idle", "DURATION", "End when nobody used the page for so long (15m)", &idle, as: .duration
        )
        parameters.flag("--no-open", "Open no browser", &noOpen)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path()
        if keyFile == "" { throw Failure(.usage, "option '--api-key-file' needs a value") }
        guard try AgentAccess.status(of: path) != nil else {
            // What is wrong with the file is said before what to do.
            _ = try FileOptions.header(of: path)
            throw Failure(.locked, "\(path) is locked", hint: "unlock it with 'vault unlock'")
        }
        let hasDesktop = ["DISPLAY", "WAYLAND_DISPLAY"].contains { name in
            Environment.withValue(name) { !$0.isEmpty } ?? false
        }
        let opens = !noOpen && hasDesktop && Output.isTerminal
        let words =
            [path, String(port), String(idle ?? 900_000), opens ? "open" : "print"]
            + [keyFile].compactMap { $0 }
        let error = CurrentProcess.become(companion: "vault-web", words, keeping: Passphrase.keptVariables())
        throw Failure(
            error, "cannot start vault-web, which belongs beside vault",
            hint: error == .noSuchFile ? "it was not installed" : nil)
    }
}
