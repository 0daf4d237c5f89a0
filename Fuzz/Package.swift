// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// The fuzz targets, programs whose `main` comes from libFuzzer; `make fuzz` builds and runs them.
let names = ["header", "frames", "agent", "arguments", "formats"]

// SwiftPM names a package after its directory, and that of a clone can have any name, even `fuzz`.
let vault = Context.environment["VAULT_PACKAGE"] ?? ".."

let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "vault", path: vault)],
    targets: [
        .target(
            name: "Bodies", dependencies: [.product(name: "Insides", package: "vault")], path: "Bodies",
            exclude: ["ReplayTests.swift"], swiftSettings: settings),
        .target(name: "Quick", path: "Targets/quick"),
    ]
        + names.map {
            .executableTarget(
                name: "fuzz-\($0)", dependencies: ["Bodies", "Quick"], path: "Targets/\($0)",
                swiftSettings: settings)
        },
    swiftLanguageModes: [.v6]
)
