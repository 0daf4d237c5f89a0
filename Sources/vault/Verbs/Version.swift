internal import CommandSyntax
internal import Platform
internal import Sodium
internal import UserMessages

/// The verb `vault version`, and `vault --version --json`.
struct Version: Command {
    var json = false

    static let info = CommandInfo(
        name: "version", summary: "Print the versions of vault and of what is linked into it",
        discussion: """
            libsodium and the C library say so themselves; of the Swift compiler the program knows no more than the first two numbers.

            With --json: {"schema":1,"vault":"0.1.0","libsodium":"1.0.18","glibc":"2.36","swift":"6.3"}, also by 'vault --version --json'.
            """)

    mutating func declare(_ parameters: inout Parameters) {
        parameters.flag("--json", "Print JSON", &json)
    }

    func run() throws(Failure) {
        let versions = [
            ("vault", CommandTable.version), ("libsodium", Libsodium.version), ("glibc", CLibrary.version),
            ("swift", Version.compiler),
        ]
        if json {
            let pairs = versions.map { ($0, JSON.string($1)) }
            return try Output.write(JSON.object([("schema", .number(1))] + pairs).text + "\n")
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
