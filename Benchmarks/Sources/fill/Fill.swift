import VaultKit

/// Puts COUNT secrets into the vault FILE, whose passphrase is `correct horse battery staple`, and every tenth of them twice.
@main
enum Fill {
    static func main() throws {
        let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
        let passphrase = Array("correct horse battery staple".utf8)
        let vault = try Vault.open(at: CommandLine.arguments[1], passphrase: passphrase.span)
        for round in [1, 10] {
            var number = 0
            while number < count {
                var changes = try Changes()
                while number < count, changes.count < 10_000 {
                    let value = Array("value \(round) of \(number), as long as most".utf8)
                    try changes.set(
                        Secret("SECRET_\(number)", in: .project("project-\(number % 100)")), to: value.span)
                    number += round
                }
                try vault.commit(changes)
            }
        }
    }
}
