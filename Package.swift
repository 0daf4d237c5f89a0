// swift-tools-version: 6.2
import PackageDescription

/// Every target is held to the same rules; a warning is an error.
let rules: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Tests may touch memory and Foundation freely.
let testRules: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// Set by `make fuzz`, whose package, `Fuzz`, calls what is offered to nobody else, the program's own modules too.
let isFuzzed = Context.environment["VAULT_FUZZ"] != nil

let products: [Product] = [
    .library(name: "VaultKit", targets: ["VaultKit"]),
    .executable(name: "vault", targets: ["vault"]),
    .executable(name: "vault-web", targets: ["vault-web"]),
]

let fuzzedProducts: [Product] = [
    .library(
        name: "Insides", targets: ["vault", "CommandSyntax", "Settings", "TOML", "VaultAgent", "VaultCore"])
]

let programParts: [Target.Dependency] = [
    "CommandSyntax", "Diagnosis", "Passphrases", "ProgramEnvironment", "Settings", "UserMessages",
    "VaultAgent", "VaultCore", "Compaction", "VaultFile", "Clipboard", "Sodium", "Platform",
]

/// The completion scripts and the texts of the help topics.
let programTexts: [Resource] =
    ["bash", "zsh", "fish"].map { .embedInCode("Completions/vault.\($0)") }
    + ["exit-codes", "environment", "toml", "unattended", "git", "migrate", "recipes"].map {
        .embedInCode("Topics/\($0).txt")
    }

/// Another program can only link it as a library, and has a `main` of its own.
let program =
    isFuzzed
    ? Target.target(
        name: "vault", dependencies: programParts, exclude: ["Main.swift"], resources: programTexts,
        swiftSettings: rules)
    : Target.executableTarget(
        name: "vault", dependencies: programParts, resources: programTexts, swiftSettings: rules)

let package = Package(
    name: "vault",
    products: isFuzzed ? fuzzedProducts : products,
    targets: [
        .systemLibrary(
            name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CZxcvbn", providers: [.apt(["libzxcvbn-dev"])]),
        .target(name: "CPlatform"),
        .target(name: "Sodium", dependencies: ["CSodium"], swiftSettings: rules),
        .target(name: "Platform", dependencies: ["CPlatform"], swiftSettings: rules),
        .target(
            name: "Passphrases", dependencies: ["CZxcvbn", "Sodium"], exclude: ["english-license.txt"],
            resources: [.embedInCode("english.txt")], swiftSettings: rules),
        .target(name: "Clipboard", dependencies: ["Sodium", "Platform"], swiftSettings: rules),
        .target(name: "VaultFile", dependencies: ["Sodium", "Platform"], swiftSettings: rules),
        .target(name: "Compaction", dependencies: ["VaultFile", "Sodium", "Platform"], swiftSettings: rules),
        .target(
            name: "VaultCore", dependencies: ["Compaction", "VaultFile", "Sodium", "Platform"],
            swiftSettings: rules),
        // `FieldReader` reads a message where it lies, as a type that must not outlive it.
        .target(
            name: "VaultAgent", dependencies: ["VaultCore", "Compaction", "VaultFile", "Sodium", "Platform"],
            swiftSettings: rules + [.enableExperimentalFeature("Lifetimes")]),
        .target(
            name: "UserMessages",
            dependencies: ["VaultAgent", "VaultCore", "VaultFile", "Clipboard", "Sodium", "Platform"],
            swiftSettings: rules),
        .target(
            name: "VaultKit",
            dependencies: ["UserMessages", "VaultAgent", "VaultCore", "VaultFile", "Sodium", "Platform"],
            exclude: ["VaultKit.docc"], swiftSettings: rules),
        .target(name: "CommandSyntax", swiftSettings: rules),
        .target(name: "TOML", swiftSettings: rules),
        .target(
            name: "Settings",
            dependencies: ["TOML", "UserMessages", "VaultAgent", "VaultCore", "Sodium", "Platform"],
            swiftSettings: rules),
        program,
        .target(
            name: "HTTPServer", dependencies: ["CMicroHTTPD", "Sodium", "Platform"], swiftSettings: rules),
        .executableTarget(
            name: "vault-web",
            dependencies: [
                "HTTPServer", "UserMessages", "VaultAgent", "VaultCore", "Sodium", "Platform",
            ],
            resources: [
                .embedInCode("Page/index.html"), .embedInCode("Page/page.css"), .embedInCode("Page/page.js"),
                .embedInCode("Page/basics.js"), .embedInCode("Page/metadata.js"),
                .embedInCode("Page/icon.svg"),
            ],
            swiftSettings: rules),
        .testTarget(name: "SodiumTests", dependencies: ["Sodium"], swiftSettings: testRules),
        .testTarget(name: "PlatformTests", dependencies: ["Platform"], swiftSettings: testRules),
        .testTarget(
            name: "PassphrasesTests", dependencies: ["Passphrases", "Sodium"], swiftSettings: testRules),
        .testTarget(
            name: "ClipboardTests", dependencies: ["Clipboard", "Sodium"], swiftSettings: testRules),
        .testTarget(
            name: "VaultFileTests",
            dependencies: ["VaultCore", "Compaction", "VaultFile", "Sodium", "Platform"],
            swiftSettings: testRules),
        .testTarget(
            name: "VaultCoreTests", dependencies: ["VaultCore", "VaultFile", "Sodium", "Platform"],
            swiftSettings: testRules),
        .testTarget(
            name: "VaultKitTests", dependencies: ["VaultKit", "VaultCore", "VaultFile", "Sodium"],
            swiftSettings: testRules),
        .testTarget(
            name: "VaultAgentTests",
            dependencies: ["VaultAgent", "VaultCore", "VaultFile", "Sodium", "Platform"],
            swiftSettings: testRules),
        .target(
            name: "ProgramEnvironment",
            dependencies: ["Settings", "UserMessages", "VaultCore", "VaultFile", "Sodium", "Platform"],
            swiftSettings: rules),
        .target(
            name: "Diagnosis",
            dependencies: [
                "Settings", "UserMessages", "VaultAgent", "VaultCore", "Compaction", "VaultFile", "Sodium",
                "Platform",
            ],
            swiftSettings: rules),
        .testTarget(
            name: "SettingsTests", dependencies: ["Settings", "TOML", "VaultCore"],
            swiftSettings: testRules),
        .testTarget(name: "TOMLTests", dependencies: ["TOML"], swiftSettings: testRules),
        .testTarget(
            name: "CommandSyntaxTests", dependencies: ["CommandSyntax"], swiftSettings: testRules),
        .testTarget(
            name: "CommandLineTests", dependencies: ["vault"], exclude: ["Transcripts"],
            swiftSettings: testRules),
        // What the fuzzers do, with inputs that are kept; see Fuzz/Package.swift.
        .testTarget(
            name: "FuzzTests", dependencies: programParts + ["TOML", "vault"], path: "Fuzz/Bodies",
            swiftSettings: testRules),
    ],
    swiftLanguageModes: [.v6]
)
