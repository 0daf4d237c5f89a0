internal import Platform
internal import TOML
package import UserMessages
internal import VaultCore

/// The user's settings in `config.toml`; nil where the file says nothing.
package struct Configuration: Sendable {
    /// The vault file.
    package private(set) var vault: String?
    /// The time without use after which `unlock` lets the vault be locked, in milliseconds.
    package private(set) var idle: UInt64?
    /// The time after which `unlock` lets the vault be locked in any case, in milliseconds.
    package private(set) var max: UInt64?
    /// The directory for backups without a DEST.
    package private(set) var backupDirectory: String?
    /// How many backups that directory keeps.
    package private(set) var backupKeep: Int?
    /// When messages are coloured.
    package private(set) var color: Output.ColorChoice?
    /// True if a typed passphrase unlocks the vault.
    package private(set) var autoUnlock: Bool?
    /// The first thing that is wrong with the file.
    package private(set) var problem: Failure?

    /// The path of the file, `${XDG_CONFIG_HOME:-~/.config}/vault/config.toml`; nil if there is no such directory.
    package static var path: String? { (try? requiredPath()) ?? nil }

    private static func requiredPath() throws(NotText) -> String? {
        try Locations.configurationDirectory().map { Path.join($0, "config.toml") }
    }

    /// What the file says, as far as it can be used; ``problem`` says what cannot.
    package static let asFarAsKnown = Configuration()

    /// What the file says.
    ///
    /// - Throws: if anything in it cannot be used.
    package static func required() throws(Failure) -> Configuration {
        if let problem = asFarAsKnown.problem { throw problem }
        return asFarAsKnown
    }

    private init() {
        do throws(Failure) {
            guard let path = try inWords(Configuration.requiredPath) else { return }
            guard let file = try SettingsFile.read(path, remedy: nil) else { return }
            for entry in file.table.entries {
                do throws(TOMLError) {
                    try take(entry)
                } catch {
                    problem = problem ?? Failure(error, in: path, remedy: nil)
                }
            }
        } catch {
            problem = error
        }
    }

    private mutating func take(_ entry: TOMLEntry) throws(TOMLError) {
        switch entry.key {
        case "vault": vault = try Configuration.path(entry)
        case "idle": idle = try Configuration.duration(entry)
        case "max": max = try Configuration.duration(entry)
        case "backup_directory": backupDirectory = try Configuration.path(entry)
        case "backup_keep": backupKeep = Int(try entry.integer(in: 1...10_000))
        case "color":
            color = Output.ColorChoice(rawValue: try entry.string())
            if color == nil { throw entry.error("'color' must be \"auto\", \"always\" or \"never\"") }
        case "auto_unlock": autoUnlock = try entry.boolean()
        default:
            throw entry.error(
                "unknown key '\(entry.key)'; the keys are vault, idle, max, backup_directory, backup_keep, color, auto_unlock"
            )
        }
    }

    private static func path(_ entry: TOMLEntry) throws(TOMLError) -> String {
        let path = Locations.expandingHome(try entry.string())
        guard Path.isAbsolute(path), !path.utf8.contains(0) else {
            throw entry.error("'\(entry.key)' must be a path that begins with / or ~/")
        }
        return path
    }

    private static func duration(_ entry: TOMLEntry) throws(TOMLError) -> UInt64 {
        guard let duration = DurationFormat.parse(try entry.string()) else {
            throw entry.error("'\(entry.key)' must be a duration such as \"90s\", \"15m\", \"1h\" or \"7d\"")
        }
        return duration
    }
}
