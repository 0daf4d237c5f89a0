// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [.package(name: "vault", path: "..")],
    targets: [
        .executableTarget(name: "engine", dependencies: [.product(name: "VaultKit", package: "vault")])
    ],
    swiftLanguageModes: [.v6]
)
