package import UserMessages

/// Something about the installation that its user should know or mend.
package struct Finding {
    /// The check that found it, such as `permissions`.
    package let check: String
    /// True if secrets are at risk, or `vault` cannot work as it should.
    package let isUrgent: Bool
    /// What is wrong, in words.
    package let message: String
    /// What to do: usually a command to paste.
    package let remedy: String?

    package init(_ check: String, isUrgent: Bool = false, _ message: String, remedy: Hint? = nil) {
        (self.check, self.isUrgent, self.message) = (check, isUrgent, message)
        // A hint quotes a command, which here stands alone.
        let text = remedy?.text
        let isCommand = text.map { $0.hasPrefix("'vault ") && $0.hasSuffix("'") } ?? false
        self.remedy = isCommand ? text.map { String($0.dropFirst().dropLast()) } : text
    }
}
