// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// Each is a program without a `main`, which libFuzzer brings; `make fuzz` builds and runs them.
let names = ["header", "frames", "agent", "arguments", "formats"]

// To SwiftPM a package is called what its directory is called, and a clone's may be called anything, even `fuzz`.
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
