/// The fuzz target for everything behind a valid header.
public enum FramesTarget: FuzzTarget {
    /// `frames`.
    public static let name = "frames"

    /// Builds the file that `input` describes, and checks the engine with it.
    public static func run(_ input: [UInt8]) {
        var check = VaultCheck(Script.file(input))
        check.run()
    }

    /// Seed inputs, by name.
    public static let seeds: [(name: String, input: [UInt8])] = [
        ("empty", [0]),
        ("put", [0, 0x80, 5, 1]),
        ("put-and-delete", [0, 0x80, 5, 1, 0x81, 0x80, 6, 2]),
        ("several-scopes", [0, 0x82, 5, 1, 0x83, 0, 0x84, 9, 3, 0x85, 0, 0x86, 1, 1, 0x87, 255, 4]),
        ("transaction", [0, 0x00, 5, 1, 0x01, 0x82, 5, 2, 0x80, 7, 3]),
        ("no-commit", [0, 0x80, 5, 1, 0x00, 5, 2]),
        ("head", [0, 0x80, 5, 1, 0x92, 0x80, 6, 2]),
        ("unknown-kinds", [0, 0x80, 5, 1, 0xA2, 0x90, 30, 1, 0xA2, 0xC5, 30, 1]),
        ("unsupported-kind", [0, 0x80, 5, 1, 0x82, 0x33, 30, 1]),
        ("metadata", [0, 0x80, 5, 1, 0xC2, 0, 5, 0xC2, 0, 0, 0xC2, 1, 30, 0x81]),
        ("metadata-with-a-value", [0, 0x00, 5, 1, 0xC2, 0, 9, 0x0A, 0x42, 0, 9, 0xC2, 0, 7]),
        ("metadata-at-the-limit", [0, 0xC2, 0x80, 40, 0xC2, 0x80, 41]),
        ("metadata-like", [0, 0x80, 5, 1, 0xA2, 0xC9, 30, 1]),
        ("rewritten", [0x41, 0x80, 5, 1, 0x81, 9, 0x80, 6, 2]),
        ("rewritten-in-two", [0x61, 0x80, 5, 1, 0x80, 6, 2, 9, 0x80, 6, 2]),
        ("base-end-within", [0x41, 0x00, 5, 1, 9, 0x80, 6, 2]),
        ("read-only", [0x02, 0x80, 5, 1]),
        ("all-shapes", [0x3D, 0x80, 5, 1]),
        ("zeros-behind", [0, 0x80, 5, 1, 0xF5]),
        ("torn", [0, 0x80, 5, 1, 0x80, 100, 1, 7, 40]),
        ("flipped", [0, 0x80, 5, 1, 0x80, 6, 2, 0x80, 7, 3, 8, 200, 0, 1]),
        ("moved", [0, 0x80, 5, 1, 0x06, 0x80, 6, 2]),
        ("clock-back", [0, 0x80, 5, 1, 0x0A, 0x80, 6, 2, 0x2A, 0x80, 7, 3]),
        ("same-time", [0, 0x80, 5, 1, 0x0A, 0x80, 6, 2, 0x0A, 0x81, 0x0A, 0x80, 6, 2]),
        ("lost", [0, 0x80, 5, 1, 0x9C, 0x80, 6, 2]),
        ("lost-within", [0, 0x80, 5, 1, 0x1C, 0x80, 6, 2]),
        ("largest", [0, 0x8D, 0, 0, 0x77]), ("large", [0, 0x8D, 1, 8, 0, 0x8D, 255, 60, 0, 0x81]),
        ("many", [0, 0x0E, 0x1E]),
        ("false-frame", [0, 0x80, 5, 1, 0x0F, 9, 0x80, 6, 2, 0x1F, 9, 0x2F, 1]),
        ("restarted", [0, 0x80, 5, 1, 0x00, 5, 2, 0x0B, 0x80, 6, 2]),
        ("wild-kind", [0, 0x80, 5, 1, 0x83, 0x01, 0x00, 3, 2]),
        ("wild-prefix", [0, 0x80, 5, 1, 0x83, 0x4E, 0x00, 3, 1, 0, 0, 9, 0, 0, 0, 4, 0]),
        ("wild-chain", [0, 0x80, 5, 1, 0x83, 0x30, 0x0C, 3, 1, 0, 0, 1]),
        ("wild-time", [0, 0x80, 5, 1, 0x83, 0x80, 0x01, 3, 255, 255, 255, 255, 255, 255, 0, 0, 1]),
        ("wild-address", [0, 0x80, 5, 1, 0x83, 0x00, 0xF0, 3, 2, 1, 1, 0, 0]),
        ("latest-time", [0, 0x1A, 0xFF, 0xDF, 0xEB, 0x57, 0x77, 0xE6, 0, 0, 0x80, 5, 1]),
        ("raw", [0x80] + Array(Script.file([0, 0x80, 5, 1, 0x81])[4608...])),
    ]
}
