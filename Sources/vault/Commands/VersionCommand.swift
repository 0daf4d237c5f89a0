internal import CommandSyntax
internal import Platform
internal import Sodium
internal import UserMessages

/// The command `vault version`, and `vault --version --json`.
struct VersionCommand: Command {
    var json = false

    static let info = CommandInfo(
        name: "version", summary: "Print the versions of vault and of the libraries it uses",
        discussion: """
            libsodium and the C library report their own versions; of the Swift compiler, only the major and
            minor version are known.

            With --json, also as 'vault --version --json':
            {"schema":1,"vault":"0.1.0","libsodium":"1.0.18","glibc":"2.36","swift":"6.3"}.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--json", "Print JSON", &json)
    }

    func run() throws(Failure) {
        let versions = [
            ("vault", CommandTable.version), ("libsodium", Libsodium.version), ("glibc", CLibrary.version),
            ("swift", VersionCommand.compiler),
        ]
        if json {
            return try Output.write(JSON.document(versions.map { ($0, JSON.string($1)) }))
        }
        try Output.write(versions.map { "\($0) \($1)\n" }.joined())
    }

    private static var compiler: String {
        #if compiler(>=6.5)
            "6.5 or newer"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "older than 6.3"
        #endif
    }
}
