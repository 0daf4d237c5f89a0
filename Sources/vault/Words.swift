/// Phrases for messages.
enum Words {
    /// A number with its noun: `1 secret`, `2 secrets`.
    static func count(_ number: UInt64, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }
}
