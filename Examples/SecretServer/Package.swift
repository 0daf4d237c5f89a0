// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "SecretServer",
    products: [.executable(name: "secret-server", targets: ["SecretServer"])],
    dependencies: [.package(name: "vault", path: "../..")],
    targets: [
        .executableTarget(
            name: "SecretServer", dependencies: [.product(name: "VaultKit", package: "vault")])
    ],
    swiftLanguageModes: [.v6]
)
