// swift-tools-version: 6.2
import PackageDescription

// Uses the library as anybody would. The programs are those of the documents: see run.sh.
let vault = Context.environment["VAULT_PACKAGE"] ?? "../.."

let package = Package(
    name: "library",
    dependencies: [
        .package(name: "vault", path: vault),
        .package(name: "SecretServer", path: "\(vault)/Examples/SecretServer"),
    ],
    targets: ["example", "tutorial"].map {
        .executableTarget(
            name: $0,
            dependencies: [
                .product(name: "VaultKit", package: "vault"),
                .product(name: "secret-server", package: "SecretServer"),
            ])
    },
    swiftLanguageModes: [.v6]
)
