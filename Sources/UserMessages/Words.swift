/// Phrases for messages.
package enum Words {
    /// A number with its noun: `1 secret`, `2 secrets`.
    package static func count(_ number: UInt64, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }
}
