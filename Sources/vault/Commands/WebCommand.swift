internal import CommandSyntax
internal import Platform
internal import ProgramEnvironment
internal import UserMessages

/// The command `vault web`.
struct WebCommand: Command {
    var port = 0
    var keyFile: String?
    var idle: UInt64?
    var noOpen = false
    var common = CommonOptions()

    static let info = CommandInfo(
        name: "web", summary: "Show the vault's secrets in the browser",
        discussion: """
            Prints an address on this machine that works once, and opens it if there is a desktop: a page for
            the team, each project and each cluster, where you can add, edit, describe and delete secrets. A value
            is shown only on request. The vault must be unlocked. The server stops on Ctrl-C, when the vault is
            locked, or after 15 minutes without use.

            With --api-key-file, programs that send the content of the file as X-API-Key can list, set and
            delete secrets, but not read them; the client of Paperspace Gradient is one of them:

              vault web --port 8200 --api-key-file KEY &
              PAPERSPACE_CONFIG_HOST=http://127.0.0.1:8200 PAPERSPACE_API_KEY=$(cat KEY) gradient secrets list team

            Only programs of the same user get an answer.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.option(
            "--port", "N", "Listen on this port of 127.0.0.1 (default: a free one)", &port,
            as: .number(in: 0...65535))
        parameters.option(
            "--api-key-file", "FILE", "Answer programs that send the key in this file", &keyFile,
            completing: .file)
        parameters.option(
            "--idle", "DURATION", "Stop after this time without use (15m)", &idle, as: .duration)
        parameters.flag("--no-open", "Do not open a browser", &noOpen)
        parameters.group("Common options") { common.declare(&$0) }
    }

    func run() throws(Failure) {
        let path = try common.path()
        if keyFile == "" { throw Failure(.usage, "option '--api-key-file' needs a value") }
        guard try AgentAccess.status(of: path) != nil else {
            // An error in the file is reported first: unlocking would not help.
            _ = try FileOptions.header(of: path)
            throw Failure(.locked, "\(path) is locked", hint: "unlock it with 'vault unlock'")
        }
        let hasDesktop = ["DISPLAY", "WAYLAND_DISPLAY"].contains { name in
            Environment.withValue(name) { !$0.isEmpty } ?? false
        }
        let opens = !noOpen && hasDesktop && Output.isTerminal
        let words =
            [path, String(port), String(idle ?? 900_000), opens ? "open" : "print"]
            + [keyFile].compactMap(\.self)
        let error = CurrentProcess.become(
            companion: "vault-web", words, keeping: PassphraseVariables.others())
        throw Failure(
            error, "cannot start vault-web, which must be installed beside vault",
            hint: error == .noSuchFile ? "it was not installed" : nil)
    }
}
