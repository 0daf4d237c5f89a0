// swift-tools-version: 6.2
import PackageDescription

// Uses the library as anybody would. The program is the example of the README: see run.sh.
let package = Package(
    name: "example",
    dependencies: [.package(name: "vault", path: Context.environment["VAULT_PACKAGE"] ?? "../..")],
    targets: [
        .executableTarget(name: "example", dependencies: [.product(name: "VaultKit", package: "vault")])
    ]
)
